package contract_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/example/switchyard/internal/contract"
)

// scoped has a connection, and a transaction on it, for each command.
type scoped struct {
	trail trail
	conn  *contract.Dependency[int]
	tx    *contract.Dependency[string]
	fail  string // what goes wrong
}

func newScoped(fail string) *scoped {
	s := &scoped{fail: fail}
	n := 0
	s.conn = &contract.Dependency[int]{Name: "connection", Open: func(ctx context.Context) (int, func(error) error, error) {
		n++
		s.trail.note("open connection for " + contract.CallerFrom(ctx).UserID)
		if fail == "connection" {
			return 0, nil, errors.New("refused")
		}
		if fail == "circle" {
			_, err := s.tx.From(ctx)
			return 0, nil, err
		}
		return n, func(error) error { s.trail.note("close connection"); return nil }, nil
	}}
	s.tx = &contract.Dependency[string]{Name: "transaction", Open: func(ctx context.Context) (string, func(error) error, error) {
		if _, err := s.conn.From(ctx); err != nil {
			return "", nil, err
		}
		s.trail.note("begin")
		return "tx", func(err error) error {
			if err != nil {
				s.trail.note("roll back: " + err.Error())
				return nil
			}
			s.trail.note("commit")
			if fail == "commit" {
				return errors.New("serialization")
			}
			return nil
		}, nil
	}}
	return s
}

func (s *scoped) handle(ctx context.Context, _ archiveInput) (archiveOutput, []contract.Effect, error) {
	for range 2 { // the same one
		if _, err := s.tx.From(ctx); err != nil {
			return archiveOutput{}, nil, err
		}
	}
	if n, err := s.conn.From(ctx); err != nil || n != 1 {
		return archiveOutput{}, nil, errors.New("another connection")
	}
	s.trail.note("handle")
	switch s.fail {
	case "handler":
		return archiveOutput{}, nil, errors.New("broken")
	case "panic":
		panic("broken")
	}
	return archiveOutput{Archived: true}, nil, nil
}

func TestDependenciesLiveAsLongAsTheirCommand(t *testing.T) {
	t.Parallel()
	for fail, tc := range map[string]struct{ trail, err string }{
		"":           {"open connection for alice|begin|handle|middleware|commit|close connection", ""},
		"handler":    {"open connection for alice|begin|handle|middleware|roll back: broken|close connection", "broken"},
		"panic":      {"open connection for alice|begin|handle|roll back: the command panicked|close connection", "panic"},
		"commit":     {"open connection for alice|begin|handle|middleware|commit|close connection", "close transaction: serialization"},
		"connection": {"open connection for alice|middleware", "open transaction: open connection: refused"},
		"circle":     {"open connection for alice|middleware", "open transaction: it needs itself"},
	} {
		s := newScoped(fail)
		c := archive
		c.Policy.Middleware = []contract.Middleware{func(_ contract.Route, next contract.Serve) contract.Serve {
			return func(ctx context.Context, input []byte) (contract.Outcome, error) {
				out, err := next(ctx, input)
				s.trail.note("middleware")
				return out, err
			}
		}}
		r := c.Handle(s.handle)
		err := func() (err error) {
			defer func() {
				if v := recover(); v != nil {
					err = errors.New("panic")
				}
			}()
			out, err := r.Run(t.Context(), contract.Caller{UserID: "alice"}, []byte(`{}`))
			if err != nil && out.Output != nil {
				t.Errorf("%s: an output beside an error", fail)
			}
			return err
		}()
		if got := strings.Join(s.trail, "|"); got != tc.trail {
			t.Errorf("%q: %s\nwant %s", fail, got, tc.trail)
		}
		if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%q: %v", fail, err)
		}
	}
}

func TestDependenciesAreOpenedOnceAndNotAfterTheEnd(t *testing.T) {
	t.Parallel()
	s := newScoped("")
	var late context.Context
	r := archive.Handle(func(ctx context.Context, _ archiveInput) (archiveOutput, []contract.Effect, error) {
		late = ctx
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := s.tx.From(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		return archiveOutput{}, nil, nil
	})
	for range 2 {
		if _, err := r.Run(t.Context(), contract.Caller{}, []byte(`{}`)); err != nil {
			t.Error(err)
		}
	}
	if n := len(slices.Collect(func(yield func(string) bool) {
		for _, s := range s.trail {
			if s == "begin" && !yield(s) {
				return
			}
		}
	})); n != 2 {
		t.Errorf("begun %d times: %v", n, s.trail)
	}
	if _, err := s.tx.From(late); err == nil || !strings.Contains(err.Error(), "the command has ended") {
		t.Error(err)
	}
	if _, err := s.tx.From(t.Context()); err == nil || !strings.Contains(err.Error(), "not the context of a command") {
		t.Error(err)
	}
}
