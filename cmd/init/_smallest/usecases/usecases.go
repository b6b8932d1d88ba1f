// Package usecases is what the service does. Each folder is one noun, each file in
// it one command. A new noun is one line in Set, two in Catalog, its hooks in Hooks if
// it has some: `make usecase NAME=board` writes them.
package usecases

import (
	"github.com/google/wire"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/usecases/hello"
)

// Set provides the services of all use cases.
var Set = wire.NewSet(
	Catalog, Hooks,
	hello.New,
)

// Catalog gathers everything the service says.
func Catalog(h *hello.Service) *contract.Catalog {
	catalog := contract.NewCatalog(
		h.Routes(),
	)
	catalog.Title, catalog.Version = "Switchyard", "0.1.0"
	catalog.Doc = "Rooms in which people greet each other."
	return catalog
}

// Hooks gathers what starts, runs and stops with a node, as slices.Concat of what the
// services' methods Hooks return. The services here have none.
func Hooks() []contract.Hook { return nil }
