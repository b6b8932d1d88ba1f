package redisstore_test

import (
	"errors"
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
	_, afterErr := h.After(t.Context(), "r", "1-0", 1)
	_, getErr := s.Get(t.Context(), "t")
	for what, err := range map[string]error{
		"append": h.Append(t.Context(), chat.Message{ID: "1-0"}), "before": beforeErr, "after": afterErr, "get": getErr, "put": s.Put(t.Context(), tasks.Task{}),
	} {
		if !fault.IsTransient(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Were the clock of Redis set back and the commands' stream deleted, a room could
// hold later messages already: that one is not kept must not go unseen.
func TestHistorySaysWhatItCannotKeep(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, rdb *redis.Client) {
		h := redisstore.NewHistory(rdb)
		late, early := chat.Message{ID: "2-0", Room: "r"}, chat.Message{ID: "1-0", Room: "r"}
		if err := errors.Join(h.Append(t.Context(), late), h.Append(t.Context(), late)); err != nil {
			t.Fatal(err)
		}
		if err := h.Append(t.Context(), early); err == nil || fault.IsTransient(err) {
			t.Errorf("%v", err)
		}
	})
}
