package broker

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
)

// A key waits for no other one, as long as there are goroutines: neither when they are
// begun, nor when those that wait are woken, nor beside others that never block.
func TestNoKeyOfThePoolWaitsForAnother(t *testing.T) {
	t.Parallel()
	const keys = keepParked / 2
	var blocked atomic.Int64
	var p *pool
	release := make(chan struct{})
	p = newPool(2*keys, func(j *job) {
		if j.command.Operation == "block" {
			blocked.Add(1)
			<-release
			blocked.Add(-1)
		}
	})
	defer p.close()
	part := newPartition(0)
	add := func(operation string, n int) {
		p.add(&job{p: part, command: &Command{Operation: operation, Key: fmt.Sprint(operation, n)}})
	}
	for round := range 3 {
		for n := range keys {
			add("block", n)
			add("pass", n)
		}
		testenv.WaitFor(t, 10*time.Second, fmt.Sprintf("all keys to run at once in round %d", round), func() bool {
			return blocked.Load() == keys
		})
		close(release)
		testenv.WaitFor(t, 10*time.Second, "all to have run", func() bool {
			part.mu.Lock()
			defer part.mu.Unlock()
			return blocked.Load() == 0 && len(part.keys) == 0
		})
		release = make(chan struct{})
	}
}
