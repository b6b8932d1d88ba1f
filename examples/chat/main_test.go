package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/tests/faults/proxy"
	"github.com/example/switchyard/usecases/chat"
)

func TestMain(m *testing.M) { os.Exit(siotest.Main(m)) }

// A terminal is what a user types and sees.
type terminal struct {
	t    *testing.T
	keys *io.PipeWriter
	mu   sync.Mutex
	seen bytes.Buffer
}

func (s *terminal) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.Write(b)
}

func (s *terminal) screen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}

func (s *terminal) types(line string) {
	s.t.Helper()
	if _, err := fmt.Fprintln(s.keys, line); err != nil {
		s.t.Error(err)
	}
}

func (s *terminal) sees(text string) {
	s.t.Helper()
	testenv.WaitFor(s.t, 30*time.Second, "a terminal to show "+text, func() bool { return strings.Contains(s.screen(), text) })
}

func open(t *testing.T, url, user string) *terminal {
	t.Helper()
	read, write := io.Pipe()
	s := &terminal{t: t, keys: write}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, url, user, "lobby", read, s) }()
	t.Cleanup(func() {
		_ = write.Close() // the end of what is typed
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", user, err)
		}
		stop()
	})
	return s
}

// Two users on two nodes. One loses the connection while both talk: all is said once, and
// seen once by each, in one order.
func TestNothingIsMissedOrSaidTwice(t *testing.T) {
	t.Parallel()
	nodes := siotest.Cluster(t, 2)
	line, err := proxy.New(strings.TrimPrefix(nodes[0].URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(line.Close)
	alice, bob := open(t, "http://"+line.Address(), "alice"), open(t, nodes[1].URL, "bob")
	alice.types("hello")
	bob.sees("alice: hello")
	bob.types("hi")
	alice.sees("bob: hi")
	line.Cut()
	alice.sees("disconnected: ")
	go alice.types("are you there?")
	const missed = 25 // more than one page
	for i := range missed {
		bob.types(fmt.Sprint("missed ", i))
	}
	bob.sees(fmt.Sprint("missed ", missed-1))
	line.Heal()
	alice.sees(fmt.Sprint("missed ", missed-1))
	bob.sees("alice: are you there?")
	alice.sees("alice: are you there?")
	bob.types("over")
	alice.sees("bob: over")
	var want []string
	probe := nodes[1].Client(t, chat.Namespace, siotest.As("probe"))
	for _, m := range siotest.Call(t, probe, chat.Read, chat.ReadInput{Room: "lobby", Limit: 100}).Messages {
		want = append(want, m.From+": "+m.Text)
	}
	if len(want) != missed+4 {
		t.Errorf("%d messages are kept", len(want))
	}
	for _, s := range []*terminal{alice, bob} {
		var seen []string
		for line := range strings.Lines(s.screen()) {
			if !strings.HasPrefix(line, "disconnected") {
				seen = append(seen, strings.TrimSpace(line))
			}
		}
		if strings.Join(seen, "\n") != strings.Join(want, "\n") {
			t.Errorf("saw\n%s\nof\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
		}
	}
}
