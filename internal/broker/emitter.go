package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/tracing"
)

// An Emitter announces events from a process that is no node: a job, a script, a service
// beside this one. It holds no sockets and reads nothing; what it emits takes the lanes
// to all nodes. There the other Emitter, that of the package emitter, takes it off them.
//
//	rdb, err := redisconn.Connect(ctx, redisURL)
//	…
//	e, err := broker.NewEmitter(ctx, rdb)
//	…
//	id, err := e.Emit(ctx, chat.Posted.Of(message))
//
// If ctx is in a span that is sampled, those of the event's delivery are its children.
// It is safe for concurrent use. docs/emit.md has the same for other languages.
type Emitter struct {
	rdb        redis.UniversalClient
	partitions int
}

// NewEmitter asks Redis how many lanes there are: make another emitter when PARTITIONS
// was changed. The client stays open; it should not repeat what it has sent, as those of
// package redisconn do not.
func NewEmitter(ctx context.Context, rdb redis.UniversalClient) (*Emitter, error) {
	n, err := Partitions(ctx, rdb)
	if err != nil {
		return nil, err
	}
	return &Emitter{rdb, n}, nil
}

// Emit appends an event to the lane of its first room, user or socket, so that those of
// one room keep the order of the calls, and returns the event's id. There is no caller to
// be addressed, and what an event declares to Keep is kept for commands only. After an
// error the event was not sent, or if the connection broke, perhaps it was.
func (e *Emitter) Emit(ctx context.Context, m contract.Emission) (id string, err error) {
	a := m.Audience
	where, err := m.NamespaceFor(contract.Caller{})
	switch {
	case err != nil:
		return "", fmt.Errorf("emit %s: %w", m.Event.Name, err)
	case !strings.HasPrefix(where.Name, "/"):
		return "", fmt.Errorf("%q is no namespace: it begins with /, like /chat", where.Name)
	case m.Event.Name == "":
		return "", errors.New("the event has no name")
	case a.Caller || a.ExceptCaller || a.Local:
		return "", fmt.Errorf("emit %s: there is no caller here: address rooms, users, sockets or everyone", m.Event.Name)
	case len(a.Rooms)+len(a.Users)+len(a.Sockets) == 0 && !a.Everyone:
		return "", errors.New("nobody would hear it: name a room, a user or everyone")
	}
	if raw, ok := m.Payload.(json.RawMessage); ok && !json.Valid(raw) {
		return "", errors.New(`the payload is no JSON, like {"text":"hello"}`)
	}
	id = uuid.Must(uuid.NewV7()).String()
	m.Event.Keep = 0
	r := resultsOf{partitions: e.partitions, c: &Command{ID: id, Operation: "emit", correlation: id, Trace: tracing.From(ctx)}}
	if err := r.emit(m); err != nil {
		return "", err
	}
	msg := r.messages[0]
	rooms := make([]string, len(a.Rooms))
	for i, room := range a.Rooms {
		rooms[i] = string(room)
	}
	order := append(slices.Concat(rooms, a.Users, a.Sockets), where.Name)[0]
	err = e.rdb.XAdd(ctx, &redis.XAddArgs{
		Stream: eventStream(partitionOf(order, e.partitions)), MaxLen: maxEvents, Approx: true,
		Values: []any{fieldUUID, msg.UUID, fieldMetadata, encodeMetadata(msg.Metadata), fieldPayload, []byte(msg.Payload)},
	}).Err()
	if err != nil {
		return "", fmt.Errorf("emit %s: %w", m.Event.Name, err)
	}
	return msg.UUID, nil
}
