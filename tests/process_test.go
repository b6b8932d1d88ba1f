package tests

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/usecases/chat"
)

// status is the status of a GET, 0 for no answer.
func status(url string) int {
	resp, err := http.Get(url)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// A poster posts messages one after the other until its connection ends, and notes
// what became of each.
type poster struct {
	*rawsio.Client
	room    string
	results map[string]string // client id -> "" (never answered), "ok" or a problem's code
}

func (p *poster) run(stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		id := fmt.Sprint(p.room, "-", i)
		p.results[id] = ""
		answer, err := p.TryCall("/chat", "message", fmt.Sprintf(`{"room":%q,"text":"x","client_id":%q}`, p.room, id))
		if err != nil {
			return
		}
		var problem struct{ Code string }
		if err := json.Unmarshal([]byte(answer), &problem); err != nil {
			return
		}
		if p.results[id] = problem.Code; problem.Code == "" {
			p.results[id] = "ok"
		}
	}
}

// kept is how often each message of a room is kept, by its client's id.
func kept(t *testing.T, url, room string) map[string]int {
	t.Helper()
	ids := map[string]int{}
	for before := ""; ; {
		page := history(t, fmt.Sprintf("%s/v1/rooms/%s/messages?limit=100&before=%s", url, room, before))
		for _, m := range page.Messages {
			ids[m.ClientID]++
		}
		if before = page.Next; before == "" {
			return ids
		}
	}
}

// history is a page of it. Who asks again when a node is not ready, as one that is only just
// back, is answered by another.
func history(t *testing.T, url string) (page chat.ReadOutput) {
	t.Helper()
	testenv.WaitFor(t, 20*time.Second, "an answer to "+url, func() bool {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if resp.StatusCode == http.StatusServiceUnavailable || resp.StatusCode == http.StatusGatewayTimeout {
			t.Logf("%s: %d %s", url, resp.StatusCode, body)
			return false
		}
		if err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(body, &page) != nil {
			t.Fatalf("%s: %d %s %v", url, resp.StatusCode, body, err)
		}
		return true
	})
	return page
}

// SIGTERM while clients of both nodes post: the node ends with 0, and every command
// that was accepted is acknowledged: what was kept has been answered "ok" and what
// was answered "ok" has been kept, once.
func TestSIGTERMUnderLoad(t *testing.T) {
	t.Parallel()
	leaveUnderLoad(t, testenv.Redis(t), func() {})
}

// leaveUnderLoad does so, after something else that clients must not notice.
func leaveUnderLoad(t *testing.T, url string, first func(), env ...string) {
	t.Helper()
	env = append(env, "SOCKET_RATE=off")
	leaving, staying := siotest.Launch(t, url, "leaving", env...), siotest.Launch(t, url, "staying", env...)
	stop := make(chan struct{})
	var posters []*poster
	var running sync.WaitGroup
	for i := range 40 {
		to := leaving
		if i%4 == 0 {
			to = staying
		}
		p := &poster{Client: rawsio.Dial(t, to.URL), room: fmt.Sprint("room-", i), results: map[string]string{}}
		p.Connect("/chat", "")
		posters = append(posters, p)
		running.Go(func() { p.run(stop) })
	}
	testenv.WaitFor(t, 20*time.Second, "load on both nodes", func() bool {
		return len(kept(t, staying.URL, "room-0")) > 20 && len(kept(t, staying.URL, "room-1")) > 20
	})
	first()
	leaving.Terminate()
	testenv.WaitFor(t, 20*time.Second, "the other node to have taken over", func() bool {
		return staying.Status("/v1/rooms/room-1/messages") == 200
	})
	close(stop)
	running.Wait()
	total := map[string]int{}
	for _, p := range posters {
		found := kept(t, staying.URL, p.room)
		for id, result := range p.results {
			total[result]++
			switch {
			case result == "ok" && found[id] != 1:
				t.Errorf("%s was acknowledged and is kept %d times", id, found[id])
			case result != "ok" && found[id] != 0:
				t.Errorf("%s is kept and was answered %q", id, result)
			}
		}
	}
	t.Logf("answers: %v", total)
	if total["ok"] < 100 {
		t.Errorf("only %d messages were posted: no load", total["ok"])
	}
	delete(total, "ok")
	delete(total, "")            // sent to a connection that was closing, and never read
	delete(total, "unavailable") // sent while the node was draining
	if len(total) > 0 {
		t.Errorf("other answers: %v", total)
	}
}

// Two nodes, one Redis: a message posted on one reaches members on the other, and
// the backlog survives the end of a node.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t)
	one, two := siotest.Launch(t, url, "one"), siotest.Launch(t, url, "two")
	alice := one.Client(t, chat.Namespace, siotest.As("alice"))
	bob := two.Client(t, chat.Namespace, siotest.As("bob"))
	for i := range 8 { // rooms in partitions of both nodes
		room := fmt.Sprint("r", i)
		siotest.Call(t, bob, chat.Join, chat.JoinInput{Room: room})
		siotest.Call(t, alice, chat.Post, chat.PostInput{Room: room, Text: "hello"})
		if m := siotest.Expect(t, bob, chat.Posted); m.From != "alice" || m.Room != room {
			t.Errorf("bob heard %+v", m)
		}
	}
	one.Terminate()
	for i := range 8 {
		siotest.Call(t, bob, chat.Post, chat.PostInput{Room: fmt.Sprint("r", i), Text: "still here"})
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t)
	gateway, worker := siotest.Launch(t, url, "gateway", "ROLE=gateway"), siotest.Launch(t, url, "worker", "ROLE=worker")
	if out := siotest.Call(t, gateway.Client(t, chat.Namespace), chat.Join, chat.JoinInput{Room: "lobby"}); !out.Joined {
		t.Errorf("%+v", out)
	}
	if got := worker.Status("/v1/rooms/lobby/messages"); got != 404 {
		t.Errorf("a worker answers a route with %d", got)
	}
	if _, err := rawsio.TryDial(t, worker.URL); err == nil {
		t.Error("a worker takes sockets")
	}
	worker.Terminate()
	gateway.Terminate()
}

func TestHealthCheckSubcommand(t *testing.T) {
	t.Parallel()
	p := siotest.Launch(t, "", "alone")
	path := siotest.Program(t, "cmd/server")
	check := func() error {
		cmd := exec.Command(path, "healthcheck")
		cmd.Env = append(siotest.Environ(), "HTTP_ADDR="+strings.TrimPrefix(p.URL, "http://"))
		return cmd.Run()
	}
	if err := check(); err != nil {
		t.Errorf("of a node that is ready: %v", err)
	}
	p.Terminate()
	if check() == nil {
		t.Error("of a node that is gone: healthy")
	}
}

func TestUnknownArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	path := siotest.Program(t, "cmd/server")
	for _, args := range [][]string{{"help"}, {"healthcheck", "now"}} {
		cmd := exec.Command(path, args...)
		if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 2 || string(out) != "usage: server [healthcheck]\n" {
			t.Errorf("%v: %v %s", args, cmd.ProcessState, out)
		}
	}
}

// Who asks a second time will not wait for what is under way.
func TestAskedTwiceToEnd(t *testing.T) {
	t.Parallel()
	p := siotest.Launch(t, testenv.Redis(t), "asked-twice", "DRAIN_DELAY=1m")
	p.Terminating()
	testenv.WaitFor(t, 10*time.Second, "the node to drain", func() bool { return p.Status("/readyz") == http.StatusServiceUnavailable })
	p.Terminating()
	select {
	case <-p.Ended():
	case <-time.After(5*time.Second + testenv.Late):
		t.Fatal("it goes on")
	}
	if code := p.ExitCode(); code != 1 {
		t.Errorf("it ended with %d", code)
	}
}
