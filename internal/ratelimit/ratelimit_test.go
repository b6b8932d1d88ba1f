package ratelimit

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

func TestATableIsATokenBucket(t *testing.T) {
	t.Parallel()
	table := newTable(&contract.Rate{Every: time.Second, Burst: 3})
	alice, bob := who{name: "alice"}, who{name: "bob"}
	const s = time.Second
	for i, step := range []struct {
		who      who
		at, wait time.Duration
		refusals int
	}{
		{alice, 10 * s, 0, 0}, {alice, 10 * s, 0, 0}, {alice, 10 * s, 0, 0}, // a burst
		{alice, 10 * s, s, 1}, {alice, 10*s + s/4, 3 * s / 4, 2},
		{bob, 10 * s, 0, 0}, // not alice
		{alice, 11 * s, 0, 2}, {alice, 11 * s, s, 3},
		{alice, 60 * s, 0, 3}, {alice, 60 * s, 0, 3}, {alice, 60 * s, 0, 3}, {alice, 60 * s, s, 4}, // no more than a burst
	} {
		if wait, refusals := table.take(step.who, step.at); wait != step.wait || refusals != step.refusals {
			t.Errorf("step %d: wait %s after %d refusals, want %s after %d", i, wait, refusals, step.wait, step.refusals)
		}
	}
}

// However many names there are, the table is bounded; who is far from the rate is
// forgotten first.
func TestATableIsBounded(t *testing.T) {
	t.Parallel()
	table := newTable(&contract.Rate{Every: time.Second})
	table.limit = 4 * minSweep
	for i := range minSweep - 1 {
		table.take(who{name: fmt.Sprint("idle", i)}, 0)
	}
	table.take(who{name: "busy"}, time.Hour)
	table.take(who{name: "next"}, time.Hour) // sweeps
	if n := len(table.entries); n != 2 {
		t.Errorf("%d entries are left of those that mean something", n)
	}
	if wait, _ := table.take(who{name: "busy"}, time.Hour); wait == 0 {
		t.Error("forgot who is busy")
	}
	for i := range 20 * minSweep {
		table.take(who{name: fmt.Sprint("hostile", i)}, time.Hour)
		if n := len(table.entries); n > table.limit {
			t.Fatalf("%d entries", n)
		}
	}
}

func gate(l *Limiter, rates ...*contract.Rate) Gate { return l.Gate(rates) }

func TestWhoSharesARate(t *testing.T) {
	t.Parallel()
	l := New()
	user := gate(l, &contract.Rate{Name: "user", Every: time.Hour})
	tenant := gate(l, &contract.Rate{Name: "tenant", Every: time.Hour, By: func(c contract.Caller) string { return c.Tenant }})
	for i, step := range []struct {
		gate         Gate
		tenant, user string
		pass         bool
	}{
		{user, "a", "alice", true}, {user, "a", "alice", false}, {user, "b", "alice", true}, {user, "a", "bob", true},
		{user, "", "aalice", true}, {user, "aa", "lice", true},
		{tenant, "a", "alice", true}, {tenant, "a", "bob", false}, {tenant, "b", "bob", true},
	} {
		if err := step.gate.Pass(contract.Caller{Tenant: step.tenant, UserID: step.user}); (err == nil) != step.pass {
			t.Errorf("step %d: %v", i, err)
		}
	}
	if n := l.Refused(); n != 2 {
		t.Errorf("counted %d refusals", n)
	}
}

func TestARefusalSaysWhenToTryAgainAndIsItsClientsEndInTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gate(New(), &contract.Rate{Name: "post", Every: time.Minute, Burst: 2, DisconnectAfter: 2})
		var by contract.Caller
		for round := range 2 {
			for range 2 - round { // a whole burst, and then what is free again after a minute
				if err := g.Pass(by); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 4 {
				var denied *contract.Denial
				var f *fault.Fault
				err := g.Pass(by)
				if !errors.As(err, &denied) || !errors.As(err, &f) || f.Code != fault.Exhausted || denied.Guard != "post" {
					t.Fatalf("refused with %v", err)
				}
				if f.Detail != "more commands than the rate post allows: one every 1m0s, and 2 at once" || f.RetryAfter != time.Minute {
					t.Errorf("%s, after %s", f.Detail, f.RetryAfter)
				}
				if denied.Disconnect != (i >= 2) {
					t.Errorf("refusal %d: disconnect %t", i+1, denied.Disconnect)
				}
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestNobodyLosesCount(t *testing.T) {
	t.Parallel()
	l := New()
	rate := &contract.Rate{Name: "all", Every: time.Hour, Burst: 100}
	one, other := gate(l, rate), gate(l, rate) // of two commands
	var passed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				for _, g := range []Gate{one, other} {
					if g.Pass(contract.Caller{UserID: "alice"}) == nil {
						passed.Add(1)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := passed.Load(); n != 100 {
		t.Errorf("%d passed", n)
	}
}

// counter is a Counter that says what it is told to.
type counter struct {
	wait  time.Duration
	err   error
	calls []string
}

func (c *counter) Take(key string, _, _ time.Duration) (time.Duration, error) {
	c.calls = append(c.calls, key)
	return c.wait, c.err
}

func TestARateOfTheCluster(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, c := New(), &counter{}
		var log strings.Builder
		l.Share(c, slog.New(slog.NewTextHandler(&log, nil)))
		g := gate(l, &contract.Rate{Name: "post", Every: time.Second, Burst: 2, Cluster: true, DisconnectAfter: 2})
		by := contract.Caller{Tenant: "acme", UserID: strings.Repeat("alice", 100)}
		pass := func(want bool, calls int) {
			t.Helper()
			if err := g.Pass(by); (err == nil) != want {
				t.Errorf("passed: %v", err)
			}
			if len(c.calls) != calls {
				t.Errorf("asked %d times, want %d", len(c.calls), calls)
			}
		}
		pass(true, 1)
		c.wait = 3 * time.Second // others have sent
		pass(false, 2)
		time.Sleep(2900 * time.Millisecond)
		pass(false, 2) // known here
		time.Sleep(100 * time.Millisecond)
		c.wait = time.Second // they were faster
		pass(false, 3)
		time.Sleep(time.Second)
		c.wait = 0
		pass(true, 4)

		time.Sleep(time.Minute)
		c.err = errors.New("connection refused")
		pass(true, 5)
		pass(true, 5) // it is not asked again so soon
		pass(false, 5)
		if l.Alone() != 2 {
			t.Errorf("%d were held by this node alone", l.Alone())
		}
		time.Sleep(2 * time.Second)
		pass(true, 6)
		time.Sleep(2 * time.Second)
		c.err = nil
		pass(true, 7)
		if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "connection refused") {
			t.Errorf("logged %s", log.String())
		}
		if k := c.calls[0]; len(k) != len("rate:post:")+32 || !strings.HasPrefix(k, "rate:post:") {
			t.Errorf("the key is %s", k)
		}
	})
}

// silent is a Counter that gives up after long, as connections to a Redis that stands still do.
type silent struct{}

func (silent) Take(string, time.Duration, time.Duration) (time.Duration, error) {
	time.Sleep(3 * time.Second)
	return 0, errors.New("i/o timeout")
}

// The time of a command begins when it has passed: what waits for a count waits longer.
func TestACountThatKeepsSilentIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New()
		l.Share(silent{}, slog.New(slog.DiscardHandler))
		g := gate(l, &contract.Rate{Name: "post", Every: time.Hour, Burst: 20, Cluster: true})
		for range 10 { // the first wave: nobody knows yet
			go func() {
				begin := time.Now()
				if err := g.Pass(contract.Caller{}); err != nil || time.Since(begin) > longest {
					t.Errorf("%v after %s", err, time.Since(begin))
				}
			}()
		}
		time.Sleep(10 * time.Second)
		if n := l.Alone(); n != 10 {
			t.Errorf("%d were held by this node alone", n)
		}
	})
}

func TestWhatIsHeldHereComesBeforeRedis(t *testing.T) {
	t.Parallel()
	l, c := New(), &counter{}
	l.Share(c, slog.New(slog.DiscardHandler))
	g := gate(l, &contract.Rate{Name: "a", Every: time.Hour, Burst: 5, Cluster: true}, &contract.Rate{Name: "b", Every: time.Hour})
	for range 5 {
		_ = g.Pass(contract.Caller{})
	}
	if len(c.calls) != 1 {
		t.Errorf("asked %d times", len(c.calls))
	}
}

func TestPassingCostsNoMemory(t *testing.T) {
	g := gate(New(), &contract.Rate{Name: "a", Every: time.Microsecond, Burst: 1000000})
	by := contract.Caller{Tenant: "acme", UserID: "alice"}
	if n := testing.AllocsPerRun(100, func() { _ = g.Pass(by) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
