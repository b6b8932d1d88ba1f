// Command contract prints the documents of the service's contract, made from its
// declarations. It puts a node together, with an embedded Redis and without starting it,
// so it needs no Redis and no settings.
//
// With -update it writes all of them to a folder, unless clients of what is there would
// break: see the package spec, Breaking.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	app "github.com/example/switchyard"
	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/spec"
)

var formats = map[string]string{
	"json": "asyncapi.json", "yaml": "asyncapi.yaml", "ts": "client.ts", "openapi": "openapi.yaml", "bus": "asyncapi.bus.yaml",
}

func main() {
	err := run(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("contract", flag.ContinueOnError)
	format := flags.String("format", "yaml", "what to print: AsyncAPI as `yaml` or json, ts (a TypeScript client), openapi (REST) or bus (the streams in Redis)")
	folder := flags.String("update", "", "write all documents to this `folder`, in place of printing one")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // it has told
	}
	name, ok := formats[*format]
	if !ok || flags.NArg() > 0 {
		flags.Usage()
		return flag.ErrHelp
	}
	files, err := documents()
	switch {
	case err != nil:
		return err
	case *folder != "":
		return spec.Update(*folder, files)
	}
	for _, f := range files {
		if f.Name == name {
			_, err = out.Write(f.Body)
		}
	}
	return err
}

func documents() ([]spec.File, error) {
	n, closeAll, err := app.New(context.Background(), config.Config{
		NodeID: "contract", Role: "all", AuthMode: auth.None, LogLevel: "error", LogFormat: "text",
	}, os.Stderr)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	return spec.Files(n.Contract, n.Sockets.Paths()[0])
}
