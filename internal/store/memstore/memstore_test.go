package memstore_test

import (
	"testing"

	"github.com/example/switchyard/internal/store/memstore"
	"github.com/example/switchyard/internal/store/storetest"
)

func TestTasks(t *testing.T) { t.Parallel(); storetest.Tasks(t, memstore.NewTasks()) }
