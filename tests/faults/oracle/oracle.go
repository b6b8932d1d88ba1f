// Package oracle judges a run of the service by its history: what clients sent and
// were answered, what was kept, and what subscribers heard. It counts what the
// service promises never to happen. Start at Judge.
package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// What became of a command, besides "ok" and the codes of problems.
const (
	OK     = "ok"
	Closed = "closed" // its connection ended before an answer came
	Silent = ""       // no answer in time, on a connection that stayed open
)

// A Command is one that a client has sent.
type Command struct {
	ID     string // unique; found again in effects and events
	Client string // commands of one client and key were sent in the order of the history
	Key    string
	Sent   time.Time
	Ended  time.Time // when it was answered, or its connection ended
	Answer string
}

// An Effect is what a command has brought about, as it is kept.
type Effect struct {
	ID       string // of the command
	Position string // of the effect; events carry it too
}

// A Subscriber is a connection that hears events, with what it heard.
type Subscriber struct {
	Name   string
	From   time.Time // when it began to hear everything
	Until  time.Time // when its connection ended; zero: it did not
	Gaps   int       // times that it was told of a gap
	Events []Event
}

// An Event is one that a subscriber has heard.
type Event struct {
	Key, ID, Position string
}

// A Run is all that is known of a run.
type Run struct {
	Commands    []Command           // in the order in which each client sent them
	Effects     map[string][]Effect // by key, in the order in which they are kept
	Subscribers []Subscriber
	Fault       time.Time     // when the fault began; zero: there was none
	Patience    time.Duration // how long an answer may take
	Grace       time.Duration // before a connection ends, in which its events may stay behind
}

// A Verdict lists what went wrong, each with the ids that show it, and says how it
// went.
type Verdict struct {
	Lost       []string // answered "ok" and not kept
	Refused    []string // kept, although the answer says that nothing happened
	Duplicates []string // kept twice, or heard twice on one connection
	Silent     []string // not answered in time, on a connection that stayed open
	Disorder   []string // kept in another order than sent, or heard in another than kept
	Unheard    []string // answered "ok", kept, and not heard by a subscriber that was there
	Foreign    []string // kept or heard, and never sent

	Answers  map[string]int
	Slowest  time.Duration // answer
	Recovery time.Duration // the longest time after the fault that a client went without an "ok"
}

// refusals are the answers that say that nothing was done.
var refusals = []string{"invalid", "unauthenticated", "forbidden", "not_found", "exhausted", "overloaded", "unavailable"}

// Judge finds what went wrong.
func Judge(r Run) Verdict {
	v := Verdict{Answers: map[string]int{}}
	j := judge{run: r, v: &v, sent: map[string]*Command{}, at: map[string]int{}}
	for i, c := range r.Commands {
		j.sent[c.ID] = &r.Commands[i]
	}
	for _, key := range slices.Sorted(maps.Keys(r.Effects)) {
		j.effects(key, r.Effects[key])
	}
	j.answers()
	j.order()
	for _, s := range r.Subscribers {
		j.subscriber(s)
	}
	j.recovery()
	return v
}

type judge struct {
	run  Run
	v    *Verdict
	sent map[string]*Command
	at   map[string]int // index of a command's effect in its key
}

func (j *judge) effects(key string, kept []Effect) {
	for i, e := range kept {
		c, known := j.sent[e.ID]
		_, again := j.at[e.ID]
		switch {
		case !known || c.Key != key:
			j.v.Foreign = append(j.v.Foreign, fmt.Sprintf("%s kept in %s", e.ID, key))
		case again:
			j.v.Duplicates = append(j.v.Duplicates, fmt.Sprintf("%s kept again at %s", e.ID, e.Position))
		default:
			j.at[e.ID] = i
		}
	}
}

func (j *judge) answers() {
	for _, c := range j.run.Commands {
		took := c.Ended.Sub(c.Sent)
		_, kept := j.at[c.ID]
		name := c.Answer
		switch {
		case c.Answer == Silent, c.Answer != Closed && took > j.run.Patience:
			j.v.Silent = append(j.v.Silent, fmt.Sprintf("%s %q after %s", c.ID, c.Answer, took))
			name = "silent"
		case c.Answer == OK && !kept:
			j.v.Lost = append(j.v.Lost, fmt.Sprintf("%s in %s", c.ID, c.Key))
		case kept && slices.Contains(refusals, c.Answer):
			j.v.Refused = append(j.v.Refused, fmt.Sprintf("%s answered %s", c.ID, c.Answer))
		}
		j.v.Answers[name]++
		if c.Answer != Closed && c.Answer != Silent {
			j.v.Slowest = max(j.v.Slowest, took)
		}
	}
}

// order compares what a client sent with one key with what was kept. What was not
// answered "ok" may have been kept later: its sender was told that the outcome is not
// known.
func (j *judge) order() {
	last := map[[2]string]*Command{}
	for i := range j.run.Commands {
		c := &j.run.Commands[i]
		at, kept := j.at[c.ID]
		if c.Answer != OK || !kept {
			continue
		}
		lane := [2]string{c.Client, c.Key}
		if before := last[lane]; before != nil && j.at[before.ID] > at {
			j.v.Disorder = append(j.v.Disorder, fmt.Sprintf("%s kept before %s", c.ID, before.ID))
		}
		last[lane] = c
	}
}

func (j *judge) subscriber(s Subscriber) {
	heard, last := map[string]bool{}, map[string]int{}
	for _, e := range s.Events {
		at, kept := j.at[e.ID]
		switch {
		case !kept || j.run.Effects[e.Key][at].Position != e.Position:
			j.v.Foreign = append(j.v.Foreign, fmt.Sprintf("%s heard by %s and not kept at %s", e.ID, s.Name, e.Position))
		case heard[e.ID]:
			j.v.Duplicates = append(j.v.Duplicates, fmt.Sprintf("%s heard again by %s", e.ID, s.Name))
		case at < last[e.Key]:
			j.v.Disorder = append(j.v.Disorder, fmt.Sprintf("%s heard too late by %s", e.ID, s.Name))
		default:
			last[e.Key] = at
		}
		heard[e.ID] = true
	}
	if s.Gaps > 0 {
		return
	}
	// A handler that fails after it has kept something raises no event: only "ok" says
	// that there was one.
	for _, c := range j.run.Commands {
		_, kept := j.at[c.ID]
		switch {
		case c.Answer != OK || !kept || heard[c.ID] || c.Sent.Before(s.From):
		case !s.Until.IsZero() && c.Ended.After(s.Until.Add(-j.run.Grace)):
		default:
			j.v.Unheard = append(j.v.Unheard, fmt.Sprintf("%s by %s", c.ID, s.Name))
		}
	}
}

func (j *judge) recovery() {
	if j.run.Fault.IsZero() {
		return
	}
	last := map[string]time.Time{}
	answered := slices.Clone(j.run.Commands)
	slices.SortFunc(answered, func(a, b Command) int { return a.Ended.Compare(b.Ended) })
	wait := func(client string, until time.Time) {
		from := j.run.Fault
		if t := last[client]; t.After(from) {
			from = t
		}
		j.v.Recovery = max(j.v.Recovery, until.Sub(from))
	}
	end := map[string]time.Time{} // of what the client did
	for _, c := range answered {
		end[c.Client] = c.Ended
		if c.Answer == OK {
			wait(c.Client, c.Ended)
			last[c.Client] = c.Ended
		}
	}
	for client, t := range end {
		wait(client, t)
	}
}

// Violations says what went wrong, a line for each kind, with some of the ids.
func (v Verdict) Violations() []string {
	var lines []string
	for _, kind := range []struct {
		name string
		ids  []string
	}{
		{"lost", v.Lost}, {"kept although refused", v.Refused}, {"duplicates", v.Duplicates}, {"silent", v.Silent},
		{"out of order", v.Disorder}, {"unheard", v.Unheard}, {"foreign", v.Foreign},
	} {
		if n := len(kind.ids); n > 0 {
			lines = append(lines, fmt.Sprintf("%d %s: %s", n, kind.name, strings.Join(kind.ids[:min(n, 8)], "; ")))
		}
	}
	return lines
}

// String is the figures in a line.
func (v Verdict) String() string {
	var answers []string
	for _, name := range slices.Sorted(maps.Keys(v.Answers)) {
		answers = append(answers, fmt.Sprintf("%s %d", name, v.Answers[name]))
	}
	return fmt.Sprintf("lost %d, duplicates %d, silent %d, out of order %d, unheard %d, recovery %s, slowest answer %s; answers: %s",
		len(v.Lost), len(v.Duplicates), len(v.Silent), len(v.Disorder), len(v.Unheard),
		v.Recovery.Round(time.Millisecond), v.Slowest.Round(time.Millisecond), strings.Join(answers, ", "))
}
