package faults

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/example/switchyard/internal/rawsio"
)

// Redis is stalled for longer than commands wait, and clients try again with the same
// key, each time over another node, until they are answered: there is one effect.
func TestRetriesAfterAStall(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b := launch(t, redis, "a"), launch(t, redis, "b")
	l := prepareLoad(t, redis, loadOptions{}, a, b)
	l.hear(a)
	l.hear(b)
	var retries atomic.Int64
	for _, c := range l.clients {
		l.running.Go(func() { retries.Add(c.insist(24)) })
	}
	t.Cleanup(l.end)
	l.flows(50)
	stall := redis.client.WithTimeout(20 * time.Second)
	if err := stall.Do(context.Background(), "DEBUG", "SLEEP", "7").Err(); err != nil {
		t.Fatal(err)
	}
	l.fault = time.Now()
	l.running.Wait() // each is answered "ok" in the end
	v := l.judge(b)
	within(t, "recovery", v.Recovery, 5*time.Second)
	if retries.Load() == 0 {
		t.Error("nobody had to try again")
	}
	t.Logf("%d retries", retries.Load())
	kept := 0
	for _, c := range l.clients {
		kept += len(c.commands)
	}
	if v.Answers["ok"] != kept || kept != 24*len(l.clients) {
		t.Errorf("%d commands, of which %d were answered", kept, v.Answers["ok"])
	}
}

// insist sends so many commands one after the other, each until it is answered "ok".
func (c *client) insist(n int) (retries int64) {
	var conn *rawsio.Client
	for range n {
		i, payload := c.next()
		for attempt := 0; ; attempt++ {
			if conn == nil {
				conn = c.dial(attempt)
			}
			c.mu.Lock()
			c.commands[i].Sent = time.Now() // each try has its own time
			c.mu.Unlock()
			answer := "no connection"
			var err error
			if conn != nil {
				answer, err = conn.TryCall("/chat", "message", payload)
			}
			if err == nil && codeOf(answer) == "ok" {
				c.answered(i, answer, nil)
				break
			}
			retries++
			if attempt > 20 {
				c.l.t.Errorf("client %d: %s: %v", c.number, answer, err)
				return retries
			}
			if conn != nil {
				conn.Close()
				conn = nil
			}
		}
		<-time.After(c.l.pace)
	}
	if conn != nil {
		conn.Close()
	}
	return retries
}

// dial connects to one of the nodes, another one at each attempt; nil if it fails.
func (c *client) dial(attempt int) *rawsio.Client {
	conn, err := rawsio.TryDial(c.l.t, c.l.node(c.number+attempt).URL)
	if err != nil {
		return nil
	}
	if err := conn.TryOpen("/chat", fmt.Sprintf(`{"user":"user-%d"}`, c.number)); err != nil {
		conn.Close()
		return nil
	}
	return conn
}
