package client

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
)

// An inbox is what has come and waits: for handlers, which run one after the other, or
// for Receive. The mutex of its Client guards it.
type inbox struct {
	maxEvents, maxBytes int

	due   []item // for handlers, in order
	kept  []Raw  // without handler, for Receive, in order
	bytes int    // of both
	came  int    // how many events have come
	lost  map[string]bool
	wake  chan struct{} // 1: something is due

	handlers map[string][]*handler
	waiters  []*waiter
}

// An item is an event for its handlers, or something else that is to be told in turn.
type item struct {
	event Raw
	tell  func()
}

// A handler has either of two ways to take an event.
type handler struct {
	handle  func(Raw)       // when it is its turn
	begin   func(Raw) error // at once, beside the others; c.mu is held
	stopped atomic.Bool
}

// A waiter is one Receive.
type waiter struct {
	name  string   // "" for any event
	event chan Raw // 1
}

func newInbox(o options) inbox {
	return inbox{
		maxEvents: o.events, maxBytes: o.bytes, wake: make(chan struct{}, 1),
		handlers: map[string][]*handler{}, lost: map[string]bool{},
	}
}

// put takes an event in: ErrOverflow if there is no room for one that has handlers.
func (b *inbox) put(e Raw) error {
	b.came++
	e.place = b.came
	all := b.handlersOf(e.Name)
	due, err := begin(all, e)
	e.begun = slices.ContainsFunc(all, func(h *handler) bool { return h.begin != nil })
	switch {
	case err != nil:
		return err
	case len(all) > 0 && !due: // each of its handlers has begun
		return nil
	case len(all) == 0 && b.hand(e): // somebody waited for it
		return nil
	}
	for len(b.due)+len(b.kept) >= b.maxEvents || b.bytes+e.size > b.maxBytes {
		switch {
		case len(b.kept) > 0:
			b.lose(b.kept[0].Name)
			b.bytes -= b.kept[0].size
			b.kept[0] = Raw{} // lets go of its memory
			b.kept = b.kept[1:]
		case due:
			return ErrOverflow
		default:
			b.lose(e.Name)
			return nil
		}
	}
	b.bytes += e.size
	if due {
		b.tell(item{event: e})
	} else {
		b.kept = append(b.kept, e)
	}
	return nil
}

// begin starts what takes an event at once, and tells whether it is to wait for others.
func begin(all []*handler, e Raw) (wait bool, err error) {
	for _, h := range all {
		if h.begin == nil {
			wait = true
		} else if err = h.begin(e); err != nil {
			break
		}
	}
	return wait, err
}

// hand gives an event to a Receive that waits for it, if there is one.
func (b *inbox) hand(e Raw) bool {
	i := slices.IndexFunc(b.waiters, func(w *waiter) bool { return w.name == "" || w.name == e.Name })
	if i < 0 {
		return false
	}
	b.waiters[i].event <- e
	b.waiters = slices.Delete(b.waiters, i, i+1)
	return true
}

// lose notes that an event is missing among those kept. Names are the server's, so that
// they are bounded as well.
func (b *inbox) lose(name string) {
	if len(b.lost) < b.maxEvents {
		b.lost[name] = true
	}
}

func (b *inbox) tell(i item) {
	b.due = append(b.due, i)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// handlersOf are the handlers of an event: those of its name, else those of any other.
func (b *inbox) handlersOf(name string) []*handler {
	if all := b.handlers[name]; all != nil {
		return all
	}
	return b.handlers[anyOther]
}

// add registers a handler. What was kept of its events goes to it first.
func (b *inbox) add(name string, h *handler) {
	b.handlers[name] = append(slices.Clip(b.handlers[name]), h) // dispatch may hold the old ones
	b.kept = slices.DeleteFunc(b.kept, func(e Raw) bool {
		all := b.handlersOf(e.Name)
		if all == nil {
			return false
		}
		if wait, _ := begin(all, e); wait { // one that is new has room for all that is kept
			b.tell(item{event: e})
		} else {
			b.bytes -= e.size
		}
		return true
	})
}

func (b *inbox) remove(name string, h *handler) {
	h.stopped.Store(true)
	rest := slices.DeleteFunc(slices.Clone(b.handlers[name]), func(o *handler) bool { return o == h })
	if len(rest) == 0 {
		delete(b.handlers, name)
		b.release()
		return
	}
	b.handlers[name] = rest
}

// release lets Receive have what was due to handlers that are gone, where it came.
func (b *inbox) release() {
	b.due = slices.DeleteFunc(b.due, func(i item) bool {
		switch {
		case i.tell != nil:
			return false
		case i.event.begun && b.handlers[i.event.Name] == nil: // nobody is to answer it again
			b.bytes -= i.event.size
		case b.handlersOf(i.event.Name) != nil:
			return false
		case b.hand(i.event):
			b.bytes -= i.event.size
		default:
			b.kept = append(b.kept, i.event)
		}
		return true
	})
	slices.SortFunc(b.kept, func(a, b Raw) int { return cmp.Compare(a.place, b.place) })
}

// next is what is to be told now.
func (b *inbox) next() (run func(), ok bool) {
	if len(b.due) == 0 {
		b.due = nil
		return nil, false
	}
	i := b.due[0]
	b.due[0] = item{}
	b.due = b.due[1:]
	if i.tell != nil {
		return i.tell, true
	}
	b.bytes -= i.event.size
	all := b.handlersOf(i.event.Name)
	first := true // is chosen here, so that an event is handled that nobody else will get
	return func() {
		for _, h := range all {
			if h.begin == nil && (first || !h.stopped.Load()) {
				first = false
				h.handle(i.event)
			}
		}
	}, true
}

// take takes the first event of a name, "" for any, that was kept.
func (b *inbox) take(name string) (e Raw, ok bool) {
	i := slices.IndexFunc(b.kept, func(e Raw) bool { return name == "" || name == e.Name })
	if i < 0 {
		return e, false
	}
	e = b.kept[i]
	b.bytes -= e.size
	b.kept = slices.Delete(b.kept, i, i+1)
	return e, true
}

// missed tells, once, whether an event of a name, "" for any, had to make room.
func (b *inbox) missed(name string) bool {
	missed := b.lost[name] || name == "" && len(b.lost) > 0
	if name == "" {
		clear(b.lost)
	}
	delete(b.lost, name)
	return missed
}

// receive waits for an event of a name, "" for any. It waits through lost connections.
func (c *Client) receive(ctx context.Context, name string) (Raw, error) {
	c.mu.Lock()
	if c.inbox.missed(name) {
		c.mu.Unlock()
		return Raw{}, ErrOverflow
	}
	e, ok := c.inbox.take(name)
	if ok || c.err != nil {
		defer c.mu.Unlock()
		if !ok {
			return e, c.err
		}
		return e, nil
	}
	w := &waiter{name: name, event: make(chan Raw, 1)}
	c.inbox.waiters = append(c.inbox.waiters, w)
	c.mu.Unlock()

	var err error
	select {
	case e := <-w.event:
		return e, nil
	case <-ctx.Done():
		err = late(ctx)
	case <-c.ctx.Done():
		err = c.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inbox.waiters = slices.DeleteFunc(c.inbox.waiters, func(o *waiter) bool { return o == w })
	select {
	case e := <-w.event: // it came meanwhile
		return e, nil
	default:
		return Raw{}, err
	}
}

// dispatch runs handlers until the client has ended and all of them have run.
func (c *Client) dispatch() {
	for {
		c.mu.Lock()
		run, ok := c.inbox.next()
		ended := c.err != nil
		c.mu.Unlock()
		switch {
		case ok:
			run()
		case ended:
			return
		default:
			<-c.inbox.wake
		}
	}
}
