package contract

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A Dependency is something that commands need for as long as they run: a
// transaction, a lock, a client with the caller's rights. It is opened when a command
// first asks for it, is the same for all that asks within that command, and is closed
// when the command is done. A command that does not ask pays nothing. Declare it as a
// pointer, where its service is made:
//
//	s.tx = &contract.Dependency[*sql.Tx]{Name: "transaction", Open: s.begin}
//
// and use it in handlers, middleware and the Open of other dependencies:
//
//	tx, err := s.tx.From(ctx)
type Dependency[T any] struct {
	Name string // for errors

	// Open makes the value. Its context is the command's. close may be nil; it is
	// called once, after the handler and all middleware, dependencies that were opened
	// later first, also when the handler panics. It hears with what the command ends,
	// nil for a result. The error it returns fails a command that had none.
	Open func(ctx context.Context) (value T, close func(error) error, err error)
}

// ErrPanicked is what the dependencies of a command hear that has panicked.
var ErrPanicked = errors.New("the command panicked")

// From returns the command's own value, and opens it if nobody has yet. An error of
// Open stays for the rest of the command. It is safe for concurrent use.
func (d *Dependency[T]) From(ctx context.Context) (T, error) {
	var zero T
	e, ok := ctx.Value(executionKey{}).(*execution)
	if !ok {
		return zero, fmt.Errorf("open %s: this is not the context of a command", d.Name)
	}
	if ctx.Value(openingKey{d}) != nil {
		return zero, fmt.Errorf("open %s: it needs itself", d.Name)
	}
	o, err := e.scope.of(d)
	if err != nil {
		return zero, fmt.Errorf("open %s: %w", d.Name, err)
	}
	o.once.Do(func() {
		o.err = errors.New("its Open panicked") // unless it returns
		value, shut, err := d.Open(context.WithValue(ctx, openingKey{d}, true))
		if o.value, o.err = value, err; err != nil {
			o.err = fmt.Errorf("open %s: %w", d.Name, err)
			return
		}
		if shut != nil {
			o.err = e.scope.onEnd(d.Name, shut)
		}
	})
	if o.err != nil {
		return zero, o.err
	}
	return o.value.(T), nil
}

type openingKey struct{ dependency any }

// A scope holds the dependencies that one command has opened.
type scope struct {
	mu      sync.Mutex
	opened  map[any]*opened // by *Dependency
	closers []closer        // in the order in which they were opened
	ended   bool
}

type opened struct {
	once  sync.Once
	value any
	err   error
}

type closer struct {
	name string
	shut func(error) error
}

var errEnded = errors.New("the command has ended")

func (s *scope) of(dependency any) (*opened, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, errEnded
	}
	o := s.opened[dependency]
	if o == nil {
		o = &opened{}
		if s.opened == nil {
			s.opened = map[any]*opened{}
		}
		s.opened[dependency] = o
	}
	return o, nil
}

// onEnd keeps what closes a dependency. One that is opened while the command ends is
// closed at once.
func (s *scope) onEnd(name string, shut func(error) error) error {
	s.mu.Lock()
	ended := s.ended
	if !ended {
		s.closers = append(s.closers, closer{name, shut})
	}
	s.mu.Unlock()
	if ended {
		return errors.Join(fmt.Errorf("open %s: %w", name, errEnded), shut(errEnded))
	}
	return nil
}

// end closes what was opened, the latest first, and returns what the command ends with.
func (s *scope) end(err error) error {
	s.mu.Lock()
	all := s.closers
	s.closers, s.ended = nil, true
	s.mu.Unlock()
	for i := len(all) - 1; i >= 0; i-- {
		if failed := all[i].close(err); failed != nil && err == nil {
			err = failed
		}
	}
	return err
}

// close calls one closer. Its panic does not keep the others from being closed.
func (c closer) close(outcome error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("close %s: panic: %v", c.name, v)
		}
	}()
	if err = c.shut(outcome); err != nil {
		err = fmt.Errorf("close %s: %w", c.name, err)
	}
	return err
}
