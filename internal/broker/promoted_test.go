package broker

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
)

// What a gateway and a relay have read from a master without a replica, they drop when
// the address leads to another one, although that one has a replica.
func TestStrictForgetsWhatOnlyTheOldMasterHad(t *testing.T) {
	t.Parallel()
	old := "redis://" + testenv.RedisServer(t, "STRICT=on")
	promoted := testenv.Replicated(t, "STRICT=on")
	proxy, url := testenv.NewProxy(t, old)
	l, err := NewLanes(Config{Node: "one", Partitions: 1, Strict: true}, testenv.Client(t, url), testenv.Client(t, url), slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	g, heard, bus := NewGateway(l), &listener{}, &fakeBus{}
	if err := g.Start(t.Context(), heard.handle, heard.announce); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	r := NewRelay(l, "fake", bus)
	r.Start()
	t.Cleanup(r.Close)

	before := testenv.Client(t, old)
	add(t, before, 1, `"lost"`)
	testenv.WaitFor(t, 20*time.Second, "both to wait for a replica", func() bool {
		return strings.Count(before.ClientList(t.Context()).Val(), " cmd=wait ") == 2
	})
	proxy.Turn(t, promoted.URL)
	proxy.BlackHole() // the end of the old one is not told either
	add(t, testenv.Client(t, promoted.URL), 1, `"kept"`)
	heard.wait(t, `"kept"`)
	testenv.WaitFor(t, 20*time.Second, "the relay", func() (sent bool) {
		bus.set(func() { sent = len(bus.sent) > 0 })
		return sent
	})
	bus.set(func() {
		if !slices.Equal(bus.sent, []string{`"kept"`}) {
			t.Errorf("the relay has sent %v", bus.sent)
		}
	})
}
