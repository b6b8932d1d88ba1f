package redisconn_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/internal/testenv"
)

// What is wrong with a Redis, as whoever starts a node reads it.
func TestWhatIsWrongWithARedisIsSaid(t *testing.T) {
	t.Parallel()
	pair := testenv.Replicated(t, "a Redis that cannot be used")
	master, replica := pair.URL, "redis://"+pair.Replica.Options().Addr
	says := func(url, want string) {
		t.Helper()
		want = strings.NewReplacer("MASTER", strings.TrimPrefix(master, "redis://"), "REPLICA", pair.Replica.Options().Addr).Replace(want)
		begin := time.Now()
		_, stop, err := redisconn.Open(t.Context(), url, slog.New(slog.DiscardHandler))
		if err == nil {
			stop()
			t.Fatalf("it takes %s", url)
		}
		begins, ends, _ := strings.Cut(want, " … ") // some is in other words from one Redis to the next
		if text := err.Error(); !strings.HasPrefix(text, begins) || !strings.HasSuffix(text, ends) || ends == "" && text != want {
			t.Errorf("it says %q, not %q", text, want)
		}
		if took := time.Since(begin); took > 5*time.Second+testenv.Late {
			t.Errorf("it takes %s to say %q", took, err)
		}
	}
	says(replica, "REDIS_URL: Redis at REPLICA is a read-only replica: name its master, MASTER")
	says(master+"/99", "REDIS_URL: ask Redis at MASTER what it is: ERR DB index is out of range")
	const in = "Put the right password into it, redis://:password@host:port, or redis://user:password@host:port"
	rdb := testenv.Client(t, master)
	if err := rdb.Do(t.Context(), "acl", "setuser", "weak", "on", ">weak", "~*", "+hello").Err(); err != nil {
		t.Fatal(err)
	}
	says(strings.Replace(master, "//", "//weak:weak@", 1), "REDIS_URL: Redis at MASTER does not let this user work: NOPERM … the 'ping' command. Give it all commands and keys (ACL SETUSER), or name another user")
	if err := rdb.ConfigSet(t.Context(), "requirepass", "s3cret").Err(); err != nil {
		t.Fatal(err)
	}
	says(master, "REDIS_URL: Redis at MASTER does not let us in: NOAUTH Authentication required. "+in)
	says(strings.Replace(master, "//", "//:hunter2@", 1), "REDIS_URL: Redis at MASTER does not let us in: WRONGPASS invalid username-password pair or user is disabled. "+in)
}

func TestARedisThatIsNoneForUsIsRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ info, want string }{
		{"# Server\r\nredis_version:6.2.14\r\nrole:master\r\n", "REDIS_URL: Redis at ADDR is version 6.2.14, and 7.0 or newer is needed: upgrade it, or name another"},
		{"redis_version:5.0.1\r\nrole:slave\r\nmaster_host:db\r\nmaster_port:6379\r\n", "REDIS_URL: Redis at ADDR is version 5.0.1, and 7.0 or newer is needed: upgrade it, or name another\n" +
			"REDIS_URL: Redis at ADDR is a read-only replica: name its master, db:6379"},
		{"redis_version:7.0.15\r\nredis_mode:sentinel\r\n", "REDIS_URL: Redis at ADDR is a Sentinel: add the name of the master that it watches, redis://ADDR/0?master_name=mymaster"},
		{"role:master\r\n", "REDIS_URL: Redis at ADDR does not tell its version; 7.0 or newer is needed"},
	} {
		old, err := server.NewServer("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer old.Close()
		for name, answer := range map[string]func(*server.Peer){
			"PING": func(p *server.Peer) { p.WriteInline("PONG") },
			"INFO": func(p *server.Peer) { p.WriteBulk(tc.info) },
		} {
			if err := old.Register(name, func(p *server.Peer, _ string, _ []string) { answer(p) }); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err = redisconn.Open(t.Context(), "redis://"+old.Addr().String(), slog.New(slog.DiscardHandler))
		if want := strings.ReplaceAll(tc.want, "ADDR", old.Addr().String()); err == nil || err.Error() != want {
			t.Errorf("%q: it says %v, not %s", tc.info, err, want)
		}
	}
}

func TestARedisThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	address := fmt.Sprintf("127.0.0.1:%d", testenv.FreePort(t))
	var log bytes.Buffer
	_, _, err := redisconn.Open(ctx, "redis://"+address, slog.New(slog.NewTextHandler(&log, nil)))
	want := "REDIS_URL: no Redis answers at " + address + ": dial tcp " + address + ": connect: connection refused. " +
		"Start it, or name another; without REDIS_URL a node has an embedded one, for trying out"
	if err == nil || err.Error() != want {
		t.Errorf("it says %v, not %s", err, want)
	}
	if n := strings.Count(log.String(), "waiting for Redis"); n != 1 {
		t.Errorf("it says so %d times: %s", n, &log)
	}
}

func TestARedisThatMayLoseThingsIsWarnedOf(t *testing.T) {
	t.Parallel()
	pair := testenv.Replicated(t, "a Redis that evicts")
	if err := testenv.Client(t, pair.URL).ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	_, stop, err := redisconn.Open(t.Context(), pair.URL, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if want := `level=WARN msg="Redis may lose what was accepted: change its setting" setting=maxmemory-policy is=allkeys-lru should_be=noeviction`; !strings.Contains(log.String(), want) || strings.Contains(log.String(), "setting=appendonly") {
		t.Errorf("it logs %s", &log)
	}
}
