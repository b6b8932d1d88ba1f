package broker_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

// Watermill's own middleware does around commands what it does in its Router.
func TestWatermillsMiddleware(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		serve    func(context.Context) error
		code     fault.Code
		runs     int64
		poisoned string // the reason
	}{
		"a result":  {func(context.Context) error { return nil }, "", 1, ""},
		"a fault":   {func(context.Context) error { return fault.New(fault.Conflict, "it is taken") }, fault.Conflict, 1, ""},
		"an error":  {func(context.Context) error { return errors.New("the disk is full") }, fault.Internal, 3, "the disk is full"},
		"a panic":   {func(context.Context) error { panic("oh") }, fault.Internal, 3, "oh"},
		"a timeout": {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, fault.Timeout, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := testenv.Embedded(t)
			rdb := testenv.Client(t, url)
			pub := broker.NewPublisher(rdb, slog.New(slog.DiscardHandler))
			defer pub.Close()
			accident := func(err error) bool { var f *fault.Fault; return !errors.As(err, &f) }
			poison, err := middleware.PoisonQueueWithFilter(pub, "poison", accident)
			if err != nil {
				t.Fatal(err)
			}
			retry := middleware.Retry{
				MaxRetries: 2, InitialInterval: time.Millisecond, ResetContextOnRetry: true,
				ShouldRetry: func(p middleware.RetryParams) bool { return accident(p.Err) },
			}
			var uncorrelated, runs atomic.Int64
			look := func(next message.HandlerFunc) message.HandlerFunc {
				return func(m *message.Message) ([]*message.Message, error) {
					produced, err := next(m)
					for _, p := range produced {
						if id := middleware.MessageCorrelationID(p); id == "" || id != middleware.MessageCorrelationID(m) {
							uncorrelated.Add(1)
						}
					}
					return produced, err
				}
			}
			n := startNode(t, url, "a", nil, onePartition)
			n.serveWith(func(ctx context.Context, in noteInput) (noteOutput, []contract.Effect, error) {
				runs.Add(1)
				out := noteOutput{Text: in.Text}
				return out, []contract.Effect{noted.Of(out)}, tc.serve(ctx)
			}, look, middleware.CorrelationID, poison, retry.Middleware, middleware.Timeout(100*time.Millisecond), middleware.Recoverer)
			if r := n.call(noteInput{Key: "k", Text: "hello"}); r.Code != tc.code || runs.Load() != tc.runs || uncorrelated.Load() > 0 {
				t.Errorf("%q %s after %d runs; %d messages without the command's correlation id", r.Code, r.Body, runs.Load(), uncorrelated.Load())
			}
			entries, err := rdb.XRange(t.Context(), "poison", "-", "+").Result()
			if err != nil {
				t.Fatal(err)
			}
			if tc.poisoned == "" && len(entries) == 0 {
				return
			}
			if len(entries) != 1 || !strings.Contains(entries[0].Values["metadata"].(string), tc.poisoned) {
				t.Errorf("the poison queue has %v", entries)
			}
		})
	}
}
