// Package redisstore keeps what use cases keep in Redis, shared by all nodes. An
// error of Redis is marked as transient, so that its command is tried again. The
// keys of one room carry one hash tag, as a Redis Cluster wants it.
package redisstore

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
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

//go:embed append.lua
var appendSource string

//go:embed before.lua
var beforeSource string

var (
	appendScript = redis.NewScript(appendSource)
	beforeScript = redis.NewScript(beforeSource)
)

// A History is chat's history: for each room a sorted set of message ids in the order
// of their arrival, and a hash of the messages.
type History struct{ rdb redis.Cmdable }

var _ chat.History = (*History)(nil)

// NewHistory makes a history on a Redis.
func NewHistory(rdb redis.Cmdable) *History { return &History{rdb} }

func roomKeys(room string) []string {
	tag := "chat:{" + url.QueryEscape(room) + "}" // a brace in the name would end the tag
	return []string{tag + ":ids", tag + ":messages"}
}

// Append stores a message, once for each id.
func (h *History) Append(ctx context.Context, m chat.Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode message %s: %w", m.ID, err)
	}
	if err := appendScript.Run(ctx, h.rdb, roomKeys(m.Room), m.ID, body, keepMessages).Err(); err != nil {
		return fault.Transient(fmt.Errorf("append message %s: %w", m.ID, err))
	}
	return nil
}

// Before returns the messages before one, the newest last.
func (h *History) Before(ctx context.Context, room, id string, limit int) ([]chat.Message, error) {
	found, err := beforeScript.Run(ctx, h.rdb, roomKeys(room), id, limit).StringSlice()
	if err != nil {
		return nil, fault.Transient(fmt.Errorf("read the messages of a room: %w", err))
	}
	messages := make([]chat.Message, len(found))
	for i, body := range found {
		if err := json.Unmarshal([]byte(body), &messages[i]); err != nil {
			return nil, fmt.Errorf("decode a message: %w", err)
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
