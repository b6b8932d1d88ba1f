package faults

import (
	"fmt"
	"testing"
	"time"
)

// A node is cut off, and what happens meanwhile is trimmed: its clients are told. They
// may have missed what was trimmed, and nobody else anything.
func TestEventsAreTrimmedDuringAnOutage(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b := launch(t, redis, "a"), launchProxied(t, redis, "b")
	l := prepareLoad(t, redis, loadOptions{}, a)
	here, there := l.hear(a), l.hear(b)
	l.begin()
	l.fault = time.Now()
	b.redis.Cut()
	l.run(3 * time.Second)
	cut := time.Now()
	l.run(2 * time.Second)
	trimmed := int64(0)
	for p := range partitions { // what the other node has heard long since
		n, _ := redis.do("XTRIM", fmt.Sprintf("evt:{p%d}", p), "MINID", cut.UnixMilli()).(int64)
		trimmed += n
	}
	b.redis.Heal()
	b.Ready()
	l.hearers = []*hearer{there}
	within(t, "resync", l.told(), 2*time.Second)
	l.hearers = []*hearer{here, there}
	l.run(time.Second)
	v := l.judge(a, "timeout")
	within(t, "takeover", v.Recovery, 4*time.Second)
	if missed := v.Answers["ok"] - len(there.heard().Events); trimmed == 0 || missed <= 0 {
		t.Errorf("%d events were trimmed, and %d missed: there was no gap", trimmed, missed)
	}
	if n := here.heard().Gaps; n > 0 {
		t.Logf("the node that was there has told of %d gaps", n) // one that was slow for 2 s
	}
}

// Redis' clock is set back by a minute, and lanes begin anew with ids lower than those
// that nodes have read: nobody waits for the ids to catch up.
func TestRedisClockIsSetBack(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b := launch(t, redis, "a"), launch(t, redis, "b")
	l := newLoad(t, redis, loadOptions{}, a, b)
	ahead := fmt.Sprint(time.Now().Add(time.Minute).UnixMilli(), "-0")
	lanes := []string{"rep:" + a.boot(t), "rep:" + b.boot(t)}
	for p := range partitions {
		lanes = append(lanes, fmt.Sprintf("evt:{p%d}", p))
	}
	for _, lane := range lanes { // as if the clock had been ahead until now
		redis.do("XADD", lane, ahead, "from", "the future")
	}
	for p := range partitions {
		redis.do("XADD", fmt.Sprintf("cmd:{p%d}", p), ahead, "from", "the future")
		redis.do("HSET", fmt.Sprintf("own:{p%d}", p), "until", time.Now().Add(time.Minute).UnixMilli())
	}
	l.fault = time.Now()
	l.flows(200)
	for _, lane := range lanes {
		redis.do("DEL", lane)
	}
	l.told()
	l.flows(200)
	b.Kill() // its leases are from the future, too
	l.run(4 * time.Second)
	v := l.judge(a, "timeout", "closed")
	within(t, "takeover", v.Recovery, 4*time.Second)
}
