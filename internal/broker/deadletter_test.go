package broker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

// deadLetters reads them as a stock Watermill program does.
func deadLetters(t *testing.T, rdb *redis.Client) []*message.Message {
	t.Helper()
	entries, err := rdb.XRange(t.Context(), "dlq:{p0}", "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	var all []*message.Message
	for _, e := range entries {
		m, err := redisstream.DefaultMarshallerUnmarshaller{}.Unmarshal(e.Values)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func TestAccidentsAreDeadLetters(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		book := newNotebook()
		n := startNode(t, url, "a", book, onePartition)
		for do, code := range map[string]fault.Code{"": "", "fault": fault.Conflict, "fail": fault.Internal, "panic": fault.Internal, "exit": fault.Internal, "broken": fault.Internal} {
			if r := n.call(noteInput{Key: "k", Do: do}); r.Code != code {
				t.Errorf("%s: %s %s", do, r.Code, r.Body)
			}
		}
		tell(t, rdb, "k", `{"key":"k","do":"fail"}`)
		testenv.WaitFor(t, 20*time.Second, "five dead letters and no backlog", func() bool {
			return total(n.metrics.DeadLetters) == 5 && rdb.XLen(t.Context(), "cmd:{p0}").Val() == 0
		})
		want := map[string][2]string{
			"fail": {"secret: the disk is full", "1"}, "panic": {"panic: secret", "1"}, "broken": {"the store is away", "3"},
			"exit": {"the handler ended its goroutine (runtime.Goexit)", "1"},
		}
		all := deadLetters(t, rdb)
		if len(all) != 5 {
			t.Fatalf("%d dead letters", len(all))
		}
		for _, m := range all {
			var in noteInput
			if err := json.Unmarshal(m.Payload, &in); err != nil {
				t.Fatal(err)
			}
			md := m.Metadata
			if diff := cmp.Diff(want[in.Do], [2]string{md["_dead_reason"], md["_dead_attempts"]}); diff != "" {
				t.Errorf("%s: %s", in.Do, diff)
			}
			if md["_dead_origin"] != "cmd:{p0}" || !strings.Contains(md["_dead_entry"], "-") || md["operation"] != "test.note" || md["key"] != "k" {
				t.Errorf("%s: %v", in.Do, md)
			}
		}
		if all[4].UUID != "told" {
			t.Errorf("the last one is %s", all[4].UUID)
		}
	})
}

func TestWhatIsNoCommandIsADeadLetter(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		foreign := []struct {
			fields []string
			uuid   string // "" is the entry's id
			reason string
			raw    string
		}{
			{[]string{"a", "1", "a", "\xff"}, "", "has no _watermill_message_uuid", `[["a","1"],["a",{"base64":"/w=="}]]`},
			{[]string{"_watermill_message_uuid", "u", "metadata", "x"}, "u", "not a msgpack map", `[["_watermill_message_uuid","u"],["metadata","x"]]`},
		}
		var ids []string
		for _, f := range foreign {
			id, err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: "cmd:{p0}", Values: f.fields}).Result()
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		n := startNode(t, url, "a", newNotebook(), onePartition)
		if r := n.call(noteInput{Key: "k"}); r.Code != "" {
			t.Errorf("behind them: %s", r.Body)
		}
		testenv.WaitFor(t, 20*time.Second, "the dead letters", func() bool { return total(n.metrics.DeadLetters) == 2 })
		for i, m := range deadLetters(t, rdb) {
			f := foreign[i]
			if f.uuid == "" {
				f.uuid = ids[i]
			}
			if m.UUID != f.uuid || string(m.Payload) != f.raw || !strings.Contains(m.Metadata["_dead_reason"], f.reason) ||
				m.Metadata["_dead_entry"] != ids[i] || m.Metadata["_dead_attempts"] != "1" || m.Metadata["_dead_origin"] != "cmd:{p0}" {
				t.Errorf("%s %v %s", m.UUID, m.Metadata, m.Payload)
			}
		}
	})
}

// While Redis refuses dead letters, their commands stay in the backlog, and those of
// their keys behind them; all other keys and partitions go on.
func TestRefusedDeadLettersHoldUpTheirKeysAlone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		redis   func(testing.TB) string
		refuse  func(t *testing.T, admin *redis.Client, user string)
		relent  func(t *testing.T, admin *redis.Client, user string)
		withACL bool
	}{
		"embedded, key of another type": {redis: testenv.Embedded, refuse: spoil, relent: unspoil},
		"redis, key of another type":    {redis: testenv.Redis, refuse: spoil, relent: unspoil},
		"redis, ACL":                    {redis: testenv.Redis, refuse: forbid, relent: allow, withACL: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := tc.redis(t)
			admin := testenv.Client(t, url)
			if tc.withACL && !strings.Contains(admin.Info(t.Context(), "server").Val(), "redis_version") {
				testenv.LeaveOut(t, "dead letters refused by an ACL", "no real Redis")
			}
			user := ""
			if tc.withACL {
				user = fmt.Sprint("worker-", time.Now().UnixNano())
				defer admin.Do(context.Background(), "ACL", "DELUSER", user)
			}
			tc.refuse(t, admin, user)
			if user != "" {
				url = strings.Replace(url, "redis://", "redis://"+user+":pass@", 1)
			}
			n := startNode(t, url, "a", newNotebook(), onePartition)
			failing := n.submit(noteInput{Key: "k", Do: "fail"}, 60*time.Second)
			behind := n.submit(noteInput{Key: "k", Text: "behind"}, 60*time.Second)
			for i := range 20 { // more than one round trip
				if r := n.call(noteInput{Key: fmt.Sprint("other", i), Text: "other"}); r.Code != "" {
					t.Fatalf("another key: %s", r.Body)
				}
			}
			if got := admin.XLen(t.Context(), "cmd:{p0}").Val(); got != 2 || total(n.metrics.DeadLetters) != 0 {
				t.Errorf("%d commands are in the backlog, %d dead letters were written", got, total(n.metrics.DeadLetters))
			}
			tc.relent(t, admin, user)
			if r := n.await(failing); r.Code != fault.Internal {
				t.Errorf("%s %s", r.Code, r.Body)
			}
			if r := n.await(behind); r.Code != "" {
				t.Errorf("behind it: %s", r.Body)
			}
			if got := deadLetters(t, admin); len(got) != 1 {
				t.Errorf("%d dead letters", len(got))
			}
			series := map[string]bool{} // a second one tells clients that they have missed events
			for _, e := range admin.XRange(t.Context(), "evt:{p0}", "-", "+").Val() {
				seq, _ := e.Values["_seq"].(string)
				name, _, _ := strings.Cut(seq, ".")
				series[name] = true
			}
			if len(series) != 1 {
				t.Errorf("events are of the series %v", series)
			}
		})
	}
}

// A drain that dead letters hold up says which commands they are of.
func TestADrainNamesWhatRedisRefuses(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	admin := testenv.Client(t, url)
	spoil(t, admin, "")
	book := newNotebook()
	n := startNode(t, url, "a", book, onePartition)
	if err := admin.XAdd(t.Context(), &redis.XAddArgs{Stream: "cmd:{p0}", Values: []string{"no", "command"}}).Err(); err != nil {
		t.Fatal(err)
	}
	for _, in := range []noteInput{{Key: "k", Do: "fail"}, {Key: "k", Text: "behind"}} {
		n.submit(in, 60*time.Second)
	}
	testenv.WaitFor(t, 10*time.Second, "both to run", func() bool { return book.begun.Load() == 2 })
	named := regexp.MustCompile(`^3 commands still run: entry \S+ of cmd:{p0} \(Redis refuses its dead letter\), ` +
		`test.note \S+ \(Redis refuses its dead letter\), ` +
		`test.note \S+ \(waits behind a dead letter of its key that Redis refuses\)$`)
	var err error
	testenv.WaitFor(t, 10*time.Second, "the names", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		err = n.worker.Drain(ctx)
		return err != nil && named.MatchString(err.Error())
	})
	unspoil(t, admin, "")
	if err := n.worker.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

// A drain names what Redis does not commit, and what waits behind a handler.
func TestADrainNamesWhatWaits(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	rdb, book := testenv.Client(t, url), newNotebook()
	n := startNode(t, url, "a", book, onePartition)
	if err := rdb.Set(t.Context(), "kept:{p0}:/test remembered kept", "no stream", 0).Err(); err != nil {
		t.Fatal(err)
	}
	n.submit(noteInput{Key: "k", Do: "block"}, time.Minute)
	n.submit(noteInput{Key: "k", Text: "behind"}, time.Minute)
	testenv.WaitFor(t, 20*time.Second, "it to run", func() bool { return book.begun.Load() == 1 })
	n.submit(noteInput{Key: "kept", Do: "keep"}, time.Minute)
	testenv.WaitFor(t, 20*time.Second, "a commit that fails", func() bool { return total(n.metrics.CommitRetries) > 0 })
	named := regexp.MustCompile(`^3 commands still run: test.note \S+ \(it could not be committed, and is tried again\), ` +
		`test.note \S+, test.note \S+ \(waits for its turn\)$`)
	var err error
	testenv.WaitFor(t, 20*time.Second, "the names", func() bool {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		err = n.worker.Drain(ended)
		return err != nil && named.MatchString(err.Error())
	})
	if err := rdb.Del(t.Context(), "kept:{p0}:/test remembered kept").Err(); err != nil {
		t.Fatal(err)
	}
	close(book.block)
	if err := n.worker.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

func spoil(t *testing.T, admin *redis.Client, _ string) {
	if err := admin.Set(t.Context(), "dlq:{p0}", "no stream", 0).Err(); err != nil {
		t.Fatal(err)
	}
}

func unspoil(t *testing.T, admin *redis.Client, _ string) {
	if err := admin.Del(t.Context(), "dlq:{p0}").Err(); err != nil {
		t.Fatal(err)
	}
}

func forbid(t *testing.T, admin *redis.Client, user string) {
	args := []any{"ACL", "SETUSER", user, "on", ">pass", "+@all"}
	for _, keys := range []string{"partitions", "workers", "own:*", "cmd:*", "evt:*", "rep:*", "gateways", "roster:*"} {
		args = append(args, "~"+keys)
	}
	if err := admin.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
}

func allow(t *testing.T, admin *redis.Client, user string) {
	if err := admin.Do(t.Context(), "ACL", "SETUSER", user, "~dlq:*").Err(); err != nil {
		t.Fatal(err)
	}
}

func TestDeadLettersAreBounded(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	n := startNode(t, url, "a", newNotebook(), onePartition, func(c *broker.Config) { c.DeadLetters = 10 })
	for range 15 {
		if r := n.call(noteInput{Key: "k", Do: "fail"}); r.Code != fault.Internal {
			t.Fatalf("%s %s", r.Code, r.Body)
		}
	}
	testenv.WaitFor(t, 20*time.Second, "the counters", func() bool { return total(n.metrics.DeadLetters) == 15 && total(n.metrics.DroppedDeadLetters) == 5 })
	if got := deadLetters(t, testenv.Client(t, url)); len(got) != 10 {
		t.Errorf("%d are kept", len(got))
	}
}
