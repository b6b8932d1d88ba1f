package load

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const gap = -1 // is told

func TestWhatIsMissingIsFound(t *testing.T) {
	t.Parallel()
	type tally struct{ lost, missed, duplicated, reordered uint64 }
	for name, c := range map[string]struct {
		heard   []int
		sent    uint64
		unknown []uint64
		want    tally
	}{
		"all":                             {heard: []int{0, 1, 2}, sent: 3},
		"nothing":                         {sent: 3, want: tally{lost: 3}},
		"one in the middle":               {heard: []int{0, 2}, sent: 3, want: tally{lost: 1}},
		"the first and the last":          {heard: []int{1, 2}, sent: 4, want: tally{lost: 2}},
		"of which nobody knows":           {heard: []int{0, 2}, sent: 4, unknown: []uint64{1, 3}},
		"unknown, and heard":              {heard: []int{0, 1}, sent: 2, unknown: []uint64{1}},
		"twice":                           {heard: []int{0, 0, 1, 0}, sent: 2, want: tally{duplicated: 2}},
		"late":                            {heard: []int{0, 2, 1}, sent: 3, want: tally{reordered: 1}},
		"late, and twice":                 {heard: []int{2, 0, 1, 1, 2}, sent: 3, want: tally{reordered: 2, duplicated: 2}},
		"missed in a gap that was told":   {heard: []int{0, gap, 3}, sent: 4, want: tally{missed: 2}},
		"told when it was noticed":        {heard: []int{0, 3, gap, 4}, sent: 5, want: tally{missed: 2}},
		"told, and nothing came after":    {heard: []int{0, gap}, sent: 3, want: tally{missed: 2}},
		"a gap explains one jump only":    {heard: []int{0, gap, 2, 4}, sent: 5, want: tally{missed: 1, lost: 1}},
		"a gap in which nothing was sent": {heard: []int{0, gap, 1, 2}, sent: 3},
	} {
		var s sequence
		for _, seq := range c.heard {
			if seq == gap {
				s.gap()
			} else {
				s.hear(uint64(seq))
			}
		}
		unknown := map[uint64]struct{}{}
		for _, seq := range c.unknown {
			unknown[seq] = struct{}{}
		}
		got := tally{duplicated: s.duplicated, reordered: s.reordered}
		got.lost, got.missed = s.missing(c.sent, unknown)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// Of a sender that was silent until after a gap, too, what was missed in it was told.
func TestAGapBeforeASendersFirstEvent(t *testing.T) {
	t.Parallel()
	r := newRun(Config{Scenario: Broadcast, Connections: 1, Rooms: 1, Members: 1, Window: 2}, Target{})
	m := newMember(r, 0)
	m.gap() // its first connection
	m.hear(r.mark(0, 1, 0))
	m.gap()
	m.hear(r.mark(1, 3, 0))
	for number, want := range [][2]uint64{{0, 1}, {0, 3}} {
		lost, missed := m.missing(&sender{number: number, sent: []uint64{2, 4}[number]})
		if got := [2]uint64{lost, missed}; got != want {
			t.Errorf("sender %d: lost and missed %v, want %v", number, got, want)
		}
	}
}

func TestConnectionsThatAreNotThereAreBroken(t *testing.T) {
	t.Parallel()
	r := Result{Scenario: Connect, Connections: 10, Latency: Latency{Count: 5}, Away: 2}
	want := []string{"2 connections not back at the end", "5 of 10 connections were made"}
	if diff := cmp.Diff(want, r.Broken()); diff != "" {
		t.Error(diff)
	}
}

// Whatever comes in whatever order, each number is heard, lost, or neither sent.
func TestEachNumberIsCountedOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		heard := rapid.SliceOf(rapid.Uint64Range(0, 30)).Draw(t, "heard")
		var s sequence
		distinct := map[uint64]bool{}
		for _, seq := range heard {
			if first := s.hear(seq); first == distinct[seq] {
				t.Fatalf("%d: first time: %v", seq, first)
			}
			distinct[seq] = true
		}
		lost, _ := s.missing(31, nil)
		if got := int(lost) + len(distinct); got != 31 {
			t.Fatalf("%d are lost and %d were heard of 31", lost, len(distinct))
		}
		if got := int(s.duplicated) + len(distinct); got != len(heard) {
			t.Fatalf("%d came twice and %d were heard of %d", s.duplicated, len(distinct), len(heard))
		}
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	r := &Result{Rate: 900, Latency: Latency{P99: 42, P999: 80}, Delivery: Latency{P99: 7}, Problems: map[string]uint64{"exhausted": 2, "timeout": 1}}
	for text, want := range map[string]string{
		"p99<50ms": "", "p99 < 0.05s": "", "p99<42": "p99<42 does not hold: it is 42.00", "p99.9<50ms": "p99.9<50ms does not hold: it is 80.00",
		"rate>800": "", "rate>1000": "rate>1000 does not hold: it is 900.00", "delivery.p99<10ms": "", "problems<1": "problems<1 does not hold: it is 3.00",
	} {
		l, err := ParseLimit(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, l.Check(r)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for _, text := range []string{"", "p99", "p98<1ms", "p99<fast", "p99=1"} {
		if _, err := ParseLimit(text); err == nil {
			t.Errorf("%q is a limit", text)
		}
	}
}
