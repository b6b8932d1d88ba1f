package rawio_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"

	"github.com/example/switchyard/internal/rawio"
	"github.com/example/switchyard/internal/testenv"
)

// A wrapped connection does what every net.Conn does.
func TestConn(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			nettest.TestConn(t, func() (a, b net.Conn, stop func(), err error) {
				a, b = pipe(t, network)
				return rawio.Wrap(a), rawio.Wrap(b), func() { a.Close(); b.Close() }, nil
			})
		})
	}
}

// What is written arrives whole, also when it does not fit into what the system buffers.
func TestLongWrite(t *testing.T) {
	t.Parallel()
	a, b := pipe(t, "tcp")
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	written := make(chan error, 1)
	go func() {
		n, err := rawio.Wrap(a).Write(sent)
		if err == nil && n != len(sent) {
			err = io.ErrShortWrite
		}
		written <- errors.Join(err, a.Close())
	}()
	got, err := io.ReadAll(rawio.Wrap(b))
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes of %d, %v", len(got), len(sent), err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestErrorsSayWhatFailed(t *testing.T) {
	t.Parallel()
	a, b := pipe(t, "tcp")
	if err := b.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	b.Close() // resets the connection
	_, err := rawio.Wrap(a).Read(make([]byte, 1))
	if !errors.Is(err, syscall.ECONNRESET) || !strings.Contains(err.Error(), b.LocalAddr().String()) {
		t.Errorf("after a reset: %v", err)
	}
	a, _ = pipe(t, "tcp")
	if err := a.SetDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	for _, op := range []func(net.Conn) error{
		func(c net.Conn) error { _, err := c.Read(make([]byte, 1)); return err },
		func(c net.Conn) error { _, err := c.Write(make([]byte, 1)); return err },
	} {
		if want, got := op(a), op(rawio.Wrap(a)); got.Error() != want.Error() {
			t.Errorf("after the deadline: %v instead of %v", got, want)
		}
	}
	if n, err := rawio.Wrap(a).Read(nil); n != 0 || err != nil {
		t.Errorf("a read of nothing: %d, %v", n, err)
	}
	a.Close()
	if _, err := rawio.Wrap(a).Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after closing: %v", err)
	}
}

// go-redis looks before each use whether a connection is still open.
func TestWhoLooksSeesOnlyWhatThereIs(t *testing.T) {
	t.Parallel()
	a, b := pipe(t, "tcp")
	c := rawio.Wrap(a)
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	seen := func() (n int) {
		t.Helper()
		if err := raw.Read(func(uintptr) bool { n++; return true }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if _, err := b.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	testenv.WaitFor(t, 5*time.Second, "what has come to be seen", func() bool { return seen() == 1 })
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	b.Close()
	testenv.WaitFor(t, 5*time.Second, "the end to be seen", func() bool { return seen() == 1 })
}

func TestWrapLeavesWhatIsNoSocket(t *testing.T) {
	t.Parallel()
	a, _ := pipe(t, "tcp")
	for _, c := range []net.Conn{tls.Client(a, &tls.Config{ServerName: "h"}), struct{ *net.TCPConn }{a.(*net.TCPConn)}, &net.UDPConn{}, &net.TCPConn{}} {
		if rawio.Wrap(c) != c {
			t.Errorf("%T was wrapped", c)
		}
	}
}

// The first who uses it may be in a bubble.
func TestInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe(t, "tcp")
		if _, err := rawio.Wrap(b).Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := rawio.Wrap(a).Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	})
}

// What one end writes comes after what was done before at the other: the race detector
// sees that.
func TestRaces(t *testing.T) {
	t.Parallel()
	a, b := pipe(t, "tcp")
	shared := 0
	heard := make(chan int)
	go func() {
		_, err := rawio.Wrap(b).Read(make([]byte, 1))
		if err != nil {
			t.Error(err)
		}
		heard <- shared
	}()
	shared = 1
	if _, err := a.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; got != 1 {
		t.Errorf("%d instead of 1", got)
	}
}

// pipe is both ends of a connection.
func pipe(t *testing.T, network string) (a, b net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}
