package broker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
)

// A dialer makes connections that can go half open, each by itself.
type dialer struct {
	mu    sync.Mutex
	conns []*halfOpen
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns = append(d.conns, &halfOpen{Conn: c})
	return d.conns[len(d.conns)-1], nil
}

// A halfOpen connection keeps back what is written, and its end, until it arrives.
type halfOpen struct {
	net.Conn
	mu   sync.Mutex
	held bool
	late bytes.Buffer
}

func (c *halfOpen) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held {
		return c.late.Write(b)
	}
	return c.Conn.Write(b)
}

func (c *halfOpen) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held {
		return nil
	}
	return c.Conn.Close()
}

func (d *dialer) hold() (held []*halfOpen) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		c.mu.Lock()
		c.held = true
		c.mu.Unlock()
	}
	return d.conns
}

// arrive sends what was kept back and waits until the server has closed the connection,
// or has answered. Only what was published counts: over other connections a cluster's
// client asks for the nodes, now and then.
func (c *halfOpen) arrive(t *testing.T) bool {
	t.Helper()
	defer c.Conn.Close()
	c.mu.Lock()
	late := bytes.Clone(c.late.Bytes())
	c.mu.Unlock()
	if !bytes.Contains(late, []byte("XADD")) {
		return false
	}
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Conn.Write(late)
	if err == nil {
		n, err = c.Read(make([]byte, 1024))
	}
	t.Logf("what came late was answered with %d bytes, %v", n, err)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection that was given up is still open")
	}
	return true
}

// startCluster starts a Redis Cluster of one node.
func startCluster(t *testing.T) (address string) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		testenv.LeaveOut(t, "a Redis Cluster", "no redis-server on the PATH")
	}
	port := fmt.Sprint(testenv.FreePort(t))
	cmd := exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--cluster-enabled", "yes")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	address = "127.0.0.1:" + port
	c := testenv.Client(t, "redis://"+address)
	testenv.WaitFor(t, 20*time.Second, "redis-server to answer", func() bool { return c.Ping(t.Context()).Err() == nil })
	if err := c.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	testenv.WaitFor(t, 20*time.Second, "the cluster", func() bool {
		return strings.Contains(c.ClusterInfo(t.Context()).Val(), "cluster_state:ok")
	})
	return address
}
