package faults

import (
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
)

// There is no worker for a while: what is accepted waits, and a worker that comes in
// time runs all of it.
func TestNoWorkers(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	gateway, worker := launch(t, redis, "gateway", "ROLE=gateway"), launch(t, redis, "worker", "ROLE=worker")
	l := prepareLoad(t, redis, loadOptions{}, gateway)
	l.hear(gateway)
	l.begin()
	l.fault = time.Now()
	worker.Terminate()
	l.run(2 * time.Second)
	worker = launch(t, redis, "worker", "ROLE=worker")
	l.flows(200)
	worker.Kill()
	l.run(time.Second)
	launch(t, redis, "other", "ROLE=worker")
	l.flows(200)
	l.judge(gateway)
}

// No worker comes in time: every command is answered "timeout", and a worker that
// comes later runs none of them.
func TestNoWorkersInTime(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	gateway, worker := launch(t, redis, "gateway", "ROLE=gateway"), launch(t, redis, "worker", "ROLE=worker")
	l := prepareLoad(t, redis, loadOptions{}, gateway)
	l.begin()
	worker.Terminate()
	l.answers("timeout")
	late := prepareLoad(t, redis, loadOptions{name: "late-"}, gateway)
	for _, c := range late.clients {
		late.running.Go(c.run)
	}
	late.run(time.Second)
	late.end()
	if redis.backlog() == 0 {
		t.Error("no command waits for a worker")
	}
	late.run(200 * time.Millisecond) // the answers come a little before the commands expire
	launch(t, redis, "other", "ROLE=worker")
	testenv.WaitFor(t, 20*time.Second, "the backlog to be worked off", func() bool { return redis.backlog() == 0 })
	late.answers("timeout")
	for _, rooms := range late.rooms {
		for _, room := range rooms {
			if n := len(kept(t, gateway, room)); n > 0 {
				t.Errorf("%d commands of %s ran after their callers were told \"timeout\"", n, room)
			}
		}
	}
}

// Redis has no memory left: what it refuses is not accepted, and what it has accepted
// is completed.
func TestRedisOutOfMemory(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b := launch(t, redis, "a"), launch(t, redis, "b")
	l := newLoad(t, redis, loadOptions{}, a, b)
	redis.do("CONFIG", "SET", "maxmemory", "1mb")
	l.run(4 * time.Second)
	redis.do("CONFIG", "SET", "maxmemory", "0")
	l.fault = time.Now()
	l.flows(200)
	v := l.judge(b, outage...)
	within(t, "recovery", v.Recovery, 5*time.Second)
	if v.Answers["unavailable"] == 0 {
		t.Error("nothing was refused: Redis had memory left")
	}
}
