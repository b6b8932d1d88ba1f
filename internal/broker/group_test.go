package broker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

// Watermill's own suite, with all that we promise; in its short form, because the long
// one takes five minutes.
func TestWatermillSuite(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t)
	rdb, read := testenv.Client(t, url), manyReads(t, url)
	group := func(t *testing.T, name string) (message.Publisher, message.Subscriber) {
		return broker.NewPublisher(rdb, slog.New(slog.DiscardHandler)), broker.NewGroupSubscriber(name, rdb, read, slog.New(slog.DiscardHandler))
	}
	tests.TestPubSub(t, tests.Features{ConsumerGroups: true, GuaranteedOrder: true, Persistent: true, ForceShort: true},
		func(t *testing.T) (message.Publisher, message.Subscriber) { return group(t, "suite") }, group)
}

// manyReads is a client for as many blocking reads as the suite has subscriptions.
func manyReads(t *testing.T, url string) *redis.Client {
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	opts.PoolSize = 200
	rdb := redis.NewClient(opts)
	t.Cleanup(func() { rdb.Close() })
	return rdb
}

// A member that is gone without a word is replaced, and nothing is skipped: what it
// had acknowledged and not kept comes again.
func TestGroupTakesOver(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		log := slog.New(slog.NewTextHandler(t.Output(), nil))
		dying := &failing{}
		mortal, mortalReads := testenv.Client(t, url), testenv.Client(t, url)
		mortal.AddHook(testenv.Hook(dying.fail))
		first, second := broker.NewGroupSubscriber("g", mortal, mortalReads, log), broker.NewGroupSubscriber("g", rdb, testenv.Client(t, url), log)
		publisher := broker.NewPublisher(rdb, slog.New(slog.DiscardHandler))
		const total = 40
		for i := range total {
			if err := publisher.Publish("topic", message.NewMessage(strconv.Itoa(i), nil)); err != nil {
				t.Fatal(err)
			}
		}
		a, err := first.Subscribe(t.Context(), "topic")
		if err != nil {
			t.Fatal(err)
		}
		for i := range total / 2 {
			expect(t, a, i).Ack()
		}
		dying.dead.Store(true)
		begin := time.Now()
		b, err := second.Subscribe(t.Context(), "topic")
		if err != nil {
			t.Fatal(err)
		}
		m := <-b
		next, err := strconv.Atoi(m.UUID)
		if err != nil || next > total/2 {
			t.Fatalf("the second begins at %s", m.UUID)
		}
		t.Logf("taken over after %s at %d", time.Since(begin), next)
		m.Ack()
		for i := next + 1; i < total; i++ {
			expect(t, b, i).Ack()
		}
		testenv.WaitFor(t, 10*time.Second, "the first to stop", func() bool {
			select {
			case m, ok := <-a:
				if ok { // it was handed over before the lead was lost
					m.Nack()
				}
			default:
			}
			return rdb.HGet(t.Context(), "group:{g topic}", "at topic").Val() == lastID(t, rdb, "topic")
		})
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		if err := second.Close(); err != nil {
			t.Error(err)
		}
		third := broker.NewGroupSubscriber("g", rdb, testenv.Client(t, url), log)
		c, err := third.Subscribe(t.Context(), "topic")
		if err != nil {
			t.Fatal(err)
		}
		if err := publisher.Publish("topic", message.NewMessage(strconv.Itoa(total), nil)); err != nil {
			t.Fatal(err)
		}
		expect(t, c, total).Ack() // and nothing before it: the position was kept
		if err := third.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A leader whose connections fail and then hang hands nothing over any more when another
// member leads.
func TestAGroupLeaderStopsBeforeItsLeaseEnds(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	rdb, mortal, ill := testenv.Client(t, url), testenv.Client(t, url), &failing{}
	mortal.AddHook(testenv.Hook(ill.fail))
	publisher := broker.NewPublisher(rdb, log)
	first, second := broker.NewGroupSubscriber("g", mortal, testenv.Client(t, url), log), broker.NewGroupSubscriber("g", rdb, testenv.Client(t, url), log)
	publish := func(id int) {
		if err := publisher.Publish("topic", message.NewMessage(strconv.Itoa(id), nil)); err != nil {
			t.Error(err)
		}
	}
	a, err := first.Subscribe(t.Context(), "topic")
	if err != nil {
		t.Fatal(err)
	}
	publish(0)
	expect(t, a, 0).Ack()
	b, err := second.Subscribe(t.Context(), "topic")
	if err != nil {
		t.Fatal(err)
	}
	ill.dead.Store(true)
	hang := time.AfterFunc(1400*time.Millisecond, func() { ill.hangs.Store(true) })
	defer hang.Stop()
	const enough = 50
	for id, late, taken := 1, 0, 0; taken < enough; id++ {
		publish(id)
		select {
		case m := <-a:
			m.Ack()
			if taken > 0 {
				late++
			}
		case m := <-b:
			m.Ack()
			taken++
		case <-time.After(20 * time.Millisecond):
		}
		if late > 1 { // one may have been on its way
			t.Fatal("both hand messages over")
		}
	}
	for _, closes := range []func() error{first.Close, second.Close, publisher.Close} {
		if err := closes(); err != nil {
			t.Error(err)
		}
	}
}

func expect(t *testing.T, in <-chan *message.Message, i int) *message.Message {
	t.Helper()
	select {
	case m := <-in:
		if m.UUID != fmt.Sprint(i) {
			t.Fatalf("got %s, want %d", m.UUID, i)
		}
		return m
	case <-time.After(15 * time.Second):
		t.Fatalf("no message %d", i)
		return nil
	}
}

func lastID(t *testing.T, rdb *redis.Client, stream string) string {
	last, err := rdb.XRevRangeN(t.Context(), stream, "+", "-", 1).Result()
	if err != nil || len(last) == 0 {
		t.Fatalf("%v %v", last, err)
	}
	return last[0].ID
}

// failing fails every command once it is dead, like a process that is cut off, or lets it
// hang, as on a connection that is half open.
type failing struct{ dead, hangs atomic.Bool }

func (f *failing) fail(ctx context.Context, cmds []redis.Cmder, next redis.ProcessPipelineHook) error {
	if f.hangs.Load() {
		<-ctx.Done()
	}
	if !f.dead.Load() {
		return next(ctx, cmds)
	}
	err := errors.New("cut off")
	for _, c := range cmds {
		c.SetErr(err)
	}
	return err
}
