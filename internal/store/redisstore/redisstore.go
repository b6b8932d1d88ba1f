// Package redisstore keeps what use cases keep in Redis, shared by all nodes. An
// error of Redis is marked as transient, so that its command is tried again. Each call
// touches one key, as a Redis Cluster wants it.
package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/wire"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/usecases/chat"
	"github.com/example/switchyard/usecases/tasks"
)

// Set provides every store, as the port it is for.
var Set = wire.NewSet(
	NewHistory, wire.Bind(new(chat.History), new(*History)),
	NewTasks, wire.Bind(new(tasks.Store), new(*Tasks)),
)

const (
	keepMessages = 1000           // of each room
	keepTasks    = 24 * time.Hour // after their last change
)

// A History is chat's history: for each room a stream, whose entries have the
// messages' ids.
type History struct{ rdb redis.Cmdable }

var _ chat.History = (*History)(nil)

// NewHistory makes a history on a Redis.
func NewHistory(rdb redis.Cmdable) *History { return &History{rdb} }

func roomKey(room string) string { return "chat:" + room }

// Append stores a message, once for each id. It needs no script and no lookup: Redis
// refuses an entry whose id does not come after the last one.
func (h *History) Append(ctx context.Context, m chat.Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode message %s: %w", m.ID, err)
	}
	key := roomKey(m.Room)
	err = h.rdb.XAdd(ctx, &redis.XAddArgs{
		Stream: key, ID: m.ID, MaxLen: keepMessages, Approx: true, Values: []string{field, string(body)},
	}).Err()
	if err == nil {
		return nil
	}
	if redis.HasErrorPrefix(err, "The ID specified in XADD is equal or smaller") {
		var there []redis.XMessage
		if there, err = h.rdb.XRange(ctx, key, m.ID, m.ID).Result(); len(there) == 1 {
			return nil // it was stored before
		}
		if err == nil {
			return fmt.Errorf("append message %s: %s holds later ones", m.ID, key)
		}
	}
	return fault.Transient(fmt.Errorf("append message %s: %w", m.ID, err))
}

const field = "message"

// Before returns the messages before one, the newest last.
func (h *History) Before(ctx context.Context, room, id string, limit int) ([]chat.Message, error) {
	end := "+"
	if id != "" {
		end = "(" + id
	}
	messages, err := decoded(h.rdb.XRevRangeN(ctx, roomKey(room), end, "-", int64(limit)).Result())
	slices.Reverse(messages)
	return messages, err
}

// After returns the messages after one, the newest last.
func (h *History) After(ctx context.Context, room, id string, limit int) ([]chat.Message, error) {
	return decoded(h.rdb.XRangeN(ctx, roomKey(room), "("+id, "+", int64(limit)).Result())
}

// decoded are the messages of some entries.
func decoded(found []redis.XMessage, err error) ([]chat.Message, error) {
	switch {
	case redis.HasErrorPrefix(err, "Invalid stream ID"): // no message has such an id
		return nil, nil
	case err != nil:
		return nil, fault.Transient(fmt.Errorf("read the messages of a room: %w", err))
	}
	messages := make([]chat.Message, len(found))
	for i, entry := range found {
		body, _ := entry.Values[field].(string)
		if err := json.Unmarshal([]byte(body), &messages[i]); err != nil {
			return nil, fmt.Errorf("decode message %s of a room: %w", entry.ID, err)
		}
	}
	return messages, nil
}

// Tasks is the store of tasks: one text of JSON for each.
type Tasks struct{ rdb redis.Cmdable }

var _ tasks.Store = (*Tasks)(nil)

// NewTasks makes a store on a Redis.
func NewTasks(rdb redis.Cmdable) *Tasks { return &Tasks{rdb} }

// Get returns a task, or tasks.ErrNoTask.
func (s *Tasks) Get(ctx context.Context, id string) (tasks.Task, error) {
	body, err := s.rdb.Get(ctx, "task:"+id).Bytes()
	if errors.Is(err, redis.Nil) {
		return tasks.Task{}, tasks.ErrNoTask
	}
	if err != nil {
		return tasks.Task{}, fault.Transient(fmt.Errorf("get task: %w", err))
	}
	var t tasks.Task
	if err := json.Unmarshal(body, &t); err != nil {
		return tasks.Task{}, fmt.Errorf("decode task: %w", err)
	}
	return t, nil
}

// Put keeps a task for a day.
func (s *Tasks) Put(ctx context.Context, t tasks.Task) error {
	body, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode task: %w", err)
	}
	if err := s.rdb.Set(ctx, "task:"+t.ID, body, keepTasks).Err(); err != nil {
		return fault.Transient(fmt.Errorf("put task: %w", err))
	}
	return nil
}
