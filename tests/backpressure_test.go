package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// refusal is the code of an answer, "" for a result, and when to try again.
func refusal(t *testing.T, answer string) (code fault.Code, retry time.Duration) {
	t.Helper()
	var p fault.Problem
	if err := json.Unmarshal([]byte(answer), &p); err != nil {
		t.Fatal(err)
	}
	return p.Code, time.Duration(p.RetryAfterMS) * time.Millisecond
}

// No worker: commands are accepted up to the backlog's limit and answered "timeout" when
// their time is over, others "overloaded" at once. Nothing of it is dropped: a worker
// that comes within the time runs all, and a later one completes them unrun.
func TestBacklogWithoutAWorker(t *testing.T) {
	t.Parallel()
	const room, timeout = 20, 10 * time.Second // far more than it takes to start a worker
	url := testenv.Redis(t)
	lanes := []string{"PARTITIONS=1", fmt.Sprint("PARTITION_BACKLOG=", room), fmt.Sprint("COMMAND_TIMEOUT=", timeout)}
	gateway := siotest.Launch(t, url, "gateway", append(lanes, "ROLE=gateway")...)
	rdb := testenv.Client(t, url)
	backlog := func() int64 { return rdb.XLen(t.Context(), "cmd:{p0}").Val() }
	c := rawsio.Dial(t, gateway.URL)
	c.Connect("/chat", `{"user":"alice"}`)
	post := func(text int) func() string {
		return c.Begin("/chat", "message", fmt.Sprintf(`{"room":"r","text":"%d","client_id":"%d"}`, text, text))
	}
	fill := func() (accepted []func() string) {
		testenv.WaitFor(t, rawsio.Patience, "room, which the gateway looks for now and then", func() bool {
			heard := len(c.Heard())
			accepted = []func() string{post(0)}
			testenv.WaitFor(t, rawsio.Patience, "the first command", func() bool { return backlog() == 1 || len(c.Heard()) > heard })
			if backlog() == 1 {
				return true
			}
			code, _ := refusal(t, accepted[0]())
			return code != fault.Overloaded
		})
		for i := range room - 1 {
			accepted = append(accepted, post(i+1))
		}
		for range 5 {
			begin := time.Now()
			code, retry := refusal(t, post(-1)())
			took := time.Since(begin)
			t.Logf("refused after %s", took)
			if code != fault.Overloaded || retry == 0 || took > testenv.Late {
				t.Errorf("beyond the backlog: %q after %s, to be tried again in %s", code, took, retry)
			}
		}
		return accepted
	}

	begin := time.Now()
	for _, wait := range fill() {
		if code, _ := refusal(t, wait()); code != fault.Timeout {
			t.Errorf("accepted: %q", code)
		}
	}
	if took := time.Since(begin); took < timeout-200*time.Millisecond || took > timeout+testenv.Late {
		t.Errorf("timeouts after %s", took)
	}
	if n := backlog(); n != room {
		t.Errorf("%d commands are kept, want %d", n, room)
	}

	// A gateway answers a little before the time is over, and until then a worker is not late.
	testenv.WaitFor(t, timeout, "the time of all to be over", func() bool { return time.Since(begin) > timeout+testenv.Late })
	admin := fmt.Sprint("127.0.0.1:", testenv.FreePort(t))
	late := siotest.Launch(t, url, "late", append(lanes, "ROLE=worker", "ADMIN_ADDR="+admin)...)
	testenv.WaitFor(t, rawsio.Patience, "the backlog to be worked off", func() bool { return backlog() == 0 })
	if got := metric(t, admin, "switchyard_commands_expired_total"); got != room {
		t.Errorf("%g have expired, want %d", got, room)
	}
	late.Terminate()

	accepted := fill()
	siotest.Launch(t, url, "in-time", append(lanes, "ROLE=worker")...)
	for i, wait := range accepted {
		if code, _ := refusal(t, wait()); code != "" {
			t.Errorf("command %d: %q, though a worker came in time", i, code)
		}
	}
	if n := rdb.XLen(t.Context(), "cmd:{p0}").Val(); n != 0 {
		t.Errorf("%d commands are left", n)
	}
}

// One client floods: each of its commands is answered, what is beyond its limits with
// "exhausted", and nobody else notices.
func TestAFloodExhaustsItsOwnSocket(t *testing.T) {
	t.Parallel()
	p := siotest.Launch(t, "", "flooded", "SOCKET_RATE=20", "SOCKET_UNACKED=8")
	flood, other := rawsio.Dial(t, p.URL), rawsio.Dial(t, p.URL)
	flood.Connect("/chat", `{"user":"flood"}`)
	flood.Connect("/tasks", `{"user":"flood"}`)
	other.Connect("/chat", `{"user":"other"}`)
	begin := time.Now()
	var waits []func() string
	for i := range 2000 {
		if i%2 == 0 {
			waits = append(waits, flood.Begin("/chat", "message", `{"room":"r","text":"flood"}`))
		} else {
			waits = append(waits, flood.Begin("/tasks", "start", `{"title":"flood","steps":1}`))
		}
		if i%100 == 0 {
			if got := other.Call("/chat", "message", `{"room":"r","text":"still here"}`); !strings.Contains(got, `"id"`) {
				t.Errorf("somebody else: %s", got)
			}
		}
	}
	codes := map[fault.Code]int{}
	for _, wait := range waits {
		code, retry := refusal(t, wait())
		if codes[code]++; code == fault.Exhausted && (retry <= 0 || retry > time.Second) {
			t.Errorf("to be tried again in %s", retry)
		}
	}
	most := 40 + 20*int(time.Since(begin)/time.Second+1)
	if ok := codes[""]; ok < 8 || ok > most || codes[fault.Exhausted] != len(waits)-ok {
		t.Errorf("answers: %v, at most %d of them results", codes, most)
	}
}
