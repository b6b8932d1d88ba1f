package siotest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/transport/socketio/client"
	"github.com/example/switchyard/usecases/chat"
)

// A failing is a test that may fail without failing the one it runs in.
type failing struct {
	testing.TB
	mu       sync.Mutex
	failed   bool
	said     strings.Builder
	cleanups []func()
}

// said runs a test to its end, and returns what it has said, if it has failed.
func said(t *testing.T, test func(testing.TB)) string {
	t.Helper()
	f := &failing{TB: t}
	var ends sync.WaitGroup
	ends.Go(func() {
		defer func() {
			for _, cleanup := range slices.Backward(f.cleanups) {
				cleanup()
			}
		}()
		test(f)
	})
	ends.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.failed {
		return ""
	}
	return f.said.String()
}

func (f *failing) say(fails bool, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = f.failed || fails
	f.said.WriteString(text + "\n")
}

func (f *failing) Helper()                      {}
func (f *failing) Cleanup(c func())             { f.cleanups = append(f.cleanups, c) }
func (f *failing) Logf(s string, args ...any)   { f.say(false, fmt.Sprintf(s, args...)) }
func (f *failing) Errorf(s string, args ...any) { f.say(true, fmt.Sprintf(s, args...)) }
func (f *failing) Error(args ...any)            { f.say(true, fmt.Sprint(args...)) }
func (f *failing) Fatalf(s string, args ...any) {
	f.say(true, fmt.Sprintf(s, args...))
	runtime.Goexit()
}
func (f *failing) Fatal(args ...any) { f.say(true, fmt.Sprint(args...)); runtime.Goexit() }
func (f *failing) Failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// wantSaid fails unless a test has said all of these.
func wantSaid(t *testing.T, said string, all ...string) {
	t.Helper()
	for _, want := range all {
		if !strings.Contains(said, want) {
			t.Errorf("the test does not say %q, but:\n%s", want, said)
		}
	}
}

// A test that fails says what was wrong, and shows the logs of its nodes.
func TestFailuresTellWhatWasWrong(t *testing.T) {
	t.Parallel()
	room := chat.JoinInput{Room: "staff-room"}
	for name, tc := range map[string]struct {
		test func(testing.TB, *siotest.Server, *client.Client)
		want []string
	}{
		"a call is refused": {
			func(t testing.TB, _ *siotest.Server, c *client.Client) { siotest.Call(t, c, chat.Join, room) },
			[]string{"call join: forbidden", "log of node1:", "msg=ready"},
		},
		"a call is not refused": {
			func(t testing.TB, _ *siotest.Server, c *client.Client) {
				siotest.Refused(t, c, chat.Join, chat.JoinInput{Room: "lobby"}, fault.Forbidden)
			},
			[]string{"chat.join: it worked, and should have been refused as forbidden"},
		},
		"it is refused otherwise": {
			func(t testing.TB, _ *siotest.Server, c *client.Client) {
				siotest.Refused(t, c, chat.Join, room, fault.Conflict)
			},
			[]string{"forbidden", "want conflict"},
		},
		"a connection is not refused": {
			func(t testing.TB, s *siotest.Server, _ *client.Client) { s.Rejects(t, chat.Namespace, fault.Forbidden) },
			[]string{"connecting to /chat: it worked"},
		},
		"there is no such namespace": {
			func(t testing.TB, s *siotest.Server, _ *client.Client) {
				s.Client(t, contract.Namespace{Name: "/nothing"})
			},
			[]string{"connect to /nothing"},
		},
		"an event does not come": {
			func(t testing.TB, s *siotest.Server, c *client.Client) {
				siotest.Call(t, c, chat.Join, chat.JoinInput{Room: "lobby"})
				s.Stop() // which ends the wait
				siotest.Expect(t, c, chat.Posted)
			},
			[]string{"message.posted", "what was heard instead: member.joined", `"room":"lobby"`},
		},
		"an event comes that should not": {
			func(t testing.TB, s *siotest.Server, c *client.Client) {
				siotest.Call(t, c, chat.Join, chat.JoinInput{Room: "lobby"})
				siotest.Call(t, c, chat.Post, chat.PostInput{Room: "lobby", Text: "hello"})
				siotest.ExpectNone(t, c, chat.Joined, chat.Posted)
			},
			[]string{"member.joined on /chat came, and should not have", "Room:lobby"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantSaid(t, said(t, func(t testing.TB) {
				s := siotest.Start(t, siotest.Redis(""))
				tc.test(t, s, s.Client(t, chat.Namespace, siotest.As("alice"), client.Reconnect(client.Reconnection{Off: true})))
			}), tc.want...)
		})
	}
}

func TestWrongOptionsAreExplained(t *testing.T) {
	t.Parallel()
	wantSaid(t, said(t, func(t testing.TB) {
		siotest.Start(t, siotest.Redis(""), siotest.With(func(cfg *config.Config) { cfg.Partitions, cfg.LogLevel = 0, "loud" }))
	}), "the settings of node1 are wrong", "PARTITIONS", "LOG_LEVEL")
	wantSaid(t, said(t, func(t testing.TB) { siotest.Cluster(t, 2, siotest.Redis("")) }), "2 nodes cannot share a Redis that is inside one of them")
	wantSaid(t, said(t, func(t testing.TB) {
		siotest.Start(t, siotest.Redis(""), siotest.Service(func(siotest.Ports) *contract.Catalog {
			return siotest.Guarded(t, contract.NewCatalog(), chat.Join)
		}))
	}), "guard chat.join: the catalog has no such command")
	wantSaid(t, said(t, func(t testing.TB) { siotest.Begin(t, "cmd/nothing", "none") }), "build cmd/nothing")
}

// What a test of the kit has passed says nothing, and its nodes are gone with it.
func TestASuccessIsSilent(t *testing.T) {
	t.Parallel()
	var url string
	if text := said(t, func(t testing.TB) {
		s := siotest.Start(t, siotest.Redis(""))
		url = s.URL
		s.Client(t, chat.Namespace)
		s.Stop()
		s.Stop()
	}); text != "" {
		t.Errorf("it failed: %s", text)
	}
	wantSaid(t, said(t, func(t testing.TB) { siotest.Dial(t, url, chat.Namespace) }), "connect to /chat")
}

// A process that ends before it is ready is not waited for.
func TestAProcessThatDoesNotStart(t *testing.T) {
	t.Parallel()
	wantSaid(t, said(t, func(t testing.TB) { siotest.Launch(t, "", "wrong", "PARTITIONS=many") }),
		"wrong ended before it was ready", "end of the log of wrong:", `PARTITIONS: "many" is no whole number`)
}

var (
	named    = regexp.MustCompile(`siotest\.([A-Z]\w*)`)
	declared = regexp.MustCompile(`(?m)^(?:func|type) ([A-Z]\w*)`)
)

// What docs/testing.md names is there.
func TestTheGuideNamesWhatExists(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/testing.md")
	files, err2 := filepath.Glob("*.go")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	exists := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range declared.FindAllSubmatch(source, -1) {
			exists[string(m[1])] = true
		}
	}
	for _, m := range named.FindAllSubmatch(guide, -1) {
		if !exists[string(m[1])] {
			t.Errorf("it names siotest.%s: there is none", m[1])
		}
	}
}
