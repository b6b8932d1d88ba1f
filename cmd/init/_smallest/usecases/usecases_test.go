package usecases_test

import (
	"testing"

	"github.com/example/switchyard/internal/contract/contracttest"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/usecases"
	"github.com/example/switchyard/usecases/hello"
)

func TestCatalogHasNoMistakes(t *testing.T) {
	t.Parallel()
	catalog := usecases.Catalog(hello.New())
	if _, err := schema.Compile(catalog); err != nil {
		t.Error(err)
	}
	contracttest.Mounted(t, ".", catalog)
}
