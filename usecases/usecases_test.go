package usecases_test

import (
	"testing"

	"github.com/example/switchyard/internal/contract/contracttest"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/internal/store/memstore"
	"github.com/example/switchyard/usecases"
	"github.com/example/switchyard/usecases/chat"
	"github.com/example/switchyard/usecases/tasks"
)

func TestCatalogHasNoMistakes(t *testing.T) {
	t.Parallel()
	if _, err := schema.Compile(usecases.Catalog(chat.New(contracttest.NewHistory(), nil), tasks.New(memstore.NewTasks(), tasks.NewWork()))); err != nil {
		t.Error(err)
	}
}
