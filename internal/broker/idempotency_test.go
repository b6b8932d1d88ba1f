package broker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

func kept(c *broker.Config) { c.IdempotencyTTL = time.Hour }

func onePartition(c *broker.Config) { c.Partitions = 1 }

// try sends a command of a user, with an idempotency key.
func (n *testNode) try(user, once string, in noteInput) <-chan broker.Reply {
	n.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		n.t.Fatal(err)
	}
	return n.send(&broker.Command{
		Operation: "test.note", Key: in.Key, IdempotencyKey: once, Input: body,
		Caller: contract.Caller{UserID: user, Socket: "socket of " + user + " on another connection"},
	})
}

func (n *testNode) send(c *broker.Command) <-chan broker.Reply {
	if c.Timeout == 0 {
		c.Timeout = 20 * time.Second
	}
	replies := make(chan broker.Reply, 2)
	n.gateway.Submit(c, func(r broker.Reply) { replies <- r })
	return replies
}

func (n *testNode) tried(user, once string, in noteInput) broker.Reply {
	n.t.Helper()
	return n.await(n.try(user, once, in))
}

func TestARetryGetsTheFirstOutcome(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		book := newNotebook()
		a, b := startNode(t, url, "a", book, kept), startNode(t, url, "b", book, kept)
		in := noteInput{Key: "k", Text: "hello", Do: "join"}
		first := a.tried("alice", "once", in)
		again := b.tried("alice", "once", in)
		if diff := cmp.Diff(first, again); diff != "" || first.Code != "" || len(first.Join) != 1 || len(first.Leave) != 1 {
			t.Errorf("%+v %s", first, diff)
		}
		// A user's key is one for an operation and a command key.
		for user, other := range map[string]noteInput{"bob": in, "alice": {Key: "l", Text: "hello"}} {
			if r := a.tried(user, "once", other); r.Code != "" {
				t.Errorf("%s %s", user, r.Body)
			}
		}
		r := b.tried("alice", "once", noteInput{Key: "k", Text: "something else"})
		if r.Code != fault.Conflict || !strings.Contains(string(r.Body), "this idempotency key was used with another input") {
			t.Errorf("another input: %s %s", r.Code, r.Body)
		}
		if diff := cmp.Diff(first, a.tried("alice", "once", in)); diff != "" {
			t.Errorf("after the conflict: %s", diff)
		}
		if n := book.begun.Load(); n != 3 {
			t.Errorf("it ran %d times", n)
		}
		if r := a.call(noteInput{Key: "k", Text: "end"}); r.Code != "" {
			t.Errorf("%s", r.Body)
		}
		testenv.WaitFor(t, 20*time.Second, "the events", func() bool { return len(b.texts()) >= 4 })
		if n := len(b.texts()); n != 4 {
			t.Errorf("%d events", n)
		}
	})
}

func TestConcurrentCopiesRunOnce(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		book := newNotebook()
		nodes := []*testNode{startNode(t, url, "a", book, kept), startNode(t, url, "b", book, kept)}
		const keys, copies = 10, 50
		var replies [keys][]<-chan broker.Reply
		for i := range copies {
			for k := range keys {
				in := noteInput{Key: fmt.Sprint("k", k%4), Text: fmt.Sprint(k)}
				replies[k] = append(replies[k], nodes[i%2].try("alice", fmt.Sprint("once", k), in))
			}
		}
		for k, all := range replies {
			for _, r := range all {
				if got := nodes[0].await(r); got.Code != "" || string(got.Body) != fmt.Sprintf(`{"text":"%d"}`, k) {
					t.Fatalf("%d: %s %s", k, got.Code, got.Body)
				}
			}
		}
		if n := book.begun.Load(); n != keys {
			t.Errorf("%d of %d keys ran", n, keys)
		}
		testenv.WaitFor(t, 20*time.Second, "the events", func() bool { return len(nodes[0].texts()) >= keys })
		if n := len(nodes[0].texts()); n != keys {
			t.Errorf("%d events", n)
		}
	})
}

func TestWhichAnswersAreKept(t *testing.T) {
	t.Parallel()
	type answer struct {
		err  error
		runs int64
	}
	answers := map[string]answer{
		"not_found":          {fault.New(fault.NotFound, "there is none"), 1},
		"conflict":           {fmt.Errorf("wrapped: %w", fault.New(fault.Conflict, "it is taken")), 1},
		"forbidden":          {fault.New(fault.Forbidden, "no"), 1},
		"invalid":            {fault.New(fault.Invalid, "no"), 1},
		"unauthenticated":    {fault.New(fault.Unauthenticated, "log in"), 2},
		"exhausted":          {fault.New(fault.Exhausted, "too many"), 2},
		"overloaded":         {fault.New(fault.Overloaded, "too many"), 2},
		"unavailable":        {fault.New(fault.Unavailable, "later"), 2},
		"timeout":            {fault.New(fault.Timeout, "later"), 2},
		"transient conflict": {fault.Transient(fault.New(fault.Conflict, "at this moment")), 6},
		"accident":           {errors.New("the disk is full"), 2},
	}
	var runs atomic.Int64
	n := startNode(t, testenv.Embedded(t), "a", nil, kept)
	failing := note.Handle(func(_ context.Context, in noteInput) (noteOutput, []contract.Effect, error) {
		runs.Add(1)
		return noteOutput{}, nil, answers[in.Text].err
	})
	n.worker = broker.NewWorker(n.lanes, broker.NewHandlers(contract.NewCatalog([]contract.Route{failing})))
	if err := n.worker.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range answers {
		runs.Store(0)
		in := noteInput{Key: "k", Text: name}
		first, again := n.tried("alice", name, in), n.tried("alice", name, in)
		if first.Code == "" || again.Code != first.Code || runs.Load() != want.runs {
			t.Errorf("%s: ran %d times, %s, %s", name, runs.Load(), first.Body, again.Body)
		}
		if same := string(first.Body) == string(again.Body); same != (want.runs == 1) { // the instance names the attempt
			t.Errorf("%s: %s, then %s", name, first.Body, again.Body)
		}
	}
}

func TestRecordsExpire(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		book := newNotebook()
		n := startNode(t, url, "a", book, kept)
		rdb := testenv.Client(t, url)
		in := noteInput{Key: "k"}
		n.tried("alice", "once", in)
		records := rdb.Keys(t.Context(), "idem:*").Val()
		if len(records) != 1 {
			t.Fatalf("records: %v", records)
		}
		if ttl := rdb.PTTL(t.Context(), records[0]).Val(); ttl <= 0 || ttl > time.Hour {
			t.Errorf("it is kept for %s", ttl)
		}
		if err := rdb.PExpire(t.Context(), records[0], time.Millisecond).Err(); err != nil {
			t.Fatal(err)
		}
		testenv.WaitFor(t, 20*time.Second, "the record to expire", func() bool { return rdb.Exists(t.Context(), records[0]).Val() == 0 })
		// The worker may not have heard yet that the first one is committed.
		testenv.WaitFor(t, 20*time.Second, "it to run again", func() bool { n.tried("alice", "once", in); return book.begun.Load() == 2 })
	})
}

// Whether the command has run is then not known, and it must not run twice.
func TestAnUnreadableRecordIsAnAccident(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	book := newNotebook()
	n := startNode(t, url, "a", book, kept)
	in := noteInput{Key: "k"}
	n.tried("alice", "once", in)
	rdb := testenv.Client(t, url)
	record := rdb.Keys(t.Context(), "idem:*").Val()[0]
	for _, garbage := range []string{"garbage", "\x80"} {
		if err := rdb.Set(t.Context(), record, garbage, 0).Err(); err != nil {
			t.Fatal(err)
		}
		// The worker may not have heard yet that the first one is committed.
		testenv.WaitFor(t, 20*time.Second, "the accident", func() bool { return n.tried("alice", "once", in).Code == fault.Internal })
	}
	if err := rdb.Del(t.Context(), record).Err(); err != nil {
		t.Fatal(err)
	}
	testenv.WaitFor(t, 20*time.Second, "a result", func() bool { return n.tried("alice", "once", in).Code == "" })
	if runs := book.begun.Load(); runs != 2 {
		t.Errorf("it ran %d times", runs)
	}
}

func TestKeysAreIgnored(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	book := newNotebook()
	for name, tc := range map[string]struct {
		user string
		opts []option
	}{"switched off": {"alice", nil}, "nobody's": {"", []option{kept}}} {
		n := startNode(t, url, "a", book, tc.opts...)
		before := book.begun.Load()
		for range 2 {
			if r := n.tried(tc.user, "once", noteInput{Key: "k"}); r.Code != "" {
				t.Errorf("%s: %s", name, r.Body)
			}
		}
		if runs := book.begun.Load() - before; runs != 2 {
			t.Errorf("%s: it ran %d times", name, runs)
		}
		n.worker.Close()
	}
	if records := testenv.Client(t, url).Keys(t.Context(), "idem:*").Val(); len(records) > 0 {
		t.Errorf("records: %v", records)
	}
}

// A copy may come over another connection, and its client may write the input in
// another order.
func TestCopiesMeetWithoutACommandKey(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	book := newNotebook()
	a, b := startNode(t, url, "a", book, kept), startNode(t, url, "b", book, kept)
	for i, input := range []string{`{"key":"k","text":"é"}`, `{ "text": "\u00e9", "key": "k" }`, `{"text":"é","key":"k"}`} {
		c := &broker.Command{
			Operation: "test.note", IdempotencyKey: "once", Input: []byte(input),
			Caller: contract.Caller{UserID: "alice", Socket: fmt.Sprint("socket-", i)},
		}
		if r := a.await([]*testNode{a, b}[i%2].send(c)); r.Code != "" {
			t.Errorf("%s: %s", input, r.Body)
		}
	}
	if runs := book.begun.Load(); runs != 1 {
		t.Errorf("it ran %d times", runs)
	}
}

// What nobody waits for is recorded as well, for whoever asks later.
func TestACommandWithoutReplyIsRecorded(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	book := newNotebook()
	n := startNode(t, url, "a", book, kept, onePartition)
	m := message.NewMessage("foreign", []byte(`{"key":"k","text":"x"}`))
	m.Metadata = message.Metadata{"operation": "test.note", "key": "k", "user": "alice", "idempotency_key": "once"}
	values, err := redisstream.DefaultMarshallerUnmarshaller{}.Marshal("", m)
	if err != nil {
		t.Fatal(err)
	}
	rdb := testenv.Client(t, url)
	for range 2 {
		if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: "cmd:{p0}", Values: values}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if r := n.tried("alice", "once", noteInput{Key: "k", Text: "x"}); r.Code == "" {
		t.Errorf("members that are there and empty are another input: %s", r.Body)
	}
	c := &broker.Command{Operation: "test.note", Key: "k", IdempotencyKey: "once", Input: m.Payload, Caller: contract.Caller{UserID: "alice"}}
	if r := n.await(n.send(c)); string(r.Body) != `{"text":"x"}` {
		t.Errorf("%s", r.Body)
	}
	if runs := book.begun.Load(); runs != 1 {
		t.Errorf("it ran %d times", runs)
	}
	if keys := rdb.Keys(t.Context(), "rep:*").Val(); len(keys) != 1 { // the conflict's and the replay's
		t.Errorf("reply streams: %v", keys)
	}
}
