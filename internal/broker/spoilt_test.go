package broker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

// What is no lease in a lease's place stops its own partition and no other one.
func TestASpoiltLeaseStopsItsPartitionAlone(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t)
	rdb := testenv.Client(t, url)
	n := startNode(t, url, "a", newNotebook(), func(c *broker.Config) { c.Partitions = 2 })
	_, err := rdb.TxPipelined(t.Context(), func(pipe redis.Pipeliner) error {
		pipe.Del(t.Context(), "own:{p0}")
		return pipe.Set(t.Context(), "own:{p0}", "no lease", 0).Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	testenv.WaitFor(t, 20*time.Second, "the loss", func() bool { return total(n.metrics.Lost) == 1 })
	var replies []<-chan broker.Reply
	for i := range 40 {
		replies = append(replies, n.submit(noteInput{Key: fmt.Sprint(i)}, 3*time.Second))
	}
	answered := 0
	for _, r := range replies {
		if n.await(r).Code == "" {
			answered++
		}
	}
	waiting := int(rdb.XLen(t.Context(), "cmd:{p0}").Val())
	if answered == 0 || waiting == 0 || answered+waiting != len(replies) {
		t.Errorf("%d are answered, %d wait, of %d", answered, waiting, len(replies))
	}
	if err := rdb.Del(t.Context(), "own:{p0}").Err(); err != nil {
		t.Fatal(err)
	}
	testenv.WaitFor(t, 20*time.Second, "it to be taken again", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == 0 })
	if err := n.worker.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}
