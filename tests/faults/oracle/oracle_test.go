package oracle_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/tests/faults/oracle"
)

var began = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return began.Add(time.Duration(seconds * float64(time.Second)))
}

// good is a run in which nothing went wrong.
func good() oracle.Run {
	return oracle.Run{
		Commands: []oracle.Command{
			{ID: "1", Client: "a", Key: "k", Sent: at(1), Ended: at(2), Answer: "ok"},
			{ID: "2", Client: "a", Key: "k", Sent: at(2), Ended: at(7), Answer: "timeout"},
			{ID: "3", Client: "a", Key: "k", Sent: at(3), Ended: at(4), Answer: "ok"},
			{ID: "4", Client: "b", Key: "l", Sent: at(3), Ended: at(3), Answer: "unavailable"},
			{ID: "5", Client: "b", Key: "l", Sent: at(8), Ended: at(9), Answer: "closed"},
		},
		Effects: map[string][]oracle.Effect{"k": {{"1", "p1"}, {"3", "p3"}, {"2", "p2"}}},
		Subscribers: []oracle.Subscriber{
			{Name: "s", From: at(0), Events: []oracle.Event{{"k", "1", "p1"}, {"k", "3", "p3"}, {"k", "2", "p2"}}},
			{Name: "late", From: at(2.5), Events: []oracle.Event{{"k", "3", "p3"}}},
			{Name: "left", From: at(0), Until: at(4.5), Events: []oracle.Event{{"k", "1", "p1"}}},
		},
		Patience: 6 * time.Second, Grace: time.Second,
	}
}

func TestNothingWrong(t *testing.T) {
	t.Parallel()
	v := oracle.Judge(good())
	if got := v.Violations(); got != nil {
		t.Error(got)
	}
	if want := "closed 1, ok 2, timeout 1, unavailable 1"; !strings.HasSuffix(v.String(), want) {
		t.Errorf("%s, want %s", v, want)
	}
	if v.Slowest != 5*time.Second {
		t.Errorf("slowest %s", v.Slowest)
	}
}

func TestWhatGoesWrongIsFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*oracle.Run)
		want   string
	}{
		"lost":                 {func(r *oracle.Run) { r.Commands[4].Answer = "ok" }, "1 lost: 5 in l"},
		"kept in another room": {func(r *oracle.Run) { r.Effects["l"] = []oracle.Effect{{"1", "p4"}} }, "1 foreign: 1 kept in l"},
		"kept twice": {func(r *oracle.Run) { r.Effects["k"] = append(r.Effects["k"], oracle.Effect{ID: "1", Position: "p9"}) },
			"1 duplicates: 1 kept again at p9"},
		"kept although refused": {func(r *oracle.Run) { r.Commands[1].Answer = "unavailable" }, "1 kept although refused: 2 answered unavailable"},
		"silent":                {func(r *oracle.Run) { r.Commands[3].Answer = "" }, `1 silent: 4 "" after 0s`},
		"too late":              {func(r *oracle.Run) { r.Commands[1].Ended = at(9) }, `1 silent: 2 "timeout" after 7s`},
		"kept out of order": {func(r *oracle.Run) {
			e := r.Effects["k"]
			e[0], e[1] = e[1], e[0]
			r.Subscribers = nil
		}, "1 out of order: 3 kept before 1"},
		"heard out of order": {func(r *oracle.Run) {
			e := r.Subscribers[0].Events
			e[0], e[1] = e[1], e[0]
		}, "1 out of order: 1 heard too late by s"},
		"heard twice": {func(r *oracle.Run) {
			r.Subscribers[1].Events = append(r.Subscribers[1].Events, r.Subscribers[1].Events[0])
		}, "1 duplicates: 3 heard again by late"},
		"unheard": {func(r *oracle.Run) { r.Subscribers[0].Events = r.Subscribers[0].Events[:1] }, "1 unheard: 3 by s"},
		"unheard by one that left later": {func(r *oracle.Run) { r.Subscribers[2].Until = at(5.5) },
			"1 unheard: 3 by left"},
		"heard and not kept": {func(r *oracle.Run) {
			r.Subscribers[0].Events = append(r.Subscribers[0].Events, oracle.Event{Key: "l", ID: "5", Position: "p5"})
		}, "1 foreign: 5 heard by s and not kept at p5"},
		"heard as another one": {func(r *oracle.Run) { r.Subscribers[0].Events[2].Position = "p7" },
			"1 foreign: 2 heard by s and not kept at p7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := good()
			test.change(&r)
			if got := oracle.Judge(r).Violations(); !slices.Contains(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestAGapThatWasToldIsNone(t *testing.T) {
	t.Parallel()
	r := good()
	r.Subscribers[0].Events, r.Subscribers[0].Gaps = nil, 1
	if got := oracle.Judge(r).Violations(); got != nil {
		t.Error(got)
	}
}

func TestRecoveryIsOfTheClientThatWaitedLongest(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault float64
		want  float64
	}{
		"until its first ok":             {0, 9}, // b has none
		"from its last ok before":        {6, 3},
		"a waits for nothing after it":   {8.5, 0.5},
		"nothing happened after it ends": {20, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := good()
			r.Fault = at(test.fault)
			if got := oracle.Judge(r).Recovery.Seconds(); got != test.want {
				t.Errorf("%v s, want %v", got, test.want)
			}
		})
	}
}
