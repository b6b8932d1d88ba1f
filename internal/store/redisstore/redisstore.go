// Package redisstore keeps what use cases keep in Redis, shared by all nodes. An
// error of Redis is marked as transient, so that its command is tried again. Each call
// touches one key, as a Redis Cluster wants it.
package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/wire"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/usecases/tasks"
)

// Set provides every store, as the port it is for.
var Set = wire.NewSet(
	NewTasks, wire.Bind(new(tasks.Store), new(*Tasks)),
)

const keepTasks = 24 * time.Hour // after their last change

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
