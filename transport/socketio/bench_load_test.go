package socketio_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/transport/socketio"
)

// BenchmarkLoad is a node under clients that each keep some commands in flight. The
// clients, and what stands for the lanes far away, are another process: cpu-ns is the
// server's alone.
func BenchmarkLoad(b *testing.B) {
	for _, shape := range []struct{ clients, each int }{{50, 1}, {50, 16}} {
		b.Run(fmt.Sprintf("clients=%d/each=%d", shape.clients, shape.each), func(b *testing.B) {
			hop, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer hop.Close()
			lanes := &farLanes{wake: make(chan struct{}, 1)}
			g, web := benchServer(b, lanes)
			lanes.gateway = g
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d %d %d", loadEnv, web.Listener.Addr(), hop.Addr(), shape.clients, shape.each, b.N))
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				b.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				b.Fatal(err)
			}
			far, err := hop.Accept()
			if err != nil {
				b.Fatal(err)
			}
			go lanes.publish(far)
			go lanes.follow(far)
			ready := make([]byte, 1)
			if _, err := io.ReadFull(out, ready); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			measured(b, func() {
				if _, err := far.Write(make([]byte, 8)); err != nil { // go
					b.Fatal(err)
				}
				if _, err := io.ReadFull(out, ready); err != nil {
					b.Fatal(err)
				}
			})
			b.ReportMetric(float64(lanes.answered.Load())/float64(lanes.reads.Load()), "answers/read")
			far.Close()
			if err := cmd.Wait(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// farLanes answer a command after a round trip, those that come meanwhile together.
type farLanes struct {
	gateway         *socketio.Gateway
	wake            chan struct{}
	mu              sync.Mutex
	waiting         []func(broker.Reply)
	unsent          uint64
	answered, reads atomic.Int64
}

func (l *farLanes) Enter(c *broker.Command) (broker.Stay, error) {
	return &fakeStay{&fakeLanes{}, c}, nil
}

func (l *farLanes) Submit(_ *broker.Command, done func(broker.Reply)) {
	l.mu.Lock()
	l.waiting = append(l.waiting, done)
	l.unsent++
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *farLanes) publish(far net.Conn) {
	for range l.wake {
		l.mu.Lock()
		n := l.unsent
		l.unsent = 0
		l.mu.Unlock()
		if _, err := far.Write(binary.BigEndian.AppendUint64(nil, n)); err != nil {
			return
		}
	}
}

func (l *farLanes) follow(far net.Conn) {
	buf := make([]byte, 8*1024)
	for {
		n, err := io.ReadAtLeast(far, buf, 8)
		if err != nil {
			return
		}
		var total uint64
		for i := 0; i+8 <= n; i += 8 {
			total += binary.BigEndian.Uint64(buf[i:])
		}
		l.mu.Lock()
		due := l.waiting[:total:total]
		l.waiting = slices.Clone(l.waiting[total:])
		l.mu.Unlock()
		l.gateway.Hold()
		for _, done := range due {
			done(benchReply)
		}
		l.gateway.Release()
		l.answered.Add(int64(total))
		l.reads.Add(1)
	}
}

func benchServer(b *testing.B, lanes socketio.Lanes) (*socketio.Gateway, *httptest.Server) {
	b.Helper()
	g := newBenchGateway(b, lanes)
	web := httptest.NewServer(g)
	b.Cleanup(web.Close)
	return g, web
}

const loadEnv = "SWITCHYARD_BENCH_LOAD" // addresses, clients, in flight, commands: in the other process

func TestMain(m *testing.M) {
	if plan := os.Getenv(loadEnv); plan != "" {
		if err := load(plan); err != nil {
			fmt.Fprintln(os.Stderr, "load:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// load is the other process.
func load(plan string) error {
	var server, hop string
	var clients, each, total int
	if _, err := fmt.Sscan(plan, &server, &hop, &clients, &each, &total); err != nil {
		return err
	}
	conns := make([]net.Conn, clients)
	for i := range conns {
		var err error
		if conns[i], err = dialLoad(server, fmt.Sprint("user", i)); err != nil {
			return err
		}
	}
	far, err := net.Dial("tcp", hop)
	if err != nil {
		return err
	}
	fmt.Print("r")
	if _, err := io.ReadFull(far, make([]byte, 8)); err != nil {
		return err
	}
	go func() { _, _ = io.Copy(far, far) }()
	left := atomic.Int64{}
	left.Store(int64(total))
	var all sync.WaitGroup
	for _, c := range conns {
		all.Go(func() { loop(c, each, &left) })
	}
	all.Wait()
	fmt.Print("d")
	_, _ = io.Copy(io.Discard, far)
	return nil
}

// loop keeps commands in flight until none is left.
func loop(c net.Conn, each int, left *atomic.Int64) {
	frame := masked(commandText)
	size := len(`43/board,117[]`) + len(benchReply.Body) + 2
	buf := make([]byte, 64<<10)
	sent, got := 0, 0
	send := func() {
		if left.Add(-1) >= 0 {
			sent++
			_, _ = c.Write(frame) // each on its own, as clients do
		}
	}
	for range each {
		send()
	}
	for answered := 0; answered < sent; {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		got += n
		for ; answered < got/size; answered++ {
			send()
		}
	}
}

func dialLoad(address, user string) (net.Conn, error) {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	conn, err := net.Dial(network, address)
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	until := func(text string) {
		one := make([]byte, 1)
		for got := []byte{}; err == nil && !bytes.HasSuffix(got, []byte(text)); {
			_, err = conn.Read(one)
			got = append(got, one...)
		}
	}
	until(`1000000}`) // the open packet
	if err == nil {
		_, err = conn.Write(masked(`40/board,{"user":"` + user + `"}`))
	}
	until(`40/board,{`)
	until(`}`)
	if err != nil {
		_ = conn.Close()
	}
	return conn, err
}
