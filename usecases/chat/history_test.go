package chat_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/contract/contracttest"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/usecases/chat"
)

// said is a history of so many messages in the lobby.
func said(t *testing.T, n int) *contracttest.History {
	h := contracttest.NewHistory()
	for i := range n {
		by := contract.Caller{Position: fmt.Sprint("1-", i)}
		h.Keep(t, by, "room lobby", chat.Posted.Of(chat.Message{ID: by.Position, Room: "lobby"}))
	}
	return h
}

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	h := said(t, 120)
	read := func(in chat.ReadInput) (first, last string, n int, next string) {
		t.Helper()
		out, _, err := contracttest.Call(t, chat.New(h, nil).Routes(), chat.Read, alice, in)
		if err != nil {
			t.Fatal(err)
		}
		if n = len(out.Messages); n > 0 {
			first, last = out.Messages[0].ID, out.Messages[n-1].ID
		}
		return first, last, n, out.Next
	}
	type page struct {
		First, Last string
		N           int
		Next        string
	}
	var got []page
	for _, in := range []chat.ReadInput{
		{Room: "lobby"}, {Room: "lobby", Before: "1-70", Limit: 70}, {Room: "lobby", Before: "1-20", Limit: 20}, {Room: "lobby", Before: "1-20", Limit: 19},
		{Room: "lobby", Before: "unknown"}, {Room: "empty"},
	} {
		var p page
		p.First, p.Last, p.N, p.Next = read(in)
		got = append(got, p)
	}
	want := []page{{"1-70", "1-119", 50, "1-70"}, {"1-0", "1-69", 70, ""}, {"1-0", "1-19", 20, ""}, {"1-1", "1-19", 19, "1-1"}, {}, {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHistoryPagesAfterAMessage(t *testing.T) {
	t.Parallel()
	h := said(t, 120)
	var got []string
	for next := "1-17"; next != ""; {
		out, _, err := contracttest.Call(t, chat.New(h, nil).Routes(), chat.Read, alice, chat.ReadInput{Room: "lobby", After: next, Limit: 51})
		if err != nil {
			t.Fatal(err)
		}
		next = out.Next
		got = append(got, fmt.Sprint(out.Messages[0].ID, " to ", out.Messages[len(out.Messages)-1].ID, ", then ", next))
	}
	if diff := cmp.Diff([]string{"1-18 to 1-68, then 1-68", "1-69 to 1-119, then "}, got); diff != "" {
		t.Error(diff)
	}
	_, _, err := contracttest.Call(t, routes(), chat.Read, alice, chat.ReadInput{Room: "lobby", Before: "1-1", After: "1-2"})
	wantFault(t, err, fault.Invalid)
}

func TestHistoryIsAnEmptyListNotNull(t *testing.T) {
	t.Parallel()
	out, _, err := contracttest.Call(t, routes(), chat.Read, alice, chat.ReadInput{Room: "empty"})
	if err != nil || out.Messages == nil {
		t.Errorf("%+v %v", out, err)
	}
}

func TestHistoryLimits(t *testing.T) {
	t.Parallel()
	_, _, err := contracttest.Call(t, routes(), chat.Read, alice, chat.ReadInput{Room: "lobby", Limit: 101})
	wantFault(t, err, fault.Invalid)
	if _, _, err := contracttest.Call(t, chat.New(brokenHistory{}, nil).Routes(), chat.Read, alice, chat.ReadInput{Room: "lobby"}); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}
