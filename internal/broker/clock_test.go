package broker

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/testenv"
)

// A lease from before Redis' clock was set back is not taken from who renews it, and ends
// soon when nobody does.
func TestALeaseFromBeforeTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		const lease = 300 // ms
		group := "group:{g topic}"
		for key, run := range map[string]func(what, who string, epoch int64) *redis.Cmd{
			ownerKey(0): func(what, who string, epoch int64) *redis.Cmd {
				return leaseScript.Run(t.Context(), rdb, []string{ownerKey(0)}, what, "node", who, epoch, lease)
			},
			group: func(what, who string, epoch int64) *redis.Cmd {
				return groupScript.Run(t.Context(), rdb, []string{group}, map[string]string{"take": "take", "renew": "keep"}[what], who, epoch, lease)
			},
		} {
			take := func(who string) (epoch int64) {
				answer, err := run("take", who, 0).Result()
				if err != nil {
					t.Fatalf("%s: %v", key, err)
				}
				if all, ok := answer.([]any); ok && len(all) > 0 {
					epoch, _ = all[0].(int64)
				}
				return epoch
			}
			setBack := func() {
				t.Helper()
				if err := rdb.HSet(t.Context(), key, "until", time.Now().Add(time.Minute).UnixMilli()).Err(); err != nil {
					t.Fatal(err)
				}
				if take("b") != 0 {
					t.Errorf("%s: b takes it at once", key)
				}
			}
			epoch := take("a")
			setBack()
			if n, err := run("renew", "a", epoch).Int64(); err != nil || n == 0 {
				t.Errorf("%s: a lives, and has lost it: %v", key, err)
			}
			setBack()
			testenv.WaitFor(t, 10*time.Second, "b to take what nobody renews", func() bool { return take("b") > epoch })
		}
	})
}

// A remoteClock answers beats with the time of a Redis whose clock differs, and takes its
// time on the way there and back.
type remoteClock struct {
	ahead       time.Duration
	there, back time.Duration
}

func (r *remoteClock) answer(_ context.Context, cmds []redis.Cmder, _ redis.ProcessPipelineHook) error {
	time.Sleep(r.there)
	cmds[0].(*redis.Cmd).SetVal([]any{strconv.FormatInt(time.Now().Add(r.ahead).UnixMilli(), 10), "1"})
	time.Sleep(r.back)
	return nil
}

// What is known of Redis' clock survives beats that take long, and is found out anew when
// a clock was set.
func TestTheClockOfRedisIsReadFromQuickBeats(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*Lanes) (beat func(context.Context) error, now func() time.Time){
		"worker": func(l *Lanes) (func(context.Context) error, func() time.Time) {
			w := &Worker{Lanes: l}
			return func(ctx context.Context) error { _, err := w.lookAround(ctx); return err }, w.now
		},
		"gateway": func(l *Lanes) (func(context.Context) error, func() time.Time) {
			c := NewGateway(l).census
			return c.beat, c.now
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &remoteClock{}
			rdb := redis.NewClient(&redis.Options{}) // which connects to nothing
			rdb.AddHook(testenv.Hook(r.answer))
			defer rdb.Close()
			synctest.Test(t, func(t *testing.T) {
				l, err := NewLanes(Config{Node: "n"}, rdb, rdb, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				beat, now := start(l)
				for i, step := range []struct{ ahead, there, back, wrong time.Duration }{
					{-time.Minute, time.Second, 0, 501 * time.Millisecond}, // nothing better is known
					{-time.Minute, time.Millisecond, time.Millisecond, 2 * time.Millisecond},
					{-time.Minute, 0, 1900 * time.Millisecond, 4 * time.Millisecond},
					{-time.Minute, 1900 * time.Millisecond, 0, 6 * time.Millisecond},
					{time.Minute, time.Millisecond, time.Millisecond, 2 * time.Millisecond},
					{-time.Hour, 0, 1900 * time.Millisecond, 951 * time.Millisecond}, // set back, as far as is known
					{-time.Hour, time.Millisecond, time.Millisecond, 2 * time.Millisecond},
					{-time.Hour - 50*time.Millisecond, time.Millisecond, time.Millisecond, 2 * time.Millisecond},
				} {
					r.ahead, r.there, r.back = step.ahead, step.there, step.back
					if err := beat(t.Context()); err != nil {
						t.Fatal(err)
					}
					if wrong := time.Since(now()) + step.ahead; wrong.Abs() > step.wrong {
						t.Errorf("after beat %d the clock is wrong by %s", i+1, wrong)
					}
					time.Sleep(beatEvery)
				}
			})
		})
	}
}
