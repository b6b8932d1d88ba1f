package broker

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/testenv"
)

// A gatewayAlone is a gateway whose beats and writes the test makes.
type gatewayAlone struct {
	*Gateway
	t   *testing.T
	now time.Time
}

func newGatewayAlone(t *testing.T, url, name string) *gatewayAlone {
	t.Helper()
	l, err := NewLanes(Config{Node: name, Partitions: 4}, testenv.Client(t, url), testenv.Client(t, url), slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	g := &gatewayAlone{Gateway: NewGateway(l), t: t, now: time.Now()}
	g.census.clock = func() time.Time { return g.now }
	g.beat()
	return g
}

// beat beats in another millisecond than whoever did before: two in one are one for those
// who watch.
func (g *gatewayAlone) beat() {
	g.t.Helper()
	testenv.NextMillisecond(g.t, g.rdb)
	if err := g.census.beat(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
}

// watch beats for a while, by its own clock.
func (g *gatewayAlone) watch(d time.Duration) {
	g.t.Helper()
	for end := g.now.Add(d); g.now.Before(end); {
		g.now = g.now.Add(time.Second)
		g.beat()
	}
}

func (g *gatewayAlone) write() {
	g.t.Helper()
	for more := true; more; {
		var err error
		if more, err = g.roster.write(context.Background()); err != nil {
			g.t.Fatal(err)
		}
	}
}

// writeUnanswered writes batches whose answers are lost.
func (g *gatewayAlone) writeUnanswered(runs []rosterRun) {
	g.t.Helper()
	for _, r := range runs {
		keys := []string{rosterKey(r.partition, r.life), commandStream(r.partition)}
		if err := rosterScript.Run(g.t.Context(), g.rdb, keys, r.args...).Err(); err != nil {
			g.t.Fatal(err)
		}
	}
}

// bury ends the lives that this gateway takes for dead.
func (g *gatewayAlone) bury() {
	g.t.Helper()
	if err := g.census.buryDead(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
}

func (g *gatewayAlone) enter(room string) Stay {
	g.t.Helper()
	s, err := g.Enter(&Command{Operation: "test.gone", Key: room, Caller: contract.Caller{UserID: "alice"}, Input: []byte(room + " lost")})
	if err != nil {
		g.t.Fatal(err)
	}
	return s
}

// submitted are the inputs of all commands in the backlogs.
func (g *gatewayAlone) submitted() []string {
	g.t.Helper()
	inputs := []string{}
	for p := range g.cfg.Partitions {
		all, err := g.rdb.XRange(g.t.Context(), commandStream(p), "-", "+").Result()
		if err != nil {
			g.t.Fatal(err)
		}
		for _, m := range all {
			text := func(name string) string { s, _ := m.Values[name].(string); return s }
			c, err := parseCommand(entry{id: m.ID, uuid: text(fieldUUID), metadata: text(fieldMetadata), payload: []byte(text(fieldPayload))})
			if err != nil || c.Caller.UserID != "alice" || c.Operation != "test.gone" || g.partition(c.lane()) != p {
				g.t.Errorf("submitted %+v: %v", c, err)
				continue
			}
			inputs = append(inputs, string(c.Input))
		}
	}
	slices.Sort(inputs)
	return inputs
}

func (g *gatewayAlone) want(inputs ...string) {
	g.t.Helper()
	slices.Sort(inputs)
	if got := g.submitted(); !slices.Equal(got, inputs) {
		g.t.Errorf("submitted %q, want %q", got, inputs)
	}
}
