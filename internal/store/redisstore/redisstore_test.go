package redisstore_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/store/redisstore"
	"github.com/example/switchyard/internal/store/storetest"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/usecases/tasks"
)

func on(t *testing.T, test func(t *testing.T, rdb *redis.Client)) {
	t.Run("embedded", func(t *testing.T) { t.Parallel(); test(t, testenv.Client(t, testenv.Embedded(t))) })
	t.Run("redis", func(t *testing.T) { t.Parallel(); test(t, testenv.Client(t, testenv.Redis(t))) })
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
	s := redisstore.NewTasks(rdb)
	_, getErr := s.Get(t.Context(), "t")
	for what, err := range map[string]error{
		"get": getErr, "put": s.Put(t.Context(), tasks.Task{}),
	} {
		if !fault.IsTransient(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
