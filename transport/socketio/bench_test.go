package socketio_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// These benchmarks measure the way of a command from its bytes to the lanes, of a reply
// to its bytes, and of one event to many sockets, over sockets of this machine. They
// are for ratios within one run:
//
//	go test ./transport/socketio -run xxx -bench 'Command|Ack|Fanout' -count 6

// benchLanes counts commands, and keeps what answers them.
type benchLanes struct {
	submitted counter
	mu        sync.Mutex
	done      []func(broker.Reply)
	keep      bool
}

// A counter can be waited for.
type counter struct {
	n, wanted atomic.Int64
	reached   chan struct{}
}

func newCounter() counter { return counter{reached: make(chan struct{}, 1)} }

func (c *counter) add(n int) {
	if now := c.n.Add(int64(n)); now >= c.wanted.Load() && now-int64(n) < c.wanted.Load() {
		c.reached <- struct{}{}
	}
}

// expect says what await waits for: n more than the last time.
func (c *counter) expect(n int) { c.wanted.Add(int64(n)) }
func (c *counter) await()       { <-c.reached }

func (l *benchLanes) Submit(_ *broker.Command, done func(broker.Reply)) {
	if l.keep {
		l.mu.Lock()
		l.done = append(l.done, done)
		l.mu.Unlock()
	}
	l.submitted.add(1)
}

func (l *benchLanes) Enter(c *broker.Command) (broker.Stay, error) {
	return &fakeStay{&fakeLanes{}, c}, nil
}

// commandText is one event with an acknowledgement, as clients send it.
const commandText = `42/board,117["write",{"board":"lobby","line":12345,"text":"The quick brown fox jumps over the lazy dog"}]`

func newBenchGateway(b *testing.B, lanes socketio.Lanes) *socketio.Gateway {
	b.Helper()
	c, err := schema.Compile(contract.NewCatalog(routes()))
	if err != nil {
		b.Fatal(err)
	}
	limits := sockets.Config{EventRate: int(time.Second), EventsOpen: 1 << 30} // counted, and never reached
	return socketio.New(c, lanes, auth.New(auth.Config{Mode: auth.None}), cors.Policy{}, limits, metrics.New(), slog.New(slog.DiscardHandler))
}

func benchGateway(b *testing.B, lanes socketio.Lanes) (g *socketio.Gateway, address string) {
	b.Helper()
	g = newBenchGateway(b, lanes)
	l, err := net.Listen("unix", filepath.Join(b.TempDir(), "s"))
	if err != nil {
		b.Fatal(err)
	}
	web := httptest.NewUnstartedServer(g)
	web.Listener.Close()
	web.Listener = l
	web.Start()
	b.Cleanup(web.Close)
	return g, l.Addr().String()
}

// A benchClient has joined /board. It counts the bytes that come from then on.
type benchClient struct {
	net.Conn
	got counter
}

func dialBench(b *testing.B, address, user string) *benchClient {
	b.Helper()
	conn, err := dialLoad(address, user)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	c := &benchClient{conn, newCounter()}
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buf)
			c.got.add(n)
			if err != nil {
				return
			}
		}
	}()
	return c
}

// masked is a client's text frame.
func masked(text string) []byte { return rawsio.Frame(0x81, text) }

// BenchmarkCommand is the way of a command from its bytes to the lanes.
func BenchmarkCommand(b *testing.B) {
	for _, burst := range []int{1, 16} {
		b.Run(fmt.Sprintf("burst=%d", burst), func(b *testing.B) {
			lanes := &benchLanes{submitted: newCounter()}
			_, address := benchGateway(b, lanes)
			c := dialBench(b, address, "alice")
			frames := []byte(strings.Repeat(string(masked(commandText)), burst))
			b.ReportAllocs()
			measured(b, func() {
				for sent := 0; sent < b.N; sent += burst {
					lanes.submitted.expect(burst)
					if _, err := c.Write(frames); err != nil {
						b.Fatal(err)
					}
					lanes.submitted.await()
				}
			})
		})
	}
}

var benchReply = broker.Reply{Body: []byte(`{"id":"1766345678901-12","room":"lobby","at":"2026-11-21T18:00:00.123456789Z"}`)}

// BenchmarkAck is the way of a reply to its bytes, for replies that come together.
func BenchmarkAck(b *testing.B) {
	for _, shape := range []struct{ clients, each int }{{1, 1}, {1, 16}, {50, 16}} {
		b.Run(fmt.Sprintf("clients=%d/each=%d", shape.clients, shape.each), func(b *testing.B) {
			lanes := &benchLanes{submitted: newCounter(), keep: true}
			g, address := benchGateway(b, lanes)
			clients := make([]*benchClient, shape.clients)
			lanes.submitted.expect(len(clients))
			for i := range clients {
				clients[i] = dialBench(b, address, fmt.Sprint("user", i))
				if _, err := clients[i].Write(masked(commandText)); err != nil {
					b.Fatal(err)
				}
			}
			lanes.submitted.await()
			size := len(`43/board,117[]`) + len(benchReply.Body) + 2
			b.ReportAllocs()
			rounds := (b.N + shape.clients*shape.each - 1) / (shape.clients * shape.each)
			measured(b, func() {
				for range rounds {
					expect(clients, shape.each*size)
					g.Hold()
					for range shape.each {
						for _, answer := range lanes.done {
							answer(benchReply)
						}
					}
					g.Release()
					await(clients)
				}
			})
		})
	}
}

func expect(clients []*benchClient, bytes int) {
	for _, c := range clients {
		c.got.expect(bytes)
	}
}

func await(clients []*benchClient) {
	for _, c := range clients {
		c.got.await()
	}
}

// BenchmarkFanout is the way of one event to the sockets of a room.
func BenchmarkFanout(b *testing.B) {
	for _, burst := range []int{1, 8} {
		b.Run(fmt.Sprintf("sockets=100/burst=%d", burst), func(b *testing.B) {
			g, address := benchGateway(b, &benchLanes{})
			clients := make([]*benchClient, 100)
			users := make([]string, len(clients))
			for i := range clients {
				users[i] = fmt.Sprint("user", i)
				clients[i] = dialBench(b, address, users[i])
			}
			g.Move("/board", emitter.Audience{Users: users}, []string{"lobby"}, false)
			e := emitter.Emission{
				Namespace: "/board", Event: "message.posted", To: emitter.Audience{Rooms: []string{"lobby"}},
				Payload: json.RawMessage(`{"id":"1766345678901-12","room":"lobby","from":"alice","text":"The quick brown fox jumps over the lazy dog"}`),
			}
			size := len(`42/board,["message.posted",]`) + 4 + len(e.Payload)
			b.ReportAllocs()
			measured(b, func() {
				for sent := 0; sent < b.N; sent += burst {
					expect(clients, burst*size)
					g.Hold()
					for range burst {
						g.Emit(e)
					}
					g.Release()
					await(clients)
				}
			})
		})
	}
}
