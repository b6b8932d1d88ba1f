package node

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/testenv"
)

func newHooks() *hooks { return &hooks{log: slog.New(slog.DiscardHandler), pause: time.Millisecond} }

// noting is a hook that notes when it starts and stops.
func noting(said *[]string, name string, fails error) contract.Hook {
	note := func(what string, err error) func(context.Context) error {
		return func(context.Context) error {
			*said = append(*said, what+" "+name)
			return err
		}
	}
	return contract.Hook{Name: name, OnStart: note("start", fails), OnStop: note("stop", nil)}
}

func TestHooksStopInReverseAlsoAfterAFailedStart(t *testing.T) {
	t.Parallel()
	var said []string
	h := newHooks()
	if err := h.start(t.Context(), []contract.Hook{noting(&said, "a", nil), {Name: "empty"}, noting(&said, "b", nil)}); err != nil {
		t.Fatal(err)
	}
	h.run()
	if err := h.end(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"start a", "start b", "stop b", "stop a"}, said); diff != "" {
		t.Error(diff)
	}
	said = nil
	err := newHooks().start(t.Context(), []contract.Hook{noting(&said, "a", nil), noting(&said, "b", errors.New("no disk")), noting(&said, "c", nil)})
	if err == nil || err.Error() != `start hook 2, "b": no disk` {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff([]string{"start a", "start b", "stop a"}, said); diff != "" {
		t.Error(diff)
	}
	if err := newHooks().start(t.Context(), []contract.Hook{{}}); err == nil || !strings.Contains(err.Error(), "no Name") {
		t.Errorf("no name: %v", err)
	}
}

// What hooks do wrong is told, and the others are stopped all the same.
func TestErrorsOfHooksAreReported(t *testing.T) {
	t.Parallel()
	h := newHooks()
	var stopped atomic.Bool
	blocked := make(chan struct{})
	defer close(blocked)
	err := h.start(t.Context(), []contract.Hook{
		{Name: "first", OnStop: func(context.Context) error { stopped.Store(true); return nil }},
		{Name: "fails", OnStop: func(context.Context) error { return errors.New("disk full") }},
		{Name: "panics", OnStop: func(context.Context) error { panic("at the disco") }},
		{Name: "exits", OnStop: func(context.Context) error { runtime.Goexit(); return nil }},
		{Name: "stays", Run: func(context.Context) error { <-blocked; return nil }},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.run()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond) // for what stays; the rest gets no time, but says it all
	defer cancel()
	err = h.end(ctx)
	for _, want := range []string{`stop hook "fails": `, `stop hook "panics": `, `stop hook "exits": `, `not ended in time: ["stays"]`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not told: %s in %v", want, err)
		}
	}
	testenv.WaitFor(t, 20*time.Second, "the first hook to be stopped", stopped.Load)
}

func TestBackgroundWorkIsRunAgainUntilItIsDone(t *testing.T) {
	t.Parallel()
	var runs, done, ended atomic.Int32
	h := newHooks()
	err := h.start(t.Context(), []contract.Hook{
		{Name: "fails", Run: func(ctx context.Context) error {
			switch runs.Add(1) {
			case 1:
				return errors.New("no feed")
			case 2:
				panic("no feed")
			case 3:
				runtime.Goexit()
			}
			<-ctx.Done()
			ended.Add(1)
			return ctx.Err()
		}},
		{Name: "done", Run: func(context.Context) error { done.Add(1); return nil }},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.run()
	testenv.WaitFor(t, 20*time.Second, "the fourth run", func() bool { return runs.Load() == 4 })
	if err := h.end(t.Context()); err != nil || ended.Load() != 1 {
		t.Errorf("%v, %d ended", err, ended.Load())
	}
	if runs.Load() != 4 || done.Load() != 1 {
		t.Errorf("%d and %d runs", runs.Load(), done.Load())
	}
}

// A node that stops does not wait for the pause before the next run.
func TestAPauseEndsWithTheNode(t *testing.T) {
	t.Parallel()
	h := newHooks()
	h.pause = time.Hour
	failed := make(chan struct{})
	if err := h.start(t.Context(), []contract.Hook{{Name: "fails", Run: func(context.Context) error { close(failed); return errors.New("no") }}}); err != nil {
		t.Fatal(err)
	}
	h.run()
	<-failed
	if err := h.end(t.Context()); err != nil {
		t.Error(err)
	}
}
