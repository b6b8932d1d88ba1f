// Package assemble puts a node together as the service's own wire.go does, with other
// use cases: for tests, and for the programs that tests run. Start at Node, in wire.go.
package assemble

import (
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/contract"
)

// A Service makes the use cases of a node. Each node of a cluster makes its own.
type Service func(Ports) *contract.Catalog

// Ports is what a node offers its use cases, to be handed to their New; or not, where a
// test brings something of its own.
type Ports struct {
	History    contract.History
	Sockets    contract.Sockets
	Dispatcher contract.Dispatcher
	Stores     redis.Cmdable // for what internal/store/redisstore keeps
}

// Catalog calls a service.
func Catalog(s Service, p Ports) *contract.Catalog { return s(p) }

// Hooks are none. Set Node.Hooks for some.
func Hooks() []contract.Hook { return nil }
