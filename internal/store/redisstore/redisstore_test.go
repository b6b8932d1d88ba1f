package redisstore_test

import (
	"testing"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/store/redisstore"
	"github.com/example/switchyard/internal/store/storetest"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/usecases/tasks"
)

func TestTasks(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) { storetest.Tasks(t, redisstore.NewTasks(testenv.Client(t, url))) })
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
