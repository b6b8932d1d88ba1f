// Package usecases is what the service does. Each folder is one noun, each file in
// it one command. A new noun is one line in Set, two in Catalog, its hooks in Hooks if
// it has some, and its store in the Set of internal/store/redisstore.
package usecases

import (
	"github.com/google/wire"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/usecases/chat"
	"github.com/example/switchyard/usecases/tasks"
)

// Set provides the services of all use cases.
var Set = wire.NewSet(
	Catalog, Hooks,
	chat.New,
	tasks.New, tasks.NewWork,
)

// Catalog gathers everything the service says.
func Catalog(c *chat.Service, t *tasks.Service) *contract.Catalog {
	catalog := contract.NewCatalog(
		c.Routes(),
		t.Routes(),
	)
	catalog.Title, catalog.Version = "Switchyard", "1.0.0"
	catalog.Doc = "Rooms in which people talk, and work that takes a while."
	return catalog
}

// Hooks gathers what starts, runs and stops with a node, as slices.Concat of what the
// services' methods Hooks return. The services here have none.
func Hooks() []contract.Hook { return nil }
