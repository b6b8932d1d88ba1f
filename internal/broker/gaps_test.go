package broker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

func TestWhatIsTrimmedDuringACutIsAGap(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		l := listen(t, url)
		l.say(3)
		l.hears(1, 2, 3)
		l.on.Store(true)
		l.say(10)
		l.do(l.rdb.XTrimMaxLen(t.Context(), eventLane, 2))
		l.on.Store(false)
		l.hears(append(upTo(1, 3), 12, 13)...)
		l.isTold(broker.ResyncGap)
		l.say(1)
		l.hears(append(upTo(1, 3), 12, 13, 14)...)
		l.isTold(broker.ResyncGap)
	})
}

// Who catches up has all that was committed before; who cannot is told.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		l := listen(t, url)
		l.catchesUp() // nothing is there
		l.say(3)
		l.catchesUp()
		l.on.Store(true)
		l.say(20)
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := l.gateway.CatchUp(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cut off: %v", err)
		}
		l.on.Store(false)
		l.catchesUp()
		l.on.Store(true)
		l.say(2)
		l.do(l.rdb.XTrimMaxLen(t.Context(), eventLane, 0))
		l.on.Store(false)
		l.catchesUp() // without those that are gone, which it tells
		l.isTold(broker.ResyncGap)
	})
}

// catchesUp checks that it has every event that is left once it has caught up.
func (l *listener) catchesUp() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
	defer cancel()
	if err := l.gateway.CatchUp(ctx); err != nil {
		l.t.Fatal(err)
	}
	left, err := l.rdb.XLen(ctx, eventLane).Result()
	if err != nil {
		l.t.Fatal(err)
	}
	if got := len(l.texts()); int64(got) < left {
		l.t.Errorf("%d events have come, and %d are there", got, left)
	}
}

func TestAnIdleLaneTellsItsGap(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		l := listen(t, url)
		l.say(3)
		l.hears(1, 2, 3)
		l.on.Store(true)
		l.say(2)
		l.do(l.rdb.XTrimMaxLen(t.Context(), eventLane, 0))
		l.on.Store(false)
		l.isTold(broker.ResyncGap)
		l.say(2)
		l.hears(append(upTo(1, 3), 6, 7)...)
		l.isTold(broker.ResyncGap)
		if len(l.node.announced()) > 0 {
			t.Errorf("the other node missed nothing: %v", l.node.announced())
		}
	})
}

func TestADeletedLane(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		l := listen(t, url)
		l.say(3)
		l.hears(1, 2, 3)
		l.deleteLane()
		l.say(2) // nothing was missed
		l.hears(upTo(1, 5)...)
		l.on.Store(true)
		l.say(2)
		l.deleteLane()
		l.say(2)
		l.on.Store(false)
		l.hears(append(upTo(1, 5), 8, 9)...)
		l.isTold(broker.ResyncGap)
	})
}

// What was missed is told although the number of partitions is gone, and Redis does not take
// it again.
func TestGapsAreToldWithoutANumberOfPartitions(t *testing.T) {
	t.Parallel()
	l := listen(t, "redis://"+testenv.RedisServer(t, "a Redis that takes no number of partitions"))
	l.say(3)
	l.hears(1, 2, 3)
	l.on.Store(true)
	l.say(2)
	ctx := t.Context()
	l.do(l.rdb.XTrimMaxLen(ctx, eventLane, 0), l.rdb.Do(ctx, "ACL", "SETUSER", "default", "-set"), l.rdb.Del(ctx, "partitions"))
	l.on.Store(false)
	l.isTold(broker.ResyncGap)
}

// The ids of a deleted lane begin below what was read when the clock was set back.
func TestALaneWithLowerIDsIsReadFromItsStart(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		l := listen(t, url)
		ctx := t.Context()
		l.say(2)
		for _, stream := range []string{eventLane, "rep:" + l.lanes.Boot()} {
			l.do(l.rdb.XAdd(ctx, &redis.XAddArgs{Stream: stream, ID: "99999999999999-1", Values: []string{"from", "the future"}}))
		}
		l.say(1)
		l.hears(1, 2, 3)
		l.do(l.rdb.Del(ctx, eventLane, "rep:"+l.lanes.Boot()))
		l.say(3)
		l.hears(upTo(1, 6)...)
		l.isTold(broker.ResyncEpoch)
		testenv.WaitFor(t, 10*time.Second, "an answer in a lane of its own", func() bool {
			return l.await(l.submit(noteInput{Key: "k", Do: "fault"}, 500*time.Millisecond)).Code == "conflict"
		})
		l.say(1)
		l.hears(upTo(1, 7)...)
		l.isTold(broker.ResyncEpoch)
	})
}

func TestAnEmptiedRedisIsANewEpoch(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		l := listen(t, url)
		l.say(3)
		l.hears(1, 2, 3)
		l.do(l.rdb.FlushDB(t.Context()))
		l.isTold(broker.ResyncEpoch) // although nothing is said
		l.say(2)
		l.hears(upTo(1, 5)...)
		l.isTold(broker.ResyncEpoch)
	})
}

// After a failover Redis may have lost its last writes. What comes then is new, and
// what was heard does not come again.
func TestWritesThatRedisHasLost(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		l := listen(t, url)
		ctx := t.Context()
		l.say(3)
		for _, key := range []string{"own:{p0}", eventLane} {
			l.do(l.rdb.Copy(ctx, key, "kept "+key, l.rdb.Options().DB, true))
		}
		l.say(3)
		l.hears(upTo(1, 6)...)
		_, err := l.rdb.TxPipelined(ctx, func(tx redis.Pipeliner) error {
			for _, key := range []string{"own:{p0}", eventLane} {
				tx.Rename(ctx, "kept "+key, key)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		l.isTold(broker.ResyncEpoch)
		l.say(3)
		l.hears(upTo(1, 9)...)
		l.isTold(broker.ResyncEpoch)
	})
}

func TestStrangersEntriesAreNotCounted(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		l := listen(t, url)
		m := message.NewMessage("stranger", []byte(`{"text":"hello"}`))
		m.Metadata = message.Metadata{broker.MetaNamespace: "/test", broker.MetaEvent: "noted", broker.MetaEveryone: "true"}
		values, err := redisstream.DefaultMarshallerUnmarshaller{}.Marshal("", m)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			l.say(1)
			l.do(l.rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: eventLane, Values: values}))
		}
		l.say(1)
		testenv.WaitFor(t, 20*time.Second, "all", func() bool { return len(l.texts()) == 5 })
		late := startNode(t, url, "late", nil, func(c *broker.Config) { c.Partitions = 1 })
		l.do(l.rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: eventLane, Values: values}))
		l.say(1)
		testenv.WaitFor(t, 20*time.Second, "the newest", func() bool { return len(late.texts()) == 2 })
		if told := append(l.announced(), late.announced()...); len(told) > 0 {
			t.Errorf("announced: %v", told)
		}
	})
}

func TestStockReadersReadNumberedEvents(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		l := listen(t, url)
		l.say(2)
		entries := l.rdb.XRange(t.Context(), eventLane, "-", "+").Val()
		for i, e := range entries {
			m, err := redisstream.DefaultMarshallerUnmarshaller{}.Unmarshal(e.Values)
			if err != nil || string(m.Payload) != fmt.Sprintf(`{"text":"%d"}`, i+1) || m.Metadata[broker.MetaEvent] != "noted" {
				t.Errorf("%v: %+v %v", e, m, err)
			}
		}
		if len(entries) != 2 {
			t.Errorf("%d events", len(entries))
		}
	})
}
