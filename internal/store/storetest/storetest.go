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
	historyAfter(t, h, room, total, all[0].ID)
	if got := page("another", "", 10); len(got) != 0 {
		t.Errorf("rooms are mixed: %v", got)
	}
}

// historyAfter tests the pages after a message of a room with so many, of which the
// first are no longer kept.
func historyAfter(t *testing.T, h chat.History, room string, total int, oldest string) {
	for name, tc := range map[string]struct {
		room, after string
		want        []string
	}{
		"the newest":        {room, id(total - 3), []string{id(total - 2), id(total - 1)}},
		"a full page":       {room, id(total - 9), []string{id(total - 8), id(total - 7), id(total - 6)}},
		"nothing new":       {room, id(total - 1), nil},
		"the future":        {room, "9999999999999-0", nil},
		"no longer kept":    {room, id(0), []string{oldest}},
		"longer ago":        {room, "999-999", []string{oldest}},
		"no id":             {room, "never", nil},
		"an unknown room":   {"empty", id(0), nil},
		"between two of it": {room, "1763715600000-99", []string{oldest}},
	} {
		limit := 3
		if len(tc.want) == 1 {
			limit = 1
		}
		messages, err := h.After(t.Context(), tc.room, tc.after, limit)
		var got []string
		for _, m := range messages {
			got = append(got, m.ID)
		}
		if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
			t.Errorf("after %s: %v %s", name, err, diff)
		}
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
