// Command server runs one node of the service, or asks it, for containers, if it is ready.
package main

import (
	"context"
	"fmt"
	"os"

	app "github.com/example/switchyard"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/node"
)

func main() {
	cfg, err := config.Load()
	switch {
	case len(os.Args) > 2 || len(os.Args) == 2 && os.Args[1] != "healthcheck":
		fmt.Fprintln(os.Stderr, "usage: server [healthcheck]")
		os.Exit(2)
	case err == nil && len(os.Args) == 2:
		err = node.HealthCheck(cfg)
	case err == nil:
		err = serve(cfg)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(cfg config.Config) error {
	defer node.PaceHeap()()
	ctx := node.UntilSignal(context.Background())
	n, closeAll, err := app.New(ctx, cfg, os.Stderr)
	switch {
	case err != nil && ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "asked to end before it was ready:", err)
		return nil
	case err != nil:
		return err
	}
	defer closeAll()
	return n.Run(ctx)
}
