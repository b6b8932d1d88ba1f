package proxy_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/tests/faults/proxy"
)

const patience = 5 * time.Second

// An echo answers each line with itself.
type echo struct {
	address string
	lines   atomic.Int64
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	e := &echo{address: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for in := bufio.NewReader(c); ; {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					e.lines.Add(1)
					if _, err := io.WriteString(c, line); err != nil {
						return
					}
				}
			}()
		}
	}()
	return e
}

func start(t *testing.T) (*proxy.Proxy, *echo) {
	t.Helper()
	e := newEcho(t)
	p, err := proxy.New(e.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, e
}

type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, p *proxy.Proxy) *client {
	t.Helper()
	c, err := tryDial(t, p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tryDial(t *testing.T, p *proxy.Proxy) (*client, error) {
	c, err := net.DialTimeout("tcp", p.Address(), patience)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { c.Close() })
	return &client{t, c, bufio.NewReader(c)}, nil
}

func (c *client) send(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) hear(within time.Duration) (string, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	line, err := c.in.ReadString('\n')
	return strings.TrimSpace(line), err
}

// says fails the test unless a line comes back.
func (c *client) says(line string) {
	c.t.Helper()
	c.send(line)
	if got, err := c.hear(patience); err != nil || got != line {
		c.t.Fatalf("%q came back as %q, %v", line, got, err)
	}
}

// ended fails the test unless the connection breaks.
func (c *client) ended() {
	c.t.Helper()
	if got, err := c.hear(patience); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("the connection goes on: %q %v", got, err)
	}
}

func TestCutAndHeal(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	before := dial(t, p)
	before.says("a")
	p.Cut()
	before.ended()
	if c, err := tryDial(t, p); err == nil { // else it was reset before it was there
		c.ended()
	}
	p.Heal()
	dial(t, p).says("b")
}

func TestResetSparesNewConnections(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	before := dial(t, p)
	before.says("a")
	p.Reset()
	before.ended()
	dial(t, p).says("b")
}

func TestHoldKeepsConnectionsHalfOpen(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]proxy.Direction{"to server": proxy.ToServer, "to client": proxy.ToClient, "both": proxy.Both} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, e := start(t)
			c := dial(t, p)
			c.says("a")
			p.Hold(d)
			c.send("b")
			if got, err := c.hear(100 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("held back: %q %v", got, err)
			}
			if reached := e.lines.Load() == 2; reached != (d == proxy.ToClient) {
				t.Errorf("the line reached the server: %v", reached)
			}
			p.Heal()
			if got, err := c.hear(patience); err != nil || got != "b" {
				t.Errorf("after healing: %q %v", got, err)
			}
		})
	}
}

func TestHoldOpenSparesNewConnections(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	c := dial(t, p)
	c.says("a")
	p.HoldOpen(proxy.Both)
	c.send("b")
	dial(t, p).says("c")
	if got, err := c.hear(100 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("held back: %q %v", got, err)
	}
	p.Heal()
	if got, err := c.hear(patience); err != nil || got != "b" {
		t.Errorf("after healing: %q %v", got, err)
	}
}

func TestWhatWasHeldArrivesAfterItsSenderGaveUp(t *testing.T) {
	t.Parallel()
	p, e := start(t)
	c := dial(t, p)
	c.says("a")
	p.Hold(proxy.Both)
	c.send("b")
	c.conn.Close()
	p.Heal()
	testenv.WaitFor(t, patience, "what was sent before", func() bool { return e.lines.Load() == 2 })
}

func TestDelayIsOfTheRoundTripAndKeepsTheRate(t *testing.T) {
	t.Parallel()
	p, _ := start(t)
	c := dial(t, p)
	p.Delay(200 * time.Millisecond)
	begin := time.Now()
	c.says("a")
	if took := time.Since(begin); took < 200*time.Millisecond {
		t.Errorf("a round trip took %s", took)
	}
	begin = time.Now()
	for range 100 {
		c.send("b")
	}
	for range 100 {
		if _, err := c.hear(patience); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begin); took > 2*time.Second+testenv.Late { // one after the other would take 20 s
		t.Errorf("100 lines sent together took %s", took)
	}
}

func TestLoseAnswers(t *testing.T) {
	t.Parallel()
	p, e := start(t)
	p.LoseAnswers("XADD", 1)
	other, c := dial(t, p), dial(t, p)
	other.says("PING")
	c.send("XADD")
	c.ended()
	if n := e.lines.Load(); n != 2 || p.Lost() != 1 {
		t.Errorf("%d lines reached the server, %d answers were lost", n, p.Lost())
	}
	other.says("XADD")
}
