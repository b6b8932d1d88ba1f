package contract

import "context"

// A Hook is something that lives as long as a node that runs use cases: what is to be
// done when it starts and stops, and work of its own in between, like reading a feed or
// refreshing a cache. A use case lists its own in a method Hooks, as it lists Routes, and
// usecases.Hooks gathers them. Each field may be nil but the Name.
//
// Every node has its own. What must be done once in the whole service, and what must
// not be lost, is a command: Run sends it by a Dispatcher, and a chain goes on by
// submitting the next one.
type Hook struct {
	Name string // for the log, "chat.cleanup"

	// OnStart runs before the node serves, one hook after the other in their order. An
	// error fails the start.
	OnStart func(context.Context) error

	// Run runs beside the commands, from when the node is ready until it stops: then its
	// context ends, after the last command, and it has 10 s to return. An error or a
	// panic is logged, and it is run again after a pause, from 1 s to a minute as it goes
	// on failing. If it returns nil, it is done.
	Run func(context.Context) error

	// OnStop runs when the node has stopped, in reverse order, for each hook that was
	// started, also if the start of a later one has failed. It has 10 s.
	OnStop func(context.Context) error
}
