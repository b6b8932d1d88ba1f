// Command yard is the operator's tool: it shows the lanes that are in Redis, replays or
// drops dead letters, and changes how many partitions there are. It needs no node. Start at
// commands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/redisconn"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

const usage = `usage: yard COMMAND [flags]

  lag                       backlog of each partition, and who owns it
  nodes                     the workers, and their partitions
  partitions                what each partition holds
  repartition N             change how many there are while no node runs
  dlq list [--limit N]      dead letters, the oldest of each partition first
  dlq show REF|ID           one of them, whole
  dlq replay REF|ID...      run them once more under their ids; or --all
  dlq drop REF|ID...        delete them; or --all
  tail cmd|evt|dlq          what comes to a lane from now on; --all: also what is there
  emit NAMESPACE EVENT --room R|--user U|--everyone JSON
                            an event from outside
  hash                      reads a password, and prints what ADMIN_UI_PASSWORD_HASH wants

Every other command takes --redis URL (else REDIS_URL is used) and --json.
`

// A command is one of the tool's, by one word or two. Its flags may stand before, between
// and after the arguments.
type command struct {
	name  string
	flags func(*flag.FlagSet, *yard)
	args  func(n int, y *yard) bool // tells whether so many make sense
	run   func(context.Context, *yard, []string) error
}

var commands = []command{
	{"lag", nil, exactly(0), lag},
	{"nodes", nil, exactly(0), nodes},
	{"partitions", nil, exactly(0), partitions},
	{"repartition", nil, exactly(1), repartition},
	{"dlq list", func(f *flag.FlagSet, y *yard) { f.IntVar(&y.limit, "limit", 100, "") }, exactly(0), dlqList},
	{"dlq show", nil, exactly(1), dlqShow},
	{"dlq replay", all, someOrAll, dlqReplay},
	{"dlq drop", all, someOrAll, dlqDrop},
	{"tail", all, exactly(1), tail},
	{"emit", func(f *flag.FlagSet, y *yard) {
		f.Var(&y.rooms, "room", "")
		f.Var(&y.users, "user", "")
		f.BoolVar(&y.everyone, "everyone", false, "")
	}, exactly(3), emit},
}

func all(f *flag.FlagSet, y *yard) { f.BoolVar(&y.all, "all", false, "") }

func exactly(want int) func(int, *yard) bool { return func(n int, _ *yard) bool { return n == want } }

func someOrAll(n int, y *yard) bool { return y.all == (n == 0) }

// A yard is one call of the tool.
type yard struct {
	*broker.Inspector
	rdb redis.UniversalClient
	out io.Writer

	redis        string
	json         bool
	all          bool
	limit        int
	rooms, users texts
	everyone     bool
}

// texts is a flag that may come several times.
type texts []string

func (t *texts) String() string     { return strings.Join(*t, " ") }
func (t *texts) Set(s string) error { *t = append(*t, s); return nil }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv("REDIS_URL"), os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, redisURL string, out, errs io.Writer) int {
	if len(args) > 0 && slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		return printed(fmt.Fprint(out, usage))
	}
	if slices.Equal(args, []string{"hash"}) {
		return hash(os.Stdin, out, errs, hashCost)
	}
	c, rest, ok := find(args)
	if !ok {
		fmt.Fprintf(errs, "yard: %q is no command\n\n%s", strings.Join(args[:min(len(args), 2)], " "), usage)
		return exitUsage
	}
	y := &yard{out: out}
	args, err := y.parse(c, rest, redisURL)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return printed(fmt.Fprint(out, usage))
	case err != nil:
		fmt.Fprintf(errs, "yard %s: %v\n\n%s", c.name, err, usage)
		return exitUsage
	case !c.args(len(args), y):
		fmt.Fprintf(errs, "yard %s: wrong number of arguments: %d\n\n%s", c.name, len(args), usage)
		return exitUsage
	}
	if err := y.do(ctx, c, args); err != nil {
		fmt.Fprintf(errs, "yard %s: %v\n", c.name, err)
		return exitFailed
	}
	return exitOK
}

// printed is the exit code of a command that only prints.
func printed(_ int, err error) int {
	if err != nil {
		return exitFailed
	}
	return exitOK
}

func find(args []string) (command, []string, bool) {
	for _, c := range commands {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			return c, args[len(words):], true
		}
	}
	return command{}, nil, false
}

// parse reads flags wherever they stand and returns the rest; what follows -- is none.
func (y *yard) parse(c command, args []string, redisURL string) (rest []string, err error) {
	f := flag.NewFlagSet(c.name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // run says it
	f.StringVar(&y.redis, "redis", redisURL, "")
	f.BoolVar(&y.json, "json", false, "")
	if c.flags != nil {
		c.flags(f, y)
	}
	for len(args) > 0 {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		if taken := len(args) - f.NArg(); taken > 0 && args[taken-1] == "--" {
			return append(rest, f.Args()...), nil
		}
		if args = f.Args(); len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return rest, nil
}

const patience = 10 * time.Second // for Redis to answer at first; a command then takes as long as it takes

func (y *yard) do(ctx context.Context, c command, args []string) error {
	if y.redis == "" {
		return errors.New("which Redis? Set REDIS_URL, or give --redis redis://host:6379/0")
	}
	begin, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rdb, err := redisconn.Connect(begin, y.redis)
	if err != nil {
		return err
	}
	defer func() { _ = rdb.Close() }()
	y.rdb = rdb
	// While the number of partitions is being changed there is no Inspector, and repartition,
	// which goes on with that, needs none.
	if y.Inspector, err = broker.Inspect(begin, rdb); err != nil && c.name != "repartition" {
		return err
	}
	return c.run(ctx, y, args)
}
