package siotest

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"testing"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/node"
	"github.com/example/switchyard/internal/siotest/assemble"
)

// Service has the nodes do something else than the service: some of its use cases, with
// stores and providers that the test brings, or others.
//
//	siotest.Start(t, siotest.Service(func(p siotest.Ports) *contract.Catalog {
//		return usecases.Catalog(chat.New(p.History, p.Sockets), tasks.New(memstore.NewTasks(), clock))
//	}))
//
// It is called once for each node, as in processes of their own.
func Service(service func(Ports) *contract.Catalog) Option {
	return func(s *setup) {
		s.make = func(ctx context.Context, cfg config.Config, logs io.Writer) (*node.Node, func(), error) {
			return assemble.Node(ctx, cfg, logs, service)
		}
	}
}

// Routes is Service for use cases that need nothing of a node.
func Routes(routes ...contract.Route) Option {
	return Service(func(Ports) *contract.Catalog { return contract.NewCatalog(routes) })
}

// Guarded has these guards decide alone about a command of a catalog, in place of its own
// and of those of the policies around it. With none of them everybody may.
//
//	siotest.Guarded(t, usecases.Catalog(…), chat.Post)
//
// Guards of a connection stay: connect as somebody whom they let in.
func Guarded[In, Out any](t testing.TB, catalog *contract.Catalog, c contract.Command[In, Out], guards ...contract.Guard[In]) *contract.Catalog {
	t.Helper()
	i := slices.IndexFunc(catalog.Routes, func(r contract.Route) bool { return r.Operation == c.Operation })
	if i < 0 {
		t.Fatalf("guard %s: the catalog has no such command", c.Operation)
	}
	serve := catalog.Routes[i].Serve // with all that policies have put around it
	c.Guards, c.Policy = guards, contract.Policy{}
	catalog.Routes[i] = c.Handle(func(ctx context.Context, in In) (out Out, effects []contract.Effect, err error) {
		body, err := json.Marshal(in)
		if err != nil {
			return out, nil, err
		}
		got, err := serve(ctx, body)
		if err == nil {
			err = json.Unmarshal(got.Output, &out)
		}
		return out, got.Effects, err
	})
	return catalog
}
