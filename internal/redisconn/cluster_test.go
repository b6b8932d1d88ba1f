package redisconn_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/internal/testenv"
)

func TestOpenFindsACluster(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "connecting to a Redis Cluster")
	log := slog.New(slog.DiscardHandler)
	nobody := fmt.Sprintf("127.0.0.1:%d", testenv.FreePort(t))
	url := "redis://" + nobody + "?addr=" + cluster.Nodes[1].Options().Addr // the first is down
	c, stop, err := redisconn.Open(t.Context(), url, log)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	for i := range 30 { // of all nodes
		key := fmt.Sprint("k", i)
		if err := errors.Join(c.Stores.Set(t.Context(), key, i, 0).Err(), c.Reads.Set(t.Context(), key, i, 0).Err()); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Commands.Get(t.Context(), key).Int(); n != i || err != nil {
			t.Errorf("%s is %d: %v", key, n, err)
		}
	}
	_, _, err = redisconn.Open(t.Context(), cluster.URL+"/3", log)
	if err == nil || !strings.Contains(err.Error(), "has only database 0") {
		t.Errorf("another database: %v", err)
	}
	_, _, err = redisconn.Open(t.Context(), testenv.Redis(t)+"?addr=127.0.0.1:1", log)
	if err == nil || !strings.Contains(err.Error(), "is no node of a Redis Cluster") {
		t.Errorf("two addresses of what is no cluster: %v", err)
	}
}

// A client that is used for the first time when the node is gone that the URL names knows
// the others all the same.
func TestTheNamedNodeOfAClusterMayGo(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "a Redis Cluster whose named node is gone")
	c, stop, err := redisconn.Open(t.Context(), cluster.URL, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	key := "k"
	for !errors.Is(cluster.Nodes[1].Get(t.Context(), key).Err(), redis.Nil) { // another node's
		key += "k"
	}
	cluster.Kill(0)
	for name, rdb := range map[string]redis.Cmdable{"commands": c.Commands, "reads": c.Reads, "stores": c.Stores} {
		if err := rdb.Set(t.Context(), key, "v", 0).Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A node that was taken out of a Cluster and runs on knows of no slots. It is asked no more
// than one that is down.
func TestANodeThatHasLeftTheCluster(t *testing.T) {
	t.Parallel()
	const what = "a node that has left its Redis Cluster"
	cluster, left := testenv.Cluster(t, what), testenv.LeftCluster(t, what)
	c, stop, err := redisconn.Open(t.Context(), "redis://"+left+"?addr="+cluster.Nodes[0].Options().Addr, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	rdb, ok := c.Commands.(*redis.ClusterClient)
	if !ok {
		t.Fatalf("it is a %T", c.Commands)
	}
	for range 30 { // each asks one of them for the slots
		var masters atomic.Int64
		err := rdb.ForEachMaster(t.Context(), func(context.Context, *redis.Client) error { masters.Add(1); return nil })
		if n := masters.Load(); err != nil || n != int64(len(cluster.Nodes)) {
			t.Fatalf("there are %d masters: %v", n, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err = redisconn.Connect(ctx, "redis://"+left); err == nil || !strings.Contains(err.Error(), "is in no Redis Cluster") {
		t.Errorf("nobody else is named: %v", err)
	}
}

// A master that is away when a process starts is waited for: it comes back, or another has
// its place soon.
func TestAMasterThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "a node of a Redis Cluster that is away")
	cluster.Kill(1)
	waits := make(chan struct{}, 1)
	log := slog.New(slog.NewTextHandler(writer(func(line []byte) {
		if bytes.Contains(line, []byte("waiting for Redis")) {
			waits <- struct{}{}
		}
	}), nil))
	opened := make(chan error, 1)
	go func() {
		_, stop, err := redisconn.Open(t.Context(), cluster.URL, log)
		if err == nil {
			stop()
		}
		opened <- err
	}()
	select {
	case <-waits:
	case err := <-opened:
		t.Fatalf("it did not wait: %v", err)
	}
	cluster.Restart(t, 1)
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

type writer func(line []byte)

func (w writer) Write(line []byte) (int, error) { w(line); return len(line), nil }

// What a client of a cluster has sent may have been done, whatever became of the
// connection: it is not sent again.
func TestNothingIsSentTwiceToACluster(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "what a client sends to a Redis Cluster that answers too late")
	slow := redis.NewScript(`if redis.call('RPUSH', KEYS[1], 'x') == 1 then for i = 1, 5e7 do end end return 1`)
	for name, send := range map[string]func(redis.UniversalClient, string) error{
		"alone": func(rdb redis.UniversalClient, key string) error {
			return slow.Eval(t.Context(), rdb, []string{key}).Err()
		},
		"in a pipeline": func(rdb redis.UniversalClient, key string) error {
			_, err := rdb.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
				slow.Eval(t.Context(), pipe, []string{key})
				return nil
			})
			return err
		},
	} {
		rdb, err := redisconn.Connect(t.Context(), cluster.URL+"?read_timeout=100ms")
		if err != nil {
			t.Fatal(err)
		}
		var answer redis.Error
		if err := send(rdb, name); err == nil || errors.As(err, &answer) {
			t.Errorf("%s: it was answered: %v", name, err)
		}
		if err := rdb.Close(); err != nil {
			t.Error(err)
		}
		done := int64(0)
		for _, node := range cluster.Nodes {
			testenv.WaitFor(t, 10*time.Second, "what was sent to be done", func() bool {
				list, err := node.ClientList(t.Context()).Result()
				return err == nil && strings.Count(list, "\n") == 1 // this one
			})
			done += node.LLen(t.Context(), name).Val() // 0 where it is another node's
		}
		if done != 1 {
			t.Errorf("%s: it was done %d times", name, done)
		}
	}
}
