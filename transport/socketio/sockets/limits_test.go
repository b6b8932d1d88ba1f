package sockets

import (
	"testing"
	"time"
	"unsafe"

	"github.com/example/switchyard/transport/socketio/engineio"
)

func TestTheBucketGivesABurstAndThenItsRate(t *testing.T) {
	t.Parallel()
	var l limits
	at := 24 * time.Hour
	passed := func(events int, every time.Duration) (n int) {
		for range events {
			if at += every; l.take(at, 50, 0) == NoLimit {
				n++
			}
		}
		return n
	}
	for _, tc := range []struct {
		what   string
		events int
		every  time.Duration
		want   int
	}{
		{"at once", 1000, 0, 100},
		{"four times the rate, for 2 s", 400, 5 * time.Millisecond, 100},
		{"the rate", 500, 20 * time.Millisecond, 500},
		{"half of it, which saves up", 200, 40 * time.Millisecond, 200},
		{"at once, less the last of those", 1000, 0, 99},
	} {
		if got := passed(tc.events, tc.every); got != tc.want {
			t.Errorf("%s: %d of %d pass, want %d", tc.what, got, tc.events, tc.want)
		}
	}
}

func TestOpenEventsAreCounted(t *testing.T) {
	t.Parallel()
	var l limits
	for i, want := range []Limit{NoLimit, NoLimit, OpenLimit, OpenLimit} {
		if got := l.take(0, 0, 2); got != want {
			t.Errorf("event %d: %d", i, got)
		}
	}
	l.open.Add(-1)
	if got := [2]Limit{l.take(0, 0, 2), l.take(0, 0, 2)}; got != [2]Limit{NoLimit, OpenLimit} {
		t.Errorf("after one answer: %v", got)
	}
	var off limits
	for range 100_000 {
		if off.take(0, 0, 0) != NoLimit {
			t.Fatal("limits that are off refuse")
		}
	}
}

// An event that was read while its connection was sent away must not be accepted: its answer
// would be lost.
func TestNothingIsAcceptedAfterTheDeparture(t *testing.T) {
	t.Parallel()
	c := &conn{srv: &Server{}, engine: &engineio.Conn{}}
	if c.refused(packet{}) {
		t.Error("refused before the departure")
	}
	if c.leave(); !c.engine.Open() {
		t.Error("it left before its answer")
	}
	if c.settle(); c.engine.Open() {
		t.Error("it stays after its answer")
	}
	if !c.refused(packet{}) {
		t.Error("accepted after the departure")
	}
}

// Thousands of idle connections have one each.
func TestLimitsAreSmall(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(limits{}); size > 24 {
		t.Errorf("%d bytes", size)
	}
}
