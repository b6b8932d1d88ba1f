package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/testenv"
)

func TestRead(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{"embedded": testenv.Embedded, "redis": testenv.Redis} {
		for _, protocol := range []int{2, 3} {
			t.Run(fmt.Sprintf("%s, RESP%d", name, protocol), func(t *testing.T) {
				t.Parallel()
				opts, err := redis.ParseURL(url(t))
				if err != nil {
					t.Fatal(err)
				}
				opts.Protocol = protocol
				rdb := redis.NewClient(opts)
				defer rdb.Close()
				long := strings.Repeat("x", 100_000) + "\r\n$"
				for _, args := range []*redis.XAddArgs{
					{Stream: "b", ID: "1-1", Values: []string{fieldUUID, "u", fieldMetadata, "m", fieldPayload, long}},
					{Stream: "b", ID: "1-2", Values: []string{"foreign", "f", fieldPayload, ""}},
					{Stream: "d", ID: "2-1", Values: []string{fieldUUID, "v", fieldSeq, "a.1"}},
				} {
					if err := rdb.XAdd(t.Context(), args).Err(); err != nil {
						t.Fatal(err)
					}
				}
				r := reader{rdb: rdb}
				streams := []string{"a", "b", "c", "d"}
				all, err := r.read(t.Context(), streams, []string{"0", "0", "0", "0"}, 10, 0)
				want := []found{
					{1, []entry{{id: "1-1", uuid: "u", metadata: "m", payload: []byte(long)}, {id: "1-2", payload: []byte{}}}},
					{3, []entry{{id: "2-1", uuid: "v", seq: "a.1"}}},
				}
				if diff := cmp.Diff(want, all, cmp.AllowUnexported(found{}, entry{}), cmpopts.IgnoreFields(entry{}, "fields")); err != nil || diff != "" {
					t.Errorf("%v %s", err, diff)
				}
				if r.bytes < len(long) {
					t.Errorf("the reply is said to have %d bytes", r.bytes)
				}
				var fields []string
				all[0].entries[1].eachField(func(name, value string) { fields = append(fields, name, value) })
				if diff := cmp.Diff([]string{"foreign", "f", fieldPayload, ""}, fields); diff != "" {
					t.Errorf("all fields: %s", diff)
				}
				if all, err = r.read(t.Context(), streams, []string{"0", "1-2", "0", "2-1"}, 10, -1); err != nil || len(all) != 0 {
					t.Errorf("nothing more: %v %v", all, err)
				}
				if _, err = r.read(t.Context(), streams, []string{"0", "0", "x", "0"}, 10, -1); !redis.HasErrorPrefix(err, "Invalid stream ID") {
					t.Errorf("no position: %v", err)
				}
			})
		}
	}
}

// A reply arrives in any pieces, and nothing but a reply is one.
func TestReadReply(t *testing.T) {
	t.Parallel()
	const reply = "*2\r\n*-1\r\n%1\r\n$3\r\na\r\n\r\n*3\r\n:1\r\n+OK\r\n$-1\r\n"
	for step := range len(reply) {
		here, there := net.Pipe()
		go func() {
			for rest := reply; rest != ""; {
				n := min(step+1, len(rest))
				_, _ = there.Write([]byte(rest[:n])) // the reader says what has arrived
				rest = rest[n:]
			}
		}()
		got, err := (&link{conn: here}).readReplies(t.Context(), []byte("before"), 1)
		if string(got) != "before"+reply || err != nil {
			t.Errorf("in pieces of %d: %q %v", step+1, got, err)
		}
		here.Close()
	}
	for _, wrong := range []string{"HTTP/1.1 400 Bad Request\r\n", "*x\r\n", "$-2\r\n", "*99999999999\r\n", "*1\n", reply + "+"} {
		here, there := net.Pipe()
		go func() {
			_, _ = there.Write([]byte(wrong))
			there.Close()
		}()
		if got, err := (&link{conn: here}).readReplies(t.Context(), nil, 1); !errors.Is(err, errNoRESP) {
			t.Errorf("%q: %q %v", wrong, got, err)
		}
	}
}

// A reply that cannot be smaller is waited for as long as it comes, unless nobody wants it
// any more.
func TestASlowReply(t *testing.T) {
	t.Parallel()
	const pieces, most = 10, roundTripMax
	for name, tc := range map[string]struct {
		count         int64
		every, wanted time.Duration
		whole         bool
	}{
		"as it comes":         {1, most / 2, patience, true},
		"of several entries":  {2, most / 2, patience, false},
		"it has ceased":       {1, 2*most + most/2, patience, false},
		"for too long":        {1, most - 1, 3 * most, false},
		"several, and enough": {2, most / 2 / pieces, patience, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			var writer sync.WaitGroup
			defer writer.Wait()
			defer here.Close()
			writer.Go(func() {
				defer there.Close()
				for piece := range pieces {
					time.Sleep(tc.every)
					text := "ab"
					if piece == 0 {
						text = fmt.Sprintf("$%d\r\n", 2*pieces-4)
					}
					if piece == pieces-1 {
						text = "\r\n"
					}
					if _, err := there.Write([]byte(text)); err != nil {
						return
					}
				}
			})
			wanted, stop := context.WithCancel(t.Context())
			defer stop()
			defer time.AfterFunc(tc.wanted, stop).Stop()
			l := &link{conn: here}
			ctx, cancel := l.within(wanted, most, tc.count)
			defer cancel()
			if err := l.wait(ctx); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			got, err := l.readReplies(ctx, nil, 1)
			if whole := err == nil && len(got) > 2*pieces; whole != tc.whole || !whole && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			if took := time.Since(begin); took > tc.wanted+most {
				t.Errorf("%s: it took %s", name, took)
			}
		})
	}
}

// A connection is opened as the client's are, and again once it is broken, or old.
func TestLink(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	server.RequireUserAuth("user", "secret")
	opts := &redis.Options{Addr: server.Addr(), Username: "user", Password: "secret", DB: 3, ClientName: "reads"}
	rdb := redis.NewClient(opts)
	defer rdb.Close()
	if err := rdb.Set(t.Context(), "k", "in 3", 0).Err(); err != nil {
		t.Fatal(err)
	}
	var l link
	defer l.close()
	for range 2 {
		got, err := l.roundTrip(t.Context(), rdb, []any{"get", "k"}, nil)
		if string(got) != "$4\r\nin 3\r\n" || err != nil {
			t.Errorf("%q %v", got, err)
		}
		_ = l.conn.Close() // which the next round trip notices
		if _, err := l.roundTrip(t.Context(), rdb, []any{"get", "k"}, nil); err == nil {
			t.Error("over a closed connection")
		}
	}
	var used [2]net.Conn
	for i := range used {
		if _, err := l.roundTrip(t.Context(), rdb, []any{"get", "k"}, nil); err != nil {
			t.Error(err)
		}
		used[i], l.opened = l.conn, time.Now().Add(-2*linkAge)
	}
	if used[0] == used[1] {
		t.Error("an old connection is used on")
	}
	opts.Password = "wrong"
	bad := redis.NewClient(opts)
	defer bad.Close()
	if _, err := l.roundTrip(t.Context(), bad, []any{"get", "k"}, nil); err == nil || !strings.Contains(err.Error(), "auth: WRONGPASS") {
		t.Errorf("%v", err)
	}
}

func FuzzParseRead(f *testing.F) {
	f.Add("*1\r\n*2\r\n$1\r\na\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$7\r\npayload\r\n$1\r\nx\r\n")
	f.Add("%1\r\n$1\r\na\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*0\r\n")
	f.Add("*-1\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		all, err := parseRead([]byte(s), []string{"a", "b"})
		for _, f := range all {
			if err != nil || len(f.entries) == 0 {
				t.Errorf("%v, %v", all, err)
			}
		}
	})
}
