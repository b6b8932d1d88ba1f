// Package parity proves on whole nodes what docs/parity.md says: each test brings a
// catalog of its own, serves it on nodes that share a Redis, and talks to them with
// real clients. Gateways hold the sockets and workers run the handlers, so that all
// that is said crosses the lanes. Start at serve.
package parity

import (
	"encoding/json"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
)

// serve starts gateways, and one worker, of a service, and returns the URLs of the
// gateways. The catalog is made once for each node, as in processes of their own.
func serve(t *testing.T, gateways int, catalog func() *contract.Catalog, options ...siotest.Option) []string {
	t.Helper()
	var urls []string
	service := siotest.Service(func(siotest.Ports) *contract.Catalog { return catalog() })
	for _, n := range siotest.Cluster(t, gateways, append(options, siotest.Workers(1), service)...) {
		urls = append(urls, n.URL)
	}
	return urls
}

// routes makes a catalog of routes.
func routes(all ...contract.Route) func() *contract.Catalog {
	return func() *contract.Catalog { return contract.NewCatalog(all) }
}

// join connects a client to a namespace.
func join(t *testing.T, url, namespace, auth string) *rawsio.Client {
	t.Helper()
	c := rawsio.Dial(t, url)
	c.Connect(namespace, auth)
	return c
}

// wantCode fails if an answer is not a problem with this code.
func wantCode(t *testing.T, answer string, code fault.Code) {
	t.Helper()
	var p fault.Problem
	if err := json.Unmarshal([]byte(answer), &p); err != nil || p.Kind != "error" || p.Code != code {
		t.Errorf("answered %s, want the problem %s", answer, code)
	}
}

// want fails if something said is not this.
func want(t *testing.T, said, wanted string) {
	t.Helper()
	if said != wanted {
		t.Errorf("heard %s, want %s", said, wanted)
	}
}
