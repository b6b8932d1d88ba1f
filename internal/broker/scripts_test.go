package broker

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/testenv"
)

// What is accepted is worked off when Redis is at its maxmemory, since that frees
// memory. Not parallel: the setting is the whole server's.
func TestScriptsRunWithoutFreeMemory(t *testing.T) {
	rdb := testenv.Client(t, testenv.Redis(t))
	ctx := t.Context()
	if info, err := rdb.Info(ctx, "memory").Result(); err != nil || !strings.Contains(info, "maxmemory") {
		testenv.LeaveOut(t, "scripts at maxmemory", "no real Redis")
	}
	add := &redis.XAddArgs{Stream: "cmd:{p0}", ID: "1-1", Values: []string{"a", "b"}}
	if err := rdb.XAdd(ctx, add).Err(); err != nil {
		t.Fatal(err)
	}
	maxmemory := func(v string) {
		if err := rdb.ConfigSet(ctx, "maxmemory", v).Err(); err != nil {
			t.Fatal(err)
		}
	}
	maxmemory("1")
	defer maxmemory("0")
	if err := rdb.Set(ctx, "a", "b", 0).Err(); !redis.HasErrorPrefix(err, "OOM") {
		t.Fatalf("Redis has memory: %v", err)
	}
	var epoch int64
	run := func(what string, want int64, s *redis.Script, keys []string, args ...any) {
		t.Helper()
		if got, err := s.Run(ctx, rdb, keys, args...).Int64(); err != nil || got != want {
			t.Errorf("%s: %d, %v", what, got, err)
		}
	}
	own := []string{"own:{p0}"}
	if err := beatScript.Run(ctx, rdb, []string{workersKey}, "boot", 1000).Err(); err != nil {
		t.Errorf("beat: %v", err)
	}
	run("take", 1, ownScript, own, "take", "node", "boot", epoch, 1000)
	run("renew", 1, ownScript, own, "renew", "node", "boot", 1, 1000)
	run("complete", 1, completeScript, []string{"own:{p0}", "cmd:{p0}", "evt:{p0}"}, "boot", 1, 10, 10, 10, "1-1", 1, 3, "u", "", "")
	run("forward", 1, forwardScript, []string{"cmd:{p0}", "fwd:{p0}:u"}, 1000, "u", "", "")
	run("forward again", 1, forwardScript, []string{"cmd:{p0}", "fwd:{p0}:u"}, 1000, "u", "", "")
	run("release", 0, ownScript, own, "release", "node", "boot", 1, 1000)
	run("take again", 2, ownScript, own, "take", "node", "boot", epoch, 1000)
	if commands, events := rdb.XLen(ctx, "cmd:{p0}").Val(), rdb.XLen(ctx, "evt:{p0}").Val(); commands != 1 || events != 1 {
		t.Errorf("%d commands and %d events, want the one sent on and the one committed", commands, events)
	}
}

func TestBeatForgetsTheDeadWhenTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	for boot, score := range map[string]time.Time{
		"ahead": time.Now().Add(time.Hour), "dead": time.Now().Add(-time.Hour), "live": time.Now().Add(-time.Second),
	} {
		if err := rdb.ZAdd(t.Context(), workersKey, redis.Z{Score: float64(score.UnixMilli()), Member: boot}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	live, err := beatScript.Run(t.Context(), rdb, []string{workersKey}, "us", leaseFor.Milliseconds()).StringSlice()
	if got := strings.Join(live[1:], " "); err != nil || got != "live us" {
		t.Errorf("live are %q, %v", got, err)
	}
}

// A script that fails midway is run again: it must have kept the command.
func TestAFailedCommitKeepsTheCommand(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	ctx := t.Context()
	keys := []string{"own:{p0}", "cmd:{p0}", "evt:{p0}", "rep:{p0}:boot"}
	for _, err := range []error{
		rdb.HSet(ctx, keys[0], "boot", "boot", "epoch", 1).Err(),
		rdb.XAdd(ctx, &redis.XAddArgs{Stream: keys[1], ID: "1-1", Values: []string{"a", "b"}}).Err(),
		rdb.Set(ctx, keys[2], "no stream", 0).Err(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l := &Lanes{cfg: Config{Partitions: 1}}
	messages, err := l.results(&Command{ID: "c", replyTo: "boot"}, "/x", contract.Outcome{Effects: []contract.Effect{contract.JoinUser("u", "r")}})
	if err != nil {
		t.Fatal(err)
	}
	c := &committer{w: &Worker{Lanes: &Lanes{boot: "boot"}}}
	keys, args := c.arguments([]*completion{{p: &partition{epoch: 1}, entry: "1-1", replyTo: "boot", messages: messages}})
	state := func() [2]int64 { return [2]int64{rdb.XLen(ctx, keys[1]).Val(), rdb.XLen(ctx, keys[3]).Val()} }
	if err := completeScript.Run(ctx, rdb, keys, args...).Err(); err == nil || state() != [2]int64{1, 0} {
		t.Errorf("commands and replies %d after %v", state(), err)
	}
	if err := rdb.Del(ctx, keys[2]).Err(); err != nil {
		t.Fatal(err)
	}
	if n, err := completeScript.Run(ctx, rdb, keys, args...).Int64(); err != nil || n != 1 || state() != [2]int64{0, 1} {
		t.Errorf("then %d, %v; commands and replies %d", n, err, state())
	}
}
