package sockets_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/engineio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// These tests put the figures of the socket layer's promises to the test. They take
// the machine for themselves, one after the other: none is parallel.

// arena starts a server with "/" alone, for bare clients.
func arena(t *testing.T, cfg engineio.Config, h sockets.Handler) (*sockets.Server, string) {
	t.Helper()
	cfg.Log = quietLog
	srv := sockets.New(sockets.Config{Engine: cfg}, []string{"/"}, h)
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", srv)
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	t.Cleanup(func() { srv.Shutdown(t.Context()) })
	return srv, strings.TrimPrefix(web.URL, "http://")
}

// heap is what is in use after a collection, in bytes.
func heap() int {
	var m runtime.MemStats
	for range 2 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestSoak(t *testing.T) {
	srv, address := arena(t, engineio.Config{}, benchHandler{})
	cycles := func(n int) {
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				for k := range n / 50 {
					c, err := dialBare(address)
					if err != nil {
						t.Error(err)
						return
					}
					switch (i + k) % 3 { // each of the ways in which clients go
					case 0:
						_, err = c.Write(masked("41"))
					case 1:
						_, err = c.Write(masked("1"))
					}
					if err != nil {
						t.Error(err)
					}
					_ = c.Close()
				}
			})
		}
		all.Wait()
		testenv.WaitFor(t, rawsio.Patience, "all to end", func() bool { return srv.Connections() == 0 })
	}
	cycles(500) // what is made once
	goroutines, before := settled(t, 0), heap()
	cycles(5000)
	settled(t, goroutines+10)
	if grown := heap() - before; grown > 2<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	if n := len(srv.Find("/", sockets.Audience{Everyone: true})); n != 0 {
		t.Errorf("%d sockets are left", n)
	}
}

// settled waits until no more than most goroutines run, or, with 0, until their
// number does not change, and returns it.
func settled(t *testing.T, most int) int {
	t.Helper()
	last := -1
	testenv.WaitFor(t, 3*rawsio.Patience, fmt.Sprintf("at most %d goroutines", most), func() bool {
		n := runtime.NumGoroutine()
		same := n == last
		last = n
		return n <= most || most == 0 && same
	})
	return last
}

// orderly checks that the events of its sockets come as 0, 1, 2...
type orderly struct {
	benchHandler
	next, wrong atomic.Int64
}

func (h *orderly) Event(_ *sockets.Socket, e sockets.Event) {
	if n := h.next.Add(1) - 1; string(e.Args[0]) != fmt.Sprint(n) {
		h.wrong.Add(1)
	}
}

func TestTenThousandEventsInOrder(t *testing.T) {
	const n = 10_000
	for name, client := range map[string]func(url string) (c *rawsio.Client, half func()){
		"websocket": func(url string) (*rawsio.Client, func()) { return rawsio.Dial(t, url), func() {} },
		"polling":   func(url string) (*rawsio.Client, func()) { return rawsio.Poll(t, url).Client, func() {} },
		"upgraded": func(url string) (*rawsio.Client, func()) {
			s := rawsio.Poll(t, url)
			return s.Client, s.Upgrade // after half of the events
		},
	} {
		h := &orderly{}
		srv, address := arena(t, engineio.Config{}, h)
		c, half := client("http://" + address)
		sid := c.Connect("/", "")
		for i := range n {
			c.Send(fmt.Sprintf(`42["n",%d]`, i))
			srv.Broadcast("/", sockets.Audience{Sockets: []string{sid}}, "n", sockets.JSON(json.RawMessage(fmt.Sprint(i))), false)
			if i == n/2 {
				half()
			}
			if i%500 == 499 { // within the bound of the queue
				testenv.WaitFor(t, rawsio.Patience, "what was sent", func() bool { return len(c.Events()) == i+1 })
			}
		}
		testenv.WaitFor(t, rawsio.Patience, "all events", func() bool { return h.next.Load() == n })
		if h.wrong.Load() != 0 {
			t.Errorf("%s: %d of %d events out of order", name, h.wrong.Load(), n)
		}
		for i, e := range c.Events() {
			if string(e.Payload) != fmt.Sprint(i) {
				t.Fatalf("%s: what was sent as %d is %s", name, i, e.Payload)
			}
		}
		c.Close()
	}
}

func TestBurstOf400To50Sockets(t *testing.T) {
	srv, address := arena(t, engineio.Config{}, benchHandler{})
	const emits = 400
	var clients []*bare
	for range 50 {
		c, err := dialBare(address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		clients = append(clients, c)
	}
	for i := range emits {
		srv.Broadcast("/", sockets.Audience{Everyone: true}, "n", sockets.JSON(json.RawMessage(fmt.Sprint(i))), false)
	}
	for _, c := range clients {
		for i := range emits {
			if b, err := c.frame(); err != nil || string(b) != fmt.Sprintf(`42["n",%d]`, i) {
				t.Fatalf("emit %d came as %q (%v)", i, b, err)
			}
		}
	}
}

// Clients whose first event is in the packet after CONNECT.
func TestFastConnects(t *testing.T) {
	_, address := arena(t, engineio.Config{}, benchHandler{})
	const n = 8000
	var all sync.WaitGroup
	var failed atomic.Int64
	for range 50 {
		all.Go(func() {
			for range n / 50 {
				if err := fast(address); err != nil && failed.Add(1) < 10 {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d of %d failed", failed.Load(), n)
	}
}

func fast(address string) error {
	c, err := dialBareWith(address, "40", `421["ack",7]`)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(3 * rawsio.Patience)); err != nil {
		return err
	}
	b, err := c.frame()
	if err == nil && string(b) != `431[7]` {
		err = fmt.Errorf("acknowledged with %q", b)
	}
	return err
}

// Clients that never read are cut, cost little until then, and slow nobody down.
func TestDeafClients(t *testing.T) {
	srv, address := arena(t, engineio.Config{QueueMessages: 256, QueueBytes: 1 << 20, PingInterval: time.Hour}, benchHandler{}) // nobody answers pings
	witness, err := dialBare(address)
	if err != nil {
		t.Fatal(err)
	}
	defer witness.Close()
	payload := json.RawMessage(`"` + strings.Repeat("x", 10_000) + `"`)
	broadcasts := func(rounds int) (latencies []time.Duration) {
		for range rounds {
			began := time.Now()
			srv.Broadcast("/", sockets.Audience{Everyone: true}, "n", sockets.JSON(payload), false)
			if _, err := witness.frame(); err != nil {
				t.Fatal(err)
			}
			latencies = append(latencies, time.Since(began))
		}
		return latencies
	}
	crowd := func() (all []*bare) {
		for range 100 {
			c, err := dialBare(address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			all = append(all, c)
		}
		return all
	}
	listeners := crowd()
	for _, c := range listeners {
		go func() { _, _ = io.Copy(io.Discard, c) }()
	}
	before := heap()
	among := p99(broadcasts(500))
	for _, c := range listeners {
		_ = c.Close()
	}
	crowd() // and these never read
	var latencies []time.Duration
	most := 0
	for srv.SlowConsumers() < 100 {
		if len(latencies) == 10_000 {
			t.Fatalf("%d of 100 were cut", srv.SlowConsumers())
		}
		latencies = append(latencies, broadcasts(100)...)
		most = max(most, heap()-before)
	}
	t.Logf("p99 of a broadcast to 100 who listen %v, to 100 who do not %v; heap +%d KiB at most", among, p99(latencies), most>>10)
	if most > 100<<20 {
		t.Errorf("the heap grew by %d MiB", most>>20)
	}
	testenv.WaitFor(t, rawsio.Patience, "the deaf to go", func() bool { return srv.Connections() == 1 })
}

func p99(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)*99/100]
}
