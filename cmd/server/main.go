// Command server runs one node of the service. With the argument healthcheck it asks
// the node on this machine whether it is ready, for containers.
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
	if err == nil && len(os.Args) > 1 && os.Args[1] == "healthcheck" {
		err = node.HealthCheck(cfg)
	} else if err == nil {
		err = serve(cfg)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(cfg config.Config) error {
	ctx := node.UntilSignal(context.Background())
	n, closeAll, err := app.New(ctx, cfg)
	if err != nil {
		return err
	}
	defer closeAll()
	return n.Run(ctx)
}
