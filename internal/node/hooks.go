package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/example/switchyard/internal/contract"
)

const (
	hookStops  = 10 * time.Second // for one OnStop, and for all Runs together to return
	leastPause = time.Second      // before a Run that failed is run again; doubled each time,
	mostPause  = time.Minute      // up to this, and as at first after it has run for so long
)

// hooks are those of a node that has started.
type hooks struct {
	log     *slog.Logger
	pause   time.Duration // leastPause
	started []contract.Hook

	stop    context.CancelFunc
	mu      sync.Mutex
	running map[int]string // names of the Runs that have not returned
	idle    chan struct{}  // closed when there is none
}

// start calls each OnStart. If one fails, those before it are stopped.
func (h *hooks) start(ctx context.Context, all []contract.Hook) error {
	for i, hook := range all {
		err := errors.New("it has no Name")
		if hook.Name != "" {
			err = call(ctx, hook.OnStart)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("start hook %d, %q: %w", i+1, hook.Name, err), h.end(context.WithoutCancel(ctx)))
		}
		h.started = append(h.started, hook)
	}
	return nil
}

// run begins what runs in the background.
func (h *hooks) run() {
	ctx, cancel := context.WithCancel(context.Background())
	h.stop, h.running, h.idle = cancel, map[int]string{}, make(chan struct{})
	for i, hook := range h.started {
		if hook.Run != nil {
			h.running[i] = hook.Name
		}
	}
	if len(h.running) == 0 {
		close(h.idle)
	}
	for i, hook := range h.started {
		if hook.Run != nil {
			go func() {
				defer h.returned(i)
				h.supervise(ctx, hook)
			}()
		}
	}
}

func (h *hooks) returned(i int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if delete(h.running, i); len(h.running) == 0 {
		close(h.idle)
	}
}

// supervise runs a hook until it is done or the node stops.
func (h *hooks) supervise(ctx context.Context, hook contract.Hook) {
	for pause := h.pause; ; pause = min(2*pause, mostPause) {
		began := time.Now()
		err := <-begin(ctx, hook.Run)
		if err == nil || ctx.Err() != nil {
			if err != nil && !errors.Is(err, context.Canceled) {
				h.log.Warn("background work ended with an error when the node stopped", "hook", hook.Name, "error", err)
			}
			return
		}
		if time.Since(began) >= mostPause {
			pause = h.pause
		}
		h.log.Error("background work failed; it is run again", "hook", hook.Name, "after", pause, "error", err)
		wait(ctx, pause)
		if ctx.Err() != nil {
			return
		}
	}
}

// end ends what runs, then calls each OnStop in reverse order. Its error names what has
// not ended in time.
func (h *hooks) end(ctx context.Context) error {
	var errs []error
	if h.stop != nil {
		h.stop()
		errs = append(errs, within(ctx, hookStops, h.await))
	}
	for _, hook := range slices.Backward(h.started) {
		err := within(ctx, hookStops, func(ctx context.Context) error { return call(ctx, hook.OnStop) })
		if err != nil {
			errs = append(errs, fmt.Errorf("stop hook %q: %w", hook.Name, err))
		}
	}
	h.started, h.stop = nil, nil
	return errors.Join(errs...)
}

// await waits for what runs.
func (h *hooks) await(ctx context.Context) error {
	select {
	case <-h.idle:
		return nil
	case <-ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var names []string
	for _, name := range h.running {
		names = append(names, name)
	}
	slices.Sort(names)
	return fmt.Errorf("background work has not ended in time: %q", names)
}

var (
	errHookExited = errors.New("it ended its goroutine (runtime.Goexit)")
	errHookLate   = errors.New("it has not returned in time, and is left alone")
)

// call calls a function of a hook, no longer than ctx lasts.
func call(ctx context.Context, f func(context.Context) error) error {
	if f == nil {
		return nil
	}
	returned := begin(ctx, f)
	select {
	case err := <-returned:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-returned: // in the same moment
		return err
	default:
		return errors.Join(errHookLate, ctx.Err())
	}
}

// begin calls a function on a goroutine that it may end. A panic is an error.
func begin(ctx context.Context, f func(context.Context) error) <-chan error {
	returned := make(chan error, 1)
	go func() {
		err := errHookExited
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
			}
			returned <- err
		}()
		err = f(ctx)
	}()
	return returned
}
