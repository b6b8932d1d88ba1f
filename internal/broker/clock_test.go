package broker

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/testenv"
)

// A lease from before Redis' clock was set back is not taken from who renews it, and ends
// soon when nobody does.
func TestALeaseFromBeforeTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	onBothRedis(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		const lease = 300 // ms
		group := "group:{g topic}"
		for key, run := range map[string]func(what, who string, epoch int64) *redis.Cmd{
			ownerKey(0): func(what, who string, epoch int64) *redis.Cmd {
				return ownScript.Run(t.Context(), rdb, []string{ownerKey(0)}, what, "node", who, epoch, lease)
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
