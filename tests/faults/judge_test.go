package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/tests/faults/oracle"
)

// A message is one of a room, as history and events tell it.
type message struct {
	ID       string
	Room     string
	ClientID string `json:"client_id"`
}

// judge ends the load, waits until everything accepted is completed, and judges. It
// fails the test for everything that may never happen, and for answers other than
// "ok" and those that the fault allows.
func (l *load) judge(through *node, allowed ...string) oracle.Verdict {
	l.t.Helper()
	l.end()
	testenv.WaitFor(l.t, 20*time.Second, "the backlog to be worked off", func() bool { return l.redis.backlog() == 0 })
	run := oracle.Run{
		Commands: l.commands(), Effects: map[string][]oracle.Effect{}, Fault: l.fault,
		Patience: answerWithin + l.frozen + testenv.Late, Grace: time.Second,
	}
	for _, rooms := range l.rooms {
		for _, room := range rooms {
			run.Effects[room] = kept(l.t, through, room)
		}
	}
	v := l.settled(run)
	l.t.Log(v)
	for _, line := range v.Violations() {
		l.t.Error(line)
	}
	l.only(v, allowed)
	if v.Answers[oracle.OK] < 200 {
		l.t.Errorf("only %d commands were answered %q: no load", v.Answers[oracle.OK], oracle.OK)
	}
	return v
}

// answers ends the load and judges only how its commands were answered, where Redis
// has forgotten the rest.
func (l *load) answers(allowed ...string) {
	l.t.Helper()
	l.end()
	v := oracle.Judge(oracle.Run{Commands: l.commands(), Patience: answerWithin + l.frozen + testenv.Late})
	for _, line := range v.Silent {
		l.t.Error("silent: " + line)
	}
	l.only(v, allowed)
}

func (l *load) only(v oracle.Verdict, allowed []string) {
	l.t.Helper()
	for answer, n := range v.Answers {
		if answer != oracle.OK && !slices.Contains(allowed, answer) {
			l.t.Errorf("%d commands were answered %q", n, answer)
		}
	}
}

// settled judges once the hearers have heard all, or have had time to.
func (l *load) settled(run oracle.Run) oracle.Verdict {
	for deadline := time.Now().Add(5 * time.Second); ; {
		run.Subscribers = nil
		for _, h := range l.hearers {
			run.Subscribers = append(run.Subscribers, h.heard())
		}
		v := oracle.Judge(run)
		if len(v.Unheard) == 0 || time.Now().After(deadline) {
			return v
		}
		time.Sleep(50 * time.Millisecond) // until all was heard, or the deadline
	}
}

var asking = &http.Client{Timeout: 4 * time.Second}

// kept reads a room's history, the oldest message first.
func kept(t *testing.T, n *node, room string) []oracle.Effect {
	t.Helper()
	var effects []oracle.Effect
	for before := ""; ; {
		var page struct {
			Messages []message
			Next     string
		}
		testenv.WaitFor(t, 20*time.Second, "the history of "+room, func() bool {
			page.Messages, page.Next = nil, ""
			resp, err := asking.Get(fmt.Sprintf("%s/v1/rooms/%s/messages?limit=100&before=%s", n.URL, room, before))
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			return resp.StatusCode == http.StatusOK && json.NewDecoder(resp.Body).Decode(&page) == nil
		})
		var older []oracle.Effect
		for _, m := range page.Messages {
			older = append(older, oracle.Effect{ID: m.ClientID, Position: m.ID})
		}
		effects = append(older, effects...)
		if before = page.Next; before == "" {
			return effects
		}
	}
}
