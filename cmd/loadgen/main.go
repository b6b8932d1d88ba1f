// Command loadgen loads a running service by its typed contract, and tells what came of
// it: rates, latencies, and what was lost, heard twice or out of order.
//
//	loadgen --connections 50 --window 16 ack
//	loadgen --rooms 100 --members 10 --rate 500 --html report.html broadcast
//	loadgen --connections 10000 --rate 500 --duration 30s connect
//
// What it sends is in scenario.go, for you to edit; how is in internal/load. A service
// refuses more than SOCKET_RATE commands a second of a connection: set it off to find out
// what it can do. It exits with 1 when a promise was broken (something lost, heard twice,
// out of order or unanswered, a connection not made or not back) or a limit exceeded, with 2
// when it was called wrongly.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/example/switchyard/internal/load"
	"github.com/example/switchyard/internal/logging"
	"github.com/example/switchyard/transport/socketio/client"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("called wrongly")

// options are what can be said on the command line.
type options struct {
	load   load.Config
	urls   string
	user   string
	token  string
	path   string
	ways   string // transports, with commas
	json   bool
	html   string
	limits []load.Limit
}

func parse(args []string, complain io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("loadgen", flag.ContinueOnError)
	f.SetOutput(complain)
	f.Usage = func() {
		_, _ = io.WriteString(complain, "usage: loadgen [flags] ack|broadcast|connect\n\n")
		f.PrintDefaults()
	}
	c := &o.load
	f.StringVar(&o.urls, "url", "http://localhost:8080", "where the service is: the `URLs` of its nodes, with commas, or of a load balancer")
	f.IntVar(&c.Connections, "connections", 50, "how many, for ack and connect")
	f.IntVar(&c.Rooms, "rooms", 10, "how many, for broadcast")
	f.IntVar(&c.Members, "members", 10, "connections in each room; the first of them sends")
	f.IntVar(&c.Window, "window", 0, "commands that a sending connection has under way at most; 0: 1, with a rate 16")
	f.Float64Var(&c.Rate, "rate", 0, "commands, or connections, a second of all together; 0: as many as come back")
	f.DurationVar(&c.Warmup, "warmup", 2*time.Second, "at first, of which no latency counts")
	f.DurationVar(&c.Duration, "duration", 10*time.Second, "after that")
	f.DurationVar(&c.GiveUp, "give-up", 30*time.Second, "after which a command without an answer is not sent again")
	f.StringVar(&o.user, "user", "load-{n}", "who a connection says it is, {n} being its number; for AUTH_MODE=none")
	f.StringVar(&o.token, "token", "", "a JWT, for AUTH_MODE=jwt; @`FILE` has one a line, which connections take in turn")
	f.StringVar(&o.path, "path", "/socket.io/", "where Socket.IO is mounted")
	f.StringVar(&o.ways, "transports", "websocket", "websocket, polling, or polling,websocket")
	f.BoolVar(&o.json, "json", false, "print the result for programs")
	f.StringVar(&o.html, "html", "", "write a report with plots to this `file`")
	f.Func("fail-if-not", "exit with 1 unless this `limit` holds: p99<50ms, rate>1000, delivery.p99<0.1s, problems<1, …; may be repeated", func(text string) error {
		l, err := load.ParseLimit(text)
		o.limits = append(o.limits, l)
		return err
	})
	if err := f.Parse(args); err != nil {
		return o, errUsage
	}
	if f.NArg() != 1 {
		f.Usage()
		return o, errUsage
	}
	switch {
	case c.Window != 0:
	case c.Rate > 0:
		c.Window = 16 // latency counts from when a command was due: it should not wait here
	default:
		c.Window = 1
	}
	c.Scenario, c.URLs = load.Scenario(f.Arg(0)), strings.Split(o.urls, ",")
	c.Options = []client.Option{client.Path(o.path), client.Transports(strings.Split(o.ways, ",")...)}
	auth, err := o.auth()
	if err := errors.Join(err, c.Validate()); err != nil {
		fmt.Fprintln(complain, err)
		return o, errUsage
	}
	c.Auth = auth
	return o, nil
}

// auth is what the n-th connection says of itself.
func (o options) auth() (func(int) map[string]any, error) {
	if o.token == "" {
		return func(n int) map[string]any {
			return map[string]any{"user": strings.ReplaceAll(o.user, "{n}", fmt.Sprint(n))}
		}, nil
	}
	tokens := []string{o.token}
	if name, ok := strings.CutPrefix(o.token, "@"); ok {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("-token: %w", err)
		}
		if tokens = strings.Fields(string(text)); len(tokens) == 0 {
			return nil, fmt.Errorf("-token: %s has no token", name)
		}
	}
	return func(n int) map[string]any { return map[string]any{"token": tokens[n%len(tokens)]} }, nil
}

func run(ctx context.Context, args []string, out, status io.Writer) error {
	o, err := parse(args, status)
	if err != nil {
		return err
	}
	terminal := logging.IsTerminal(status)
	r, err := load.Run(ctx, o.load, target, load.Progress(status, terminal))
	if err != nil {
		return err
	}
	if terminal {
		fmt.Fprintln(status)
	}
	if err := o.write(r, out); err != nil {
		return err
	}
	broken := r.Broken()
	for _, l := range o.limits {
		if how := l.Check(r); how != "" {
			broken = append(broken, how)
		}
	}
	if len(broken) > 0 {
		return errors.New(strings.Join(broken, "; "))
	}
	return nil
}

func (o options) write(r *load.Result, out io.Writer) error {
	if o.html != "" {
		f, err := os.Create(o.html)
		if err != nil {
			return err
		}
		if err := errors.Join(r.Report(f), f.Close()); err != nil {
			return fmt.Errorf("write %s: %w", o.html, err)
		}
	}
	if !o.json {
		_, err := io.WriteString(out, r.String())
		return err
	}
	b, err := r.JSON()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", b)
	return err
}
