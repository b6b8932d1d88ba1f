// Package memstore keeps what use cases keep in memory: for unit tests, and for
// reading how little a store must do. Nothing outlives the process, and nodes share
// nothing; redisstore is for running.
package memstore

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/example/switchyard/usecases/chat"
	"github.com/example/switchyard/usecases/tasks"
)

const keepMessages = 1000 // of each room

// A History is chat's history. Safe for concurrent use.
type History struct {
	mu    sync.Mutex
	rooms map[string][]chat.Message
}

var _ chat.History = (*History)(nil)

// NewHistory makes an empty history.
func NewHistory() *History { return &History{rooms: map[string][]chat.Message{}} }

// Append stores a message, once for each id.
func (h *History) Append(_ context.Context, m chat.Message) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.rooms[m.Room]
	if index(all, m.ID) < 0 { // it is the newest: commands of one room run in order
		all = append(all, m)
	}
	h.rooms[m.Room] = all[max(0, len(all)-keepMessages):]
	return nil
}

// Before returns the messages before one, the newest last.
func (h *History) Before(_ context.Context, room, id string, limit int) ([]chat.Message, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.rooms[room]
	end := len(all)
	if id != "" {
		end = max(0, index(all, id))
	}
	return slices.Clone(all[max(0, end-limit):end]), nil
}

// After returns the messages after one, the newest last.
func (h *History) After(_ context.Context, room, id string, limit int) ([]chat.Message, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.rooms[room]
	begin := len(all)
	if strings.Contains(id, "-") { // else no message has such an id
		begin = slices.IndexFunc(all, func(m chat.Message) bool { return earlier(id, m.ID) })
	}
	if begin < 0 {
		return nil, nil
	}
	return slices.Clone(all[begin:min(len(all), begin+limit)]), nil
}

// earlier compares two ids, which are positions of commands: "<ms>-<n>".
func earlier(a, b string) bool {
	aMS, aN, _ := strings.Cut(a, "-")
	bMS, bN, _ := strings.Cut(b, "-")
	return cmp.Or(cmp.Compare(len(aMS), len(bMS)), cmp.Compare(aMS, bMS), cmp.Compare(len(aN), len(bN)), cmp.Compare(aN, bN)) < 0
}

func index(all []chat.Message, id string) int {
	return slices.IndexFunc(all, func(m chat.Message) bool { return m.ID == id })
}

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
