// Package app puts the service together: wire.go says of what, wire_gen.go is how.
//
// You live in usecases/; everything else is plumbing you read once. The shortest way through it
// is that of one command, from its client to those who hear what came of it:
//
//	transport/socketio  handler.Event     what a client has sent is checked; over REST route.ServeHTTP does it
//	internal/broker     Gateway.Submit    it is appended to its lane, a stream in Redis
//	internal/broker     Worker.follow     the node that owns the lane reads it
//	internal/broker     Worker.run        the use case's handler runs, and returns an output and effects
//	internal/broker     committer.commit  one script commits them all together
//	internal/broker     Gateway.follow    the nodes that hold sockets read the answer and the events
//	transport/socketio  handler.reply     the client has its answer
//	internal/emitter    Emitter.Handle    the sockets in their rooms have the events
package app
