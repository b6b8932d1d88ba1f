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
	catalog := usecases.Catalog(chat.New(contracttest.NewHistory(), nil), tasks.New(memstore.NewTasks(), tasks.NewWork()))
	if _, err := schema.Compile(catalog); err != nil {
		t.Error(err)
	}
	contracttest.Mounted(t, ".", catalog)
}
