package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/testenv"
)

// An attempt that was given up and arrives late buries nothing a second time, and
// neither does somebody who is no longer the owner.
func TestADeadLetterIsWrittenOnce(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	p := newPartition(0)
	p.epoch = 1
	if err := rdb.HSet(t.Context(), p.owner, "boot", "boot", "epoch", 1).Err(); err != nil {
		t.Fatal(err)
	}
	c := &committer{w: &Worker{Lanes: &Lanes{boot: "boot", rdb: rdb, cfg: Config{DeadLetters: 100}}}}
	done := &completion{p: p, entry: "1-1", replyTo: "gateway", dead: newMessage("dead", nil, nil)}
	done.messages = problem(&Command{ID: "dead", replyTo: "gateway"}, errDied)
	for i, tc := range []struct {
		number int
		boot   string
		n      int64
	}{{2, "boot", 1}, {2, "boot", 0}, {1, "boot", 0}, {3, "other", -1}} {
		c.w.boot = tc.boot
		r := c.send(t.Context(), []*chunk{{p: p, number: tc.number, done: []*completion{done}}})[0]
		if r.err != nil || r.n != tc.n {
			t.Errorf("%d: %+v, want %d", i, r, tc.n)
		}
		if dead, replies := rdb.XLen(t.Context(), "dlq:{p0}").Val(), rdb.XLen(t.Context(), "rep:gateway").Val(); dead != 1 || replies != 1 {
			t.Errorf("%d: %d dead letters, %d replies", i, dead, replies)
		}
	}
	if ttl := rdb.PTTL(t.Context(), "dlq:{p0}").Val(); ttl >= 0 {
		t.Errorf("dead letters expire in %s", ttl)
	}
}

// What is set apart keeps the order of its keys, and is tried by itself.
func TestRefusedDeadLettersAreSetApart(t *testing.T) {
	t.Parallel()
	p := newPartition(0)
	c := newCommitter(&Worker{Lanes: &Lanes{log: slog.New(slog.DiscardHandler), metrics: metrics.New()}})
	add := func(entry, key string, dead bool) {
		done := &completion{p: p, entry: entry, key: key}
		if dead {
			done.dead = newMessage(entry, nil, nil)
		}
		c.add(done)
	}
	now := time.Now()
	next := func(at time.Time) (k *chunk, entries string) {
		chunks := c.next(at)
		var all []string
		for _, one := range chunks {
			k = one
			for _, done := range one.done {
				all = append(all, done.entry)
			}
		}
		return k, strings.Join(all, " ")
	}
	add("a1", "a", false)
	add("b1", "b", true)
	add("b2", "b", false)
	add("c1", "c", false)
	k, got := next(now)
	c.again(k, errors.New("i/o timeout")) // it may have been committed, and may arrive late
	if k, _ := next(k.due); k.refused != nil {
		t.Error("its number is made void although Redis has not refused it")
	}
	c.again(k, refusal("no"))
	if k, _ = next(k.due); k == nil || k.refused == nil {
		t.Fatal("its number is not made void")
	}
	c.split(k)
	add("b3", "b", false)
	add("a2", "a", true)
	add("a3", "a", false)
	add("c2", "c", false)
	_, others := next(now)
	later := now.Add(time.Minute)
	k, apart := next(later)
	if diff := cmp.Diff([]string{"a1 b1 b2 c1", "a1 c1 c2", "b1 b2 b3 a2 a3"}, []string{got, others, apart}); diff != "" {
		t.Error(diff)
	}
	if number := fmt.Sprint(k.number); number != "3" {
		t.Errorf("its number is %s", number)
	}
	c.written(k)
	if len(c.apart) != 0 {
		t.Errorf("%d partitions are set apart", len(c.apart))
	}
}

// A number is made void once, however often that is asked for, and only if nothing was
// committed under it. What is sent under it and arrives late then commits nothing.
func TestARefusedCommitIsMadeVoid(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		c := &committer{w: &Worker{Lanes: &Lanes{boot: "boot", rdb: rdb, cfg: Config{DeadLetters: 100}}}}
		p := newPartition(0)
		own := func(what string) {
			t.Helper()
			var err error
			p.epoch, err = p.readLease(leaseScript.Run(t.Context(), rdb, []string{p.owner}, what, "node", "boot", p.epoch, 60_000))
			if err != nil || (p.epoch == 0) != (what == "release") {
				t.Fatalf("%s: epoch %d, %v", what, p.epoch, err)
			}
		}
		send := func(number int, refused error, want string) {
			t.Helper()
			k := &chunk{p: p, number: number, refused: refused, done: []*completion{{p: p, entry: "1-1", dead: newMessage("dead", nil, nil)}}}
			r := c.send(t.Context(), []*chunk{k})[0]
			if got := fmt.Sprint(r.n, " ", rdb.XLen(t.Context(), "dlq:{p0}").Val()); r.err != nil || got != want {
				t.Errorf("commit %d, refused: %v: %s, %v, want %s", number, refused, got, r.err, want)
			}
		}
		own("take")
		no := refusal("no")
		send(1, no, "1 0")
		send(1, no, "1 0")
		send(1, nil, "0 0")
		send(2, nil, "1 1")
		send(2, no, "0 1")
		own("release")
		own("take") // and count from 1 again
		send(1, nil, "1 2")
		send(1, no, "0 2")
	})
}

// Suspects come first and run alone; what was read behind them waits until they are
// committed.
func TestSuspectsComeFirst(t *testing.T) {
	t.Parallel()
	s := suspects{until: time.UnixMilli(1000)}
	for i, tc := range []struct {
		id             string
		open           int64
		begin, suspect bool
	}{
		{"900-0", 0, true, true},
		{"1000-5", 1, true, true},
		{"1000-6", suspectWindow, false, true},
		{"1001-0", 1, false, false},
		{"1001-0", 1, false, false},
		{"1001-0", 0, true, false},
		{"1002-0", 1, true, false},
	} {
		s.open.Store(tc.open)
		if begin, suspect := s.next(tc.id); begin != tc.begin || suspect != tc.suspect {
			t.Errorf("%d: begin %v, suspect %v", i, begin, suspect)
		}
	}
}
