package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

// The receiver is down at first: no event is lost, and they come in order. What no node
// emits stops nothing.
func TestEveryEventIsPosted(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []string
	attempts := 0
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if attempts++; attempts <= 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got = append(got, r.Header.Get("Idempotency-Key")+" "+string(body))
	}))
	defer receiver.Close()

	url := testenv.Redis(t)
	if err := testenv.Client(t, url).Set(t.Context(), "partitions", 4, 0).Err(); err != nil { // as nodes write it
		t.Fatal(err)
	}
	publisher := broker.NewPublisher(testenv.Client(t, url), slog.New(slog.DiscardHandler))
	for _, m := range []struct{ id, event, payload string }{{"e1", "message.posted", `{"n":1}`}, {"r1", "", `{}`}, {"x1", "message.posted", "no JSON"}, {"e2", "message.posted", `{"n":2}`}} {
		msg := message.NewMessage(m.id, []byte(m.payload))
		msg.Metadata = message.Metadata{broker.MetaNamespace: "/chat", broker.MetaEvent: m.event}
		if err := publisher.Publish("evt:{p3}", msg); err != nil {
			t.Fatal(err)
		}
	}
	if err := publisher.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := run(ctx, url, receiver.URL, slog.New(slog.NewTextHandler(t.Output(), nil))); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer stop()
	testenv.WaitFor(t, 10*time.Second, "the events", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 2 })
	want := `e1 {"namespace":"/chat","event":"message.posted","payload":{"n":1}}` + "\n" + `e2 {"namespace":"/chat","event":"message.posted","payload":{"n":2}}`
	if strings.Join(got, "\n") != want || !json.Valid([]byte(got[0][3:])) {
		t.Errorf("got %q", got)
	}
}
