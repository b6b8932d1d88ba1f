package main

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/tests/faults/proxy"
	"github.com/example/switchyard/usecases/chat"
)

func TestMain(m *testing.M) { os.Exit(siotest.Main(m)) }

// Who says the word is put out on every node, also when the moderator was away.
func TestWhoSaysTheWordIsPutOut(t *testing.T) {
	t.Parallel()
	nodes := siotest.Cluster(t, 2)
	line, err := proxy.New(strings.TrimPrefix(nodes[0].URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(line.Close)
	m := &moderator{words: []string{"spam"}, log: slog.New(slog.NewTextHandler(t.Output(), nil)), newest: map[string]string{"lobby": ""}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- m.run(ctx, "http://"+line.Address(), map[string]any{"user": "moderator", "roles": []string{"staff"}})
	}()
	watch := nodes[1].Client(t, chat.Namespace, siotest.As("watch"))
	await := func(want bool, name string) {
		t.Helper()
		testenv.WaitFor(t, 30*time.Second, "the lobby to change: "+name, func() bool {
			return slices.Contains(siotest.Call(t, watch, chat.Members, chat.MembersInput{Room: "lobby"}).Members, name) == want
		})
	}
	await(true, "moderator")
	for _, name := range []string{"alice", "bob"} {
		for _, n := range nodes {
			siotest.Call(t, n.Client(t, chat.Namespace, siotest.As(name)), chat.Join, chat.JoinInput{Room: "lobby"})
		}
	}
	alice, bob := nodes[0].Client(t, chat.Namespace, siotest.As("alice")), nodes[1].Client(t, chat.Namespace, siotest.As("bob"))
	siotest.Refused(t, alice, chat.Kick, chat.KickInput{Room: "lobby", User: "bob"}, fault.Forbidden)
	siotest.Call(t, bob, chat.Post, chat.PostInput{Room: "lobby", Text: "Buy SPAM"})
	await(false, "bob")
	line.Cut()
	await(false, "moderator")
	siotest.Call(t, alice, chat.Post, chat.PostInput{Room: "lobby", Text: "spam, spam"})
	line.Heal()
	await(false, "alice")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
