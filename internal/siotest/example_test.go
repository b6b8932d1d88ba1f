package siotest_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/store/memstore"
	"github.com/example/switchyard/transport/socketio/client"
	"github.com/example/switchyard/usecases"
	"github.com/example/switchyard/usecases/chat"
	"github.com/example/switchyard/usecases/tasks"
)

func TestMain(m *testing.M) { os.Exit(siotest.Main(m)) }

// One node of the service, and clients with names.
func TestExampleOneNode(t *testing.T) {
	t.Parallel()
	srv := siotest.Start(t)
	alice := srv.Client(t, chat.Namespace, siotest.As("alice"))
	bob := srv.Client(t, chat.Namespace, siotest.As("bob", "staff"))

	siotest.Call(t, alice, chat.Join, chat.JoinInput{Room: "lobby"})
	siotest.Call(t, bob, chat.Join, chat.JoinInput{Room: "staff-room"})
	siotest.Refused(t, alice, chat.Join, chat.JoinInput{Room: "staff-room"}, fault.Forbidden)

	siotest.Call(t, bob, chat.Post, chat.PostInput{Room: "staff-room", Text: "psst"})
	siotest.Call(t, bob, chat.Post, chat.PostInput{Room: "lobby", Text: "hello"})
	if m := siotest.Expect(t, alice, chat.Posted); m.From != "bob" || m.Text != "hello" { // and not "psst"
		t.Errorf("alice heard %+v", m)
	}

	// Bob is not in the lobby: he has heard nothing of it by the time he hears of a
	// command of the same room that came later.
	siotest.Call(t, alice, chat.Type, chat.TypingInput{Room: "lobby"})
	siotest.Call(t, bob, chat.Join, chat.JoinInput{Room: "lobby"})
	siotest.Expect(t, bob, chat.Joined) // of the staff's room
	if m := siotest.ExpectNone(t, bob, chat.Typing, chat.Joined); m.Room != "lobby" {
		t.Errorf("bob heard %+v", m)
	}
}

// Three nodes, one of which leaves: what is said on one is heard on the others.
func TestExampleCluster(t *testing.T) {
	t.Parallel()
	nodes := siotest.Cluster(t, 3)
	alice := nodes[0].Client(t, chat.Namespace, siotest.As("alice"))
	bob := nodes[1].Client(t, chat.Namespace, siotest.As("bob"))
	siotest.Call(t, alice, chat.Join, chat.JoinInput{Room: "lobby"})
	siotest.Call(t, bob, chat.Join, chat.JoinInput{Room: "lobby"})
	nodes[2].Stop() // the others run its share of the commands from now on
	siotest.Call(t, bob, chat.Post, chat.PostInput{Room: "lobby", Text: "hello"})
	siotest.Expect(t, alice, chat.Posted)
	nodes[1].Stop() // and bob is sent away
	if m := siotest.Expect(t, alice, chat.Left); m.User != "bob" {
		t.Errorf("%s left", m.User)
	}
}

// Only processes crash. What is said after it is served by who is left.
func TestExampleCrash(t *testing.T) {
	t.Parallel()
	staying := siotest.Start(t)
	crashing := siotest.Launch(t, staying.RedisURL, "crashing")
	alice := staying.Client(t, chat.Namespace, siotest.As("alice"))
	bob := crashing.Client(t, chat.Namespace, siotest.As("bob"))
	siotest.Call(t, alice, chat.Join, chat.JoinInput{Room: "lobby"})
	siotest.Call(t, bob, chat.Post, chat.PostInput{Room: "lobby", Text: "farewell"})
	crashing.Kill()
	for i := range 4 { // some of them on lanes that the other one had
		room := fmt.Sprint("room-", i)
		siotest.Call(t, alice, chat.Join, chat.JoinInput{Room: room})
		siotest.Call(t, alice, chat.Post, chat.PostInput{Room: room, Text: "still here"})
	}
	for _, text := range []string{"farewell", "still here", "still here", "still here", "still here"} {
		if m := siotest.Expect(t, alice, chat.Posted); m.Text != text {
			t.Errorf("alice heard %+v, want %s", m, text)
		}
	}
}

// Other settings: another path, and callers must show a token.
func TestExampleSettings(t *testing.T) {
	t.Parallel()
	srv := siotest.Start(t, siotest.With(func(cfg *config.Config) {
		cfg.AuthMode, cfg.JWTSecret = "jwt", "at least thirty-two bytes of secret"
		cfg.Sockets.Path = "/realtime/"
	}))
	srv.Rejects(t, chat.Namespace, fault.Unauthenticated, client.Auth(map[string]any{"token": "forged"}))
}

// The service with a store and a provider of the test's own, and without a guard.
func TestExampleOverrides(t *testing.T) {
	t.Parallel()
	store := memstore.NewTasks()
	work := func(context.Context, tasks.Task, int) error { return nil } // takes no time
	srv := siotest.Start(t, siotest.Service(func(p siotest.Ports) *contract.Catalog {
		catalog := usecases.Catalog(chat.New(p.History, p.Sockets), tasks.New(store, work))
		return siotest.Guarded(t, catalog, chat.Join)
	}))
	alice := srv.Client(t, tasks.Namespace, siotest.As("alice"))
	id := siotest.Call(t, alice, tasks.Start, tasks.StartInput{Title: "dig", Steps: 3}).TaskID
	siotest.Expect(t, alice, tasks.Finished)
	if task, err := store.Get(t.Context(), id); err != nil || task.Done != 3 {
		t.Errorf("kept: %+v %v", task, err)
	}
	bob := srv.Client(t, chat.Namespace, siotest.As("bob"))
	siotest.Call(t, bob, chat.Join, chat.JoinInput{Room: "staff-room"}) // which is for the staff
	siotest.Refused(t, bob, chat.Post, chat.PostInput{Room: "staff-room", Text: "hi"}, fault.Forbidden)
}

// Use cases that are no part of the service, or not yet. One node holds the sockets and
// another one runs the handler: what they say to each other crosses the lanes.
func TestExampleRoutes(t *testing.T) {
	t.Parallel()
	park := contract.Namespace{Name: "/park", Doc: "A park."}
	type stone struct {
		Skips int `json:"skips" minimum:"0"`
	}
	skip := contract.Command[stone, stone]{Namespace: park, Event: "skip", Operation: "park.skip", Doc: "Skip a stone."}
	srv := siotest.Start(t, siotest.Workers(1), siotest.Routes(
		skip.Handle(func(_ context.Context, in stone) (stone, []contract.Effect, error) {
			return stone{Skips: in.Skips + 1}, nil, nil
		}),
	))
	c := srv.Client(t, park)
	if out := siotest.Call(t, c, skip, stone{Skips: 4}); out.Skips != 5 {
		t.Errorf("it skipped %d times", out.Skips)
	}
	siotest.Refused(t, c, skip, stone{Skips: -1}, fault.Invalid)
}

// Commands that no client sends. Each node has the same clock, as in the Run of a Hook, and
// each hour strikes once.
func TestExampleDispatcher(t *testing.T) {
	t.Parallel()
	type hour struct {
		Hour int `json:"hour"`
	}
	tower := contract.Namespace{Name: "/tower", Doc: "A tower with a bell."}
	struck := contract.Event[hour]{Namespace: tower, Name: "struck", Doc: "The bell was struck."}
	strike := contract.Command[hour, struct{}]{
		Namespace: tower, Operation: "tower.strike", Doc: "Strike the bell.", Internal: true, Raises: []contract.EventSpec{struck.Spec()},
		Key:            func(hour) string { return "bell" },
		IdempotencyKey: func(in hour) string { return fmt.Sprint(in.Hour) },
	}
	var clocks []contract.Dispatcher
	nodes := siotest.Cluster(t, 2, siotest.Service(func(p siotest.Ports) *contract.Catalog {
		clocks = append(clocks, p.Dispatcher)
		return contract.NewCatalog([]contract.Route{
			strike.Handle(func(_ context.Context, in hour) (struct{}, []contract.Effect, error) {
				return struct{}{}, []contract.Effect{struck.Of(in).ToEveryone()}, nil
			}),
		})
	}))
	c := nodes[0].Client(t, tower)
	for h := range 12 {
		for _, clock := range clocks {
			if err := clock.Dispatch(t.Context(), contract.Submit(strike, hour{h}), contract.Caller{UserID: "service:clock"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for h := range 12 {
		if got := siotest.Expect(t, c, struck); got.Hour != h {
			t.Fatalf("after hour %d the bell struck %d", h-1, got.Hour)
		}
	}
}
