package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

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
		got, err := s.Run(ctx, rdb, keys, args...).Result()
		for all, ok := got.([]any); ok; all, ok = got.([]any) {
			got = all[0]
		}
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
	own := []string{"own:{p0}"}
	if err := workerBeatScript.Run(ctx, rdb, []string{workersKey}, "boot", 1000).Err(); err != nil {
		t.Errorf("beat: %v", err)
	}
	take := func() {
		t.Helper()
		got, err := newPartition(0).readLease(leaseScript.Run(ctx, rdb, own, "take", "node", "boot", epoch, 1000))
		if err != nil || got <= epoch {
			t.Errorf("take after epoch %d: %d, %v", epoch, got, err)
		}
		epoch = got
	}
	take()
	run("renew", epoch, leaseScript, own, "renew", "node", "boot", epoch, 1000)
	run("complete", 1, commitScript, []string{"own:{p0}", "cmd:{p0}", "evt:{p0}", "kept:{p0}:a", "dlq:{p0}", "idem:{p0}:a"}, 10, 10, 10, 10_000, "series", 10, "boot", epoch, 1, 5, 0, 1, 1, 9, 1, 10, "1-1", 0, "dead", "", "", 4, "u", "", "", "1-1", "done")
	run("forward", 1, forwardScript, []string{"cmd:{p0}", "fwd:{p0}:u"}, 1000, "u", "", "")
	run("forward again", 1, forwardScript, []string{"cmd:{p0}", "fwd:{p0}:u"}, 1000, "u", "", "")
	run("release", 0, leaseScript, own, "release", "node", "boot", epoch, 1000)
	take()
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
	live, err := workerBeatScript.Run(t.Context(), rdb, []string{workersKey}, "us", leaseFor.Milliseconds()).StringSlice()
	if got := strings.Join(live[1:], " "); err != nil || got != "live us" {
		t.Errorf("live are %q, %v", got, err)
	}
}

// Redis may forget a group, all of it or its last writes. Who led it then leads no longer.
func TestAForgottenGroupHasOneLeader(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	ctx, key := t.Context(), []string{"group:{g topic}"}
	take := func(who string) (epoch any) {
		t.Helper()
		answer, err := groupScript.Run(ctx, rdb, key, "take", who, 0, 1000).Slice()
		if err != nil || len(answer) == 0 {
			t.Fatalf("%s does not lead: %v", who, err)
		}
		return answer[0]
	}
	keep := func(who string, epoch any) int {
		t.Helper()
		n, err := groupScript.Run(ctx, rdb, key, "keep", who, epoch, 1000, "topic", "1-1").Int()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	epoch := take("a")
	if keep("a", epoch) != 1 || keep("b", epoch) != 0 {
		t.Error("not just a leads")
	}
	if err := rdb.FlushDB(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	if now := take("b"); keep("a", epoch) != 0 || keep("a", now) != 0 || keep("b", now) != 1 {
		t.Error("not just b leads")
	}
}

// A partition whose keys cannot be used is not begun, and harms no other. What is
// committed is not committed again, and a worker that is no longer the owner commits
// nothing.
func TestCommit(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	ctx := t.Context()
	var run []*chunk
	for n := range 4 {
		p := newPartition(n)
		p.epoch = 1
		for _, err := range []error{
			rdb.HSet(ctx, p.owner, "boot", "boot", "epoch", 1+n/3).Err(), // the last one is somebody else's
			rdb.XAdd(ctx, &redis.XAddArgs{Stream: p.commands, ID: "1-1", Values: []string{"a", "b"}}).Err(),
			rdb.XAdd(ctx, &redis.XAddArgs{Stream: p.commands, ID: "1-2", Values: []string{"a", "b"}}).Err(),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		k := &chunk{p: p, number: 1}
		for _, id := range []string{"1-1", "1-2"} {
			c := &completion{p: p, entry: id, replyTo: "gateway"}
			for _, metadata := range []message.Metadata{{MetaNamespace: "/x"}, {metaOperation: "x"}, {}} {
				c.messages = append(c.messages, newMessage("u", metadata, nil))
			}
			k.done = append(k.done, c)
		}
		run = append(run, k)
	}
	if err := rdb.Set(ctx, run[1].p.events, "no stream", 0).Err(); err != nil {
		t.Fatal(err)
	}
	c := &committer{w: &Worker{Lanes: &Lanes{boot: "boot", rdb: rdb}}}
	lengths := func() string {
		var all []string
		for _, k := range run {
			all = append(all, fmt.Sprint(rdb.XLen(ctx, k.p.commands).Val(), rdb.XLen(ctx, k.p.events).Val()))
		}
		return fmt.Sprint(strings.Join(all, ", "), "; ", rdb.XLen(ctx, "rep:gateway").Val())
	}
	commit := func() string {
		var all []string
		for _, r := range c.send(ctx, run) {
			all = append(all, fmt.Sprint(r.n, r.err != nil))
		}
		return strings.Join(all, ", ")
	}
	for _, want := range [][2]string{
		{"1 false, 0 true, 1 false, -1 false", "2 2, 2 0, 2 2, 2 0; 4"},
		{"0 false, 0 true, 0 false, -1 false", "2 2, 2 0, 2 2, 2 0; 4"},
	} {
		if got := [2]string{commit(), lengths()}; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if err := rdb.Del(ctx, run[1].p.events).Err(); err != nil {
		t.Fatal(err)
	}
	if got, want := commit()+": "+lengths(), "0 false, 1 false, 0 false, -1 false: 2 2, 2 2, 2 2, 2 0; 6"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, tc := range []struct {
		number int
		want   string
	}{{2, "1 false"}, {1, "0 false"}} { // the first attempt again, which was given up and arrives late
		run = run[:1]
		run[0].number = tc.number
		if got := commit(); got != tc.want {
			t.Errorf("commit %d: got %q, want %q", tc.number, got, tc.want)
		}
	}
	if ttl := rdb.PTTL(ctx, "rep:gateway").Val(); ttl <= 0 || ttl > keepReplies {
		t.Errorf("replies outlive their gateway by %s", ttl)
	}
}

// Redis takes nothing back when a script fails midway, so the script does: what comes before
// a key that cannot be used is not there either, and all of it is when the key can be used.
func TestACommitThatFailsMidwayIsTakenBack(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		ctx := t.Context()
		p := newPartition(0)
		p.epoch = 1
		logs := []string{"kept:{p0}:a", "kept:{p0}:b"}
		for _, err := range []error{
			rdb.HSet(ctx, p.owner, "boot", "boot", "epoch", 1).Err(),
			rdb.XAdd(ctx, &redis.XAddArgs{Stream: p.commands, ID: "1-1", Values: []string{"a", "b"}}).Err(),
			rdb.Set(ctx, logs[1], "no stream", 0).Err(),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		done := &completion{p: p, entry: "1-1", replyTo: "gateway", dead: newMessage("u", nil, nil)}
		for _, metadata := range []message.Metadata{{metaOperation: "x"}, {}, {MetaNamespace: "/x"}, {MetaNamespace: "/x"}, {MetaNamespace: "/x"}} {
			done.messages = append(done.messages, newMessage("u", metadata, nil))
		}
		done.keeps = []toKeep{{message: 3, log: logs[0], most: "10"}, {message: 4, log: logs[1], most: "10"}}
		c := &committer{w: &Worker{Lanes: &Lanes{boot: "boot", rdb: rdb}}}
		lengths := func() (all []int64) {
			for _, stream := range []string{p.commands, p.events, "rep:gateway", deadStream(0), logs[0]} {
				all = append(all, rdb.XLen(ctx, stream).Val())
			}
			return all
		}
		chunks := []*chunk{{p: p, number: 1, done: []*completion{done}}}
		if r := c.send(ctx, chunks)[0]; r.err == nil || !strings.Contains(r.err.Error(), "WRONGTYPE") || !strings.Contains(r.err.Error(), logs[1]) {
			t.Errorf("the error is %v, want one that names the key", r.err)
		}
		if diff := cmp.Diff([]int64{1, 0, 0, 0, 0}, lengths()); diff != "" {
			t.Errorf("after an attempt that failed: %s", diff)
		}
		if err := rdb.Del(ctx, logs[1]).Err(); err != nil {
			t.Fatal(err)
		}
		if r := c.send(ctx, chunks)[0]; r != (commitResult{n: 1, kept: 1}) {
			t.Errorf("then it is %+v", r)
		}
		if diff := cmp.Diff([]int64{1, 3, 1, 1, 1}, lengths()); diff != "" { // the follow-up in place of the command
			t.Errorf("after one that did not: %s", diff)
		}
		var marks []any
		for _, e := range rdb.XRange(ctx, p.events, "-", "+").Val() {
			series, number, _ := strings.Cut(fmt.Sprint(e.Values[fieldSeq]), ".")
			if series == "" {
				t.Errorf("an event has the mark %v", e.Values[fieldSeq])
			}
			marks = append(marks, number)
		}
		if diff := cmp.Diff([]any{"1 .0", "2", "3"}, marks); diff != "" {
			t.Errorf("numbers: %s", diff)
		}
		if kept := rdb.XRange(ctx, logs[1], "-", "+").Val(); len(kept) != 1 || kept[0].ID != "1-1" {
			t.Errorf("kept is %v, want it where its command was", kept)
		}
	})
}

// When Redis forgets everything and the same worker takes its partitions again, what it
// had under way commits nothing: it would use up the numbers of the commits that follow.
func TestAnEpochIsNeverUsedAgain(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		var last int64
		for range 5 {
			epoch, err := newPartition(0).readLease(leaseScript.Run(t.Context(), rdb, []string{"own:{p0}"}, "take", "node", "boot", 0, 1000))
			if err != nil || epoch <= last {
				t.Errorf("after epoch %d comes %d, %v", last, epoch, err)
			}
			last = epoch
			renewed, err := leaseScript.Run(t.Context(), rdb, []string{"own:{p0}"}, "renew", "node", "boot", epoch, 1000).Int64()
			if err != nil || renewed != epoch {
				t.Errorf("renewing %d gives %d, %v", epoch, renewed, err)
			}
			if err := rdb.FlushDB(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
