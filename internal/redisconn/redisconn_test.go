package redisconn_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/internal/testenv"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	for name, url := range map[string]string{"embedded": "", "redis": testenv.Redis(t)} {
		c, stop, err := redisconn.Open(t.Context(), url, log)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := c.Reads.Set(t.Context(), "k", "v", 0).Err(); err != nil || c.Embedded != (url == "") {
			t.Errorf("%s: %v, embedded %t", name, err, c.Embedded)
		}
		stop()
		if c.Commands.Ping(t.Context()).Err() == nil {
			t.Errorf("%s: still open", name)
		}
	}
}

func TestRESP2UnlessTheURLSaysOtherwise(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]int{"redis://h:1": 2, "redis://h:1?protocol=3": 3} {
		if o, err := redisconn.Options(url); err != nil || o.Protocol != want {
			t.Errorf("%s: %+v, %v", url, o, err)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, _, err := redisconn.Open(ctx, "redis://127.0.0.1:1", log); err == nil || !strings.Contains(err.Error(), "no Redis answers") {
		t.Errorf("nobody listens: %v", err)
	}
	if _, _, err := redisconn.Open(t.Context(), "redis://:hunter2@[", log); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("bad URL: %v", err)
	}
}

// A call is not sent over a connection that Redis has closed: whether it was done would
// not be known.
func TestNothingIsSentOverAConnectionThatRedisHasClosed(t *testing.T) {
	t.Parallel()
	url := "redis://" + testenv.RedisServer(t, "connections that Redis closes") + "/0" // a container's proxy closes them later
	c, stop, err := redisconn.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for range 20 {
		if err := c.Commands.Set(t.Context(), "k", "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if err := c.Reads.Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// go-redis sends the calls of the stores together, and so without their contexts.
func TestAStoreGivesUpOnARedisThatHangs(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	url := testenv.Redis(t)
	target := strings.TrimPrefix(url[:strings.LastIndex(url, "/")], "redis://")
	var hang atomic.Bool
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				near.Close()
				continue
			}
			go pump(far, near, &hang)
			go pump(near, far, &hang)
		}
	}()
	c, stop, err := redisconn.Open(t.Context(), "redis://"+l.Addr().String()+url[strings.LastIndex(url, "/"):], slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := c.Stores.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	hang.Store(true)
	begin := time.Now()
	if err := c.Stores.Set(t.Context(), "k", "v", 0).Err(); err == nil || time.Since(begin) > 2500*time.Millisecond+testenv.Late {
		t.Errorf("%v after %s", err, time.Since(begin))
	}
}

// pump carries bytes one way, until they are to hang.
func pump(to, from net.Conn, hang *atomic.Bool) {
	defer to.Close()
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if !hang.Load() {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
	}
}

func TestKeysOfTheEmbeddedRedisExpire(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	if err := rdb.Set(t.Context(), "k", "v", time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	if n := rdb.Exists(t.Context(), "k").Val(); n != 1 {
		t.Error("it is gone at once")
	}
	testenv.WaitFor(t, 20*time.Second, "the key to expire", func() bool { return rdb.Exists(t.Context(), "k").Val() == 0 })
}
