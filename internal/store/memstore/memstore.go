// Package memstore keeps what use cases keep in memory: for unit tests, and for
// reading how little a store must do. Nothing outlives the process, and nodes share
// nothing; redisstore is for running.
package memstore

import (
	"context"
	"sync"

	"github.com/example/switchyard/usecases/tasks"
)

// Tasks is the store of tasks. Safe for concurrent use.
type Tasks struct {
	mu   sync.Mutex
	byID map[string]tasks.Task
}

var _ tasks.Store = (*Tasks)(nil)

// NewTasks makes an empty store.
func NewTasks() *Tasks { return &Tasks{byID: map[string]tasks.Task{}} }

// Get returns a task, or tasks.ErrNoTask.
func (s *Tasks) Get(_ context.Context, id string) (tasks.Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.byID[id]
	if !ok {
		return tasks.Task{}, tasks.ErrNoTask
	}
	return t, nil
}

// Put keeps a task.
func (s *Tasks) Put(_ context.Context, t tasks.Task) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID[t.ID] = t
	return nil
}
