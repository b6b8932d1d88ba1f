package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/testenv"
)

// executed runs one command, without Redis, and returns its answer and the log.
func executed(t *testing.T, replyTo string, serve func(context.Context) error, chain ...message.HandlerMiddleware) (answer []*message.Message, log string) {
	t.Helper()
	declared := contract.Command[contract.None, contract.None]{
		Namespace: contract.Namespace{Name: "/x", Doc: "X."}, Event: "e", Operation: "x.e", Doc: "E.", Timeout: 20 * time.Millisecond,
	}
	route := declared.Handle(func(ctx context.Context, _ contract.None) (contract.None, []contract.Effect, error) {
		return contract.None{}, nil, serve(ctx)
	})
	answer, _, log = executedBy(t, replyTo, []contract.Route{route}, chain...)
	return answer, log
}

// executedBy runs the command where these use cases are.
func executedBy(t *testing.T, replyTo string, routes []contract.Route, chain ...message.HandlerMiddleware) (answer []*message.Message, dead *message.Message, log string) {
	t.Helper()
	var out strings.Builder
	l := &Lanes{cfg: Config{Partitions: 1, CommandTimeout: time.Minute, MaxOutput: 1000}, log: slog.New(slog.NewTextHandler(&out, nil)), metrics: metrics.New()}
	w := NewWorker(l, NewHandlers(contract.NewCatalog(routes), chain...))
	sent := &Command{ID: "some-id", Operation: "x.e", Input: []byte("{}"), replyTo: replyTo}
	e := entry{id: fmt.Sprintf("%d-0", time.Now().UnixMilli()), uuid: sent.ID, metadata: string(sent.encoded()), payload: sent.Input}
	c, err := parseCommand(e)
	if err != nil {
		t.Fatal(err)
	}
	j := &job{p: newPartition(0), entry: e, command: c}
	answer = w.execute(j)
	return answer, j.dead, out.String()
}

// While nodes are replaced by those of another version, a command may come to one that does
// not know it. Its caller tries again, so nobody is to replay it; what nobody waits for is kept.
func TestACommandOfAnotherVersion(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ replyTo, answers string }{
		"somebody waits": {"gateway", `"code":"unavailable"`},
		"nobody waits":   {"", ""},
	} {
		answer, dead, log := executedBy(t, tc.replyTo, nil)
		var told strings.Builder
		for _, m := range answer {
			told.Write(m.Payload)
		}
		if !strings.Contains(told.String(), tc.answers) || (dead == nil) != (tc.replyTo != "") || !strings.Contains(log, "another version") {
			t.Errorf("%s: answer %s, dead letter %v, log %q", name, &told, dead, log)
		}
	}
}

func TestWhatNobodyIsToldIsLogged(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		serve func(context.Context) error
		log   string
	}{
		"timeout it declares": {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "timeout: "},
		"fault":               {func(context.Context) error { return fault.New(fault.Conflict, "it is taken") }, "it is taken"},
		"accident":            {func(context.Context) error { return errors.New("the disk is full") }, "the disk is full"},
		"result":              {func(context.Context) error { return nil }, ""},
	} {
		answer, log := executed(t, "", tc.serve)
		wanted := tc.log == "" && log == "" ||
			strings.Count(log, "\n") == 1 && strings.Contains(log, "level=ERROR") && strings.Contains(log, "some-id") && strings.Contains(log, tc.log)
		if len(answer) != 0 || !wanted {
			t.Errorf("%s: %d answers, log %q", name, len(answer), log)
		}
	}
}

func TestMiddlewareCannotKeepTheAnswerBack(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]message.HandlerMiddleware{
		"panics": func(message.HandlerFunc) message.HandlerFunc {
			return func(*message.Message) ([]*message.Message, error) { panic("oh") }
		},
		"drops": func(message.HandlerFunc) message.HandlerFunc {
			return func(*message.Message) ([]*message.Message, error) { return nil, nil }
		},
	} {
		answer, log := executed(t, "gateway", func(context.Context) error { return nil }, broken)
		if len(answer) != 1 || answer[0].Metadata[metaCode] != string(fault.Internal) || !strings.Contains(log, "some-id") {
			t.Errorf("%s: %v, log %q", name, answer, log)
		}
	}
}

func TestAFailedStartKeepsNoPartition(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	rdb := testenv.Client(t, url)
	if err := rdb.Set(t.Context(), ownerKey(7), "no hash", 0).Err(); err != nil {
		t.Fatal(err)
	}
	l, err := NewLanes(Config{Node: "n"}, testenv.Client(t, url), testenv.Client(t, url), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := NewWorker(l, NewHandlers(contract.NewCatalog(nil))).Start(t.Context()); err == nil || !strings.Contains(err.Error(), fmt.Sprint("partition ", 7)) {
		t.Errorf("Start: %v", err)
	}
	if until := rdb.HGet(t.Context(), ownerKey(0), "until").Val(); until != "" {
		t.Errorf("it keeps a partition until %s", until)
	}
	if n := rdb.ZCard(t.Context(), workersKey).Val(); n != 0 {
		t.Errorf("%d workers are left", n)
	}
}
