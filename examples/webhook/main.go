// Command webhook posts every event of the service to a URL: an example of a Watermill
// handler of your own on the event lane.
//
//	REDIS_URL=redis://127.0.0.1:6379 WEBHOOK_URL=http://127.0.0.1:9000/ go run ./examples/webhook
//
// Start it as often as you like: it is one group, so one process posts and the others
// stand by. The group goes on where it was after all were stopped. An event may be
// posted twice, so the receiver should look at the header Idempotency-Key.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/redisconn"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(ctx, os.Getenv("REDIS_URL"), os.Getenv("WEBHOOK_URL"), log); err != nil {
		log.Error("webhook", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, redisURL, target string, log *slog.Logger) error {
	if redisURL == "" || target == "" {
		return errors.New("set REDIS_URL to the Redis of the service, and WEBHOOK_URL to where events are to go")
	}
	rdb, closeRedis, err := redisconn.Open(ctx, redisURL, log)
	if err != nil {
		return err
	}
	defer closeRedis()
	partitions, err := broker.Partitions(ctx, rdb.Commands)
	if err != nil {
		return err
	}
	lanes, err := broker.NewLanes(broker.Config{Node: "webhook", Partitions: partitions}, rdb.Commands, rdb.Reads, log)
	if err != nil {
		return err
	}
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NewSlogLogger(log))
	if err != nil {
		return fmt.Errorf("make the router: %w", err)
	}
	router.AddConsumerHandler("webhook", broker.Events, lanes.GroupSubscriber("webhook"), post(target))
	return errors.Join(router.Run(ctx), lanes.Close())
}

// An Event is the body of a request.
type Event struct {
	Namespace string          `json:"namespace"`
	Event     string          `json:"event"`
	Payload   json.RawMessage `json:"payload"`
}

// post makes the handler. An error makes the message come again, after a pause.
func post(target string) message.NoPublishHandlerFunc {
	client := &http.Client{Timeout: 10 * time.Second}
	return func(m *message.Message) error {
		if m.Metadata[broker.MetaEvent] == "" {
			return nil // a request to the nodes that hold sockets, or an answer
		}
		if !json.Valid(m.Payload) {
			return nil // nodes skip it, too
		}
		body, err := json.Marshal(Event{m.Metadata[broker.MetaNamespace], m.Metadata[broker.MetaEvent], json.RawMessage(m.Payload)})
		if err != nil {
			return fmt.Errorf("encode event %s: %w", m.UUID, err)
		}
		r, err := http.NewRequestWithContext(m.Context(), http.MethodPost, target, bytes.NewReader(body))
		if err != nil {
			return fmt.Errorf("post event %s: %w", m.UUID, err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", m.UUID)
		answer, err := client.Do(r)
		if err != nil {
			return fmt.Errorf("post event %s: %w", m.UUID, err)
		}
		defer answer.Body.Close()
		if answer.StatusCode >= 300 {
			return fmt.Errorf("post event %s: the receiver answered %s", m.UUID, answer.Status)
		}
		return nil
	}
}
