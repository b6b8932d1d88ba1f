// Command server is a node of the service whose one command goes wrong as it is told,
// for tests of what happens to handlers. It is put together as the real one is. Start at
// run.go.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/node"
	"github.com/example/switchyard/internal/siotest/assemble"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	cfg, err := config.Load()
	if err != nil {
		return err
	}
	ctx := node.UntilSignal(context.Background())
	n, closeAll, err := assemble.Node(ctx, cfg, os.Stderr, Catalog)
	if err != nil {
		return err
	}
	defer closeAll()
	return n.Run(ctx)
}
