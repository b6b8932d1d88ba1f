// Package storetest is what every store must pass. Start at History and Tasks.
package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/usecases/chat"
	"github.com/example/switchyard/usecases/tasks"
)

// id is the position of a command: a thousand of them in the same millisecond.
func id(n int) string { return fmt.Sprintf("1763715600000-%d", n) }

func message(room string, n int) chat.Message {
	return chat.Message{
		ID: id(n), Room: room, From: "alice", Text: fmt.Sprint("text ", n, ` "é"`),
		At: time.Date(2026, 11, 21, 9, 0, 0, n*1e6, time.UTC), ClientID: fmt.Sprint("c", n),
	}
}

// History tests chat's history.
func History(t *testing.T, h chat.History) {
	ctx := t.Context()
	page := func(room, before string, limit int) []chat.Message {
		t.Helper()
		got, err := h.Before(ctx, room, before, limit)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := page("empty", "", 10); len(got) != 0 {
		t.Errorf("an unknown room has %d messages", len(got))
	}
	const room, total, kept = "a {room} with braces", 1205, 1000
	for n := range total {
		if err := h.Append(ctx, message(room, n)); err != nil {
			t.Fatal(err)
		}
	}
	again := message(room, 1203)
	again.Text = "another text under a known id"
	if err := h.Append(ctx, again); err != nil {
		t.Fatal(err)
	}
	want := []chat.Message{message(room, 1202), message(room, 1203), message(room, 1204)}
	if diff := cmp.Diff(want, page(room, "", 3)); diff != "" {
		t.Errorf("newest page: %s", diff)
	}
	want = []chat.Message{message(room, 1200), message(room, 1201)}
	if diff := cmp.Diff(want, page(room, id(1202), 2)); diff != "" {
		t.Errorf("page before: %s", diff)
	}
	all := page(room, "", total)
	if len(all) < kept || len(all) == total || all[0].ID != id(total-len(all)) {
		t.Errorf("%d messages are kept, from %s", len(all), all[0].ID)
	}
	for _, before := range []string{all[0].ID, id(0), "never"} {
		if got := page(room, before, 10); len(got) != 0 {
			t.Errorf("before %s are %d messages", before, len(got))
		}
	}
	if got := page("another", "", 10); len(got) != 0 {
		t.Errorf("rooms are mixed: %v", got)
	}
}

// Tasks tests the store of tasks.
func Tasks(t *testing.T, s tasks.Store) {
	ctx := t.Context()
	if _, err := s.Get(ctx, "none"); !errors.Is(err, tasks.ErrNoTask) {
		t.Errorf("unknown task: %v", err)
	}
	task := tasks.Task{ID: "t1", Owner: "alice", Title: "count", Total: 3}
	for range 2 {
		task.Done++
		if err := s.Put(ctx, task); err != nil {
			t.Fatal(err)
		}
		got, err := s.Get(ctx, "t1")
		if diff := cmp.Diff(task, got); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	}
}
