package usecases_test

import (
	"testing"

	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/usecases"
	"github.com/example/switchyard/usecases/hello"
)

func TestCatalogHasNoMistakes(t *testing.T) {
	t.Parallel()
	if _, err := schema.Compile(usecases.Catalog(hello.New())); err != nil {
		t.Error(err)
	}
}
