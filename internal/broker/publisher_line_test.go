package broker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/internal/testenv"
)

// A batch that was given up and arrives late comes before the next one, or not at all.
func TestBatchesKeepTheirOrderWhenConnectionsGoHalfOpen(t *testing.T) {
	t.Parallel()
	for name, connect := range map[string]func(t *testing.T, d *dialer) redis.UniversalClient{
		"Redis": func(t *testing.T, d *dialer) redis.UniversalClient {
			o, err := redisconn.Options(testenv.Redis(t))
			if err != nil {
				t.Fatal(err)
			}
			o.Dialer = d.dial
			return redis.NewClient(o)
		},
		"Redis Cluster": func(t *testing.T, d *dialer) redis.UniversalClient {
			return redis.NewClusterClient(&redis.ClusterOptions{
				Addrs: []string{startCluster(t)}, MaxRedirects: -1, ContextTimeoutEnabled: true, Dialer: d.dial,
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &dialer{}
			rdb := connect(t, d)
			defer rdb.Close()
			pub := broker.NewPublisher(rdb, slog.New(slog.NewTextHandler(t.Output(), nil)))
			defer pub.Close()
			if err := pub.Publish("s", message.NewMessage("first", nil)); err != nil {
				t.Fatal(err)
			}
			held := d.hold()
			if err := pub.Publish("s", message.NewMessage("held back", nil)); err == nil || errors.Is(err, broker.ErrNotSent) {
				t.Fatalf("it may have been sent: %v", err)
			}
			testenv.WaitFor(t, 30*time.Second, "a connection", func() bool { // asking for the nodes, a cluster's client may meet another one that is half open
				err := pub.Publish("s", message.NewMessage("next", nil))
				if err != nil && !errors.Is(err, broker.ErrNotSent) {
					t.Fatal(err)
				}
				return err == nil
			})
			late := 0
			for _, c := range held {
				if c.arrive(t) {
					late++
				}
			}
			if late != 1 {
				t.Errorf("%d batches came late", late)
			}
			if diff := cmp.Diff([]string{"first", "next"}, published(t, rdb, "s")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// published is ids of a stream.
func published(t *testing.T, rdb redis.UniversalClient, stream string) (ids []string) {
	t.Helper()
	all, err := rdb.XRange(t.Context(), stream, "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		ids = append(ids, fmt.Sprint(e.Values["_watermill_message_uuid"]))
	}
	return ids
}

// Where Redis lets nobody close connections, publishing goes on, and the log says what
// cannot be kept.
func TestConnectionsThatCannotBeClosed(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]string{"nor named": "-client", "though named": "-client|kill"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := testenv.Redis(t)
			user := strings.ReplaceAll(t.Name(), "/", "-")
			admin := testenv.Client(t, url)
			if err := admin.Do(t.Context(), "ACL", "SETUSER", user, "on", "nopass", "~*", "&*", "+@all", rule).Err(); err != nil {
				t.Fatal(err)
			}
			defer admin.Do(context.Background(), "ACL", "DELUSER", user)
			d := &dialer{}
			o, err := redisconn.Options(url)
			if err != nil {
				t.Fatal(err)
			}
			o.Dialer, o.Username, o.Password = d.dial, user, "any"
			rdb := redis.NewClient(o)
			defer rdb.Close()
			var log bytes.Buffer
			pub := broker.NewPublisher(rdb, slog.New(slog.NewTextHandler(&log, nil)))
			for i := range 3 {
				if err := pub.Publish("s", message.NewMessage(fmt.Sprint(i), nil)); (err != nil) != (i == 1) {
					t.Errorf("message %d: %v", i, err)
				}
				if i == 0 {
					d.hold()
				}
			}
			if err := pub.Close(); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff([]string{"0", "2"}, published(t, admin, "s")); diff != "" {
				t.Error(diff)
			}
			if n := strings.Count(log.String(), "allow CLIENT INFO and CLIENT KILL"); n != 1 {
				t.Errorf("the log: %s", log.String())
			}
		})
	}
}

// What surely was not written was not sent: a connection that breaks before it is ready
// has carried nothing.
func TestWhatIsNotSentBecauseAHandshakeFails(t *testing.T) {
	t.Parallel()
	for word, sent := range map[string]bool{"": false, "hello": false, "select": false, "setinfo": false, "INFO": false, "XADD": true} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			target := testenv.Embedded(t)
			o, err := redisconn.Options(target)
			if err != nil {
				t.Fatal(err)
			}
			o.DB, o.Addr = 1, breakAt(t, o.Addr, word)
			rdb := redis.NewClient(o)
			defer rdb.Close()
			pub := broker.NewPublisher(rdb, slog.New(slog.DiscardHandler))
			defer pub.Close()
			if err := pub.Publish("s", message.NewMessage("id", nil)); err == nil || errors.Is(err, broker.ErrNotSent) == sent {
				t.Errorf("may have been sent: %t, and is told: %v", sent, err)
			}
		})
	}
}

// breakAt is a server in front of another, which resets a connection when its client
// says a word, and at once when there is none.
func breakAt(t *testing.T, target, word string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go breakOne(client, target, word)
		}
	}()
	return l.Addr().String()
}

func breakOne(client net.Conn, target, word string) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	go func() { _, _ = io.Copy(client, server) }()
	b := make([]byte, 32<<10)
	for {
		n, err := client.Read(b)
		if err != nil || bytes.Contains(b[:n], []byte(word)) {
			return
		}
		if _, err := server.Write(b[:n]); err != nil {
			return
		}
	}
}
