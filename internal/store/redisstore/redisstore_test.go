package redisstore_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/store/redisstore"
	"github.com/example/switchyard/internal/store/storetest"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/usecases/chat"
	"github.com/example/switchyard/usecases/tasks"
)

func on(t *testing.T, test func(t *testing.T, rdb *redis.Client)) {
	t.Run("embedded", func(t *testing.T) { t.Parallel(); test(t, testenv.Client(t, testenv.Embedded(t))) })
	t.Run("redis", func(t *testing.T) { t.Parallel(); test(t, testenv.Client(t, testenv.Redis(t))) })
}

func TestHistory(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, rdb *redis.Client) { storetest.History(t, redisstore.NewHistory(rdb)) })
}

func TestTasks(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, rdb *redis.Client) { storetest.Tasks(t, redisstore.NewTasks(rdb)) })
}

func TestErrorsOfRedisAreTransient(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	if err := rdb.Close(); err != nil {
		t.Fatal(err)
	}
	h, s := redisstore.NewHistory(rdb), redisstore.NewTasks(rdb)
	_, beforeErr := h.Before(t.Context(), "r", "", 1)
	_, getErr := s.Get(t.Context(), "t")
	for what, err := range map[string]error{
		"append": h.Append(t.Context(), chat.Message{ID: "m"}), "before": beforeErr, "get": getErr, "put": s.Put(t.Context(), tasks.Task{}),
	} {
		if !fault.IsTransient(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A room may hold far more than is kept, written when more was.
func TestHistoryDropsAnySurplus(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, rdb *redis.Client) {
		const ids, messages, total = "chat:{r}:ids", "chat:{r}:messages", 10_500
		scores, bodies := make([]redis.Z, total), make([]any, 0, 2*total)
		for i := range scores {
			id := fmt.Sprint("old", i)
			scores[i] = redis.Z{Score: float64(i), Member: id}
			bodies = append(bodies, id, "{}")
		}
		if err := errors.Join(rdb.ZAdd(t.Context(), ids, scores...).Err(), rdb.HSet(t.Context(), messages, bodies...).Err()); err != nil {
			t.Fatal(err)
		}
		if err := redisstore.NewHistory(rdb).Append(t.Context(), chat.Message{ID: "new", Room: "r"}); err != nil {
			t.Fatal(err)
		}
		left, newest := rdb.ZCard(t.Context(), ids).Val(), rdb.ZRange(t.Context(), ids, -1, -1).Val()
		if left != 1000 || rdb.HLen(t.Context(), messages).Val() != left || newest[0] != "new" {
			t.Errorf("%d messages are left, the newest is %s", left, newest)
		}
	})
}
