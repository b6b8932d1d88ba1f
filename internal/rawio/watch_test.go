package rawio_test

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/example/switchyard/internal/rawio"
)

// childEnv names the address that a child process connects to.
const childEnv = "RAWIO_TEST_ADDRESS"

func TestMain(m *testing.M) {
	if address := os.Getenv(childEnv); address != "" {
		os.Exit(child(address))
	}
	os.Exit(m.Run())
}

// A process whose processors all compute still serves its sockets.
func TestWhoComputesHoldsUpNoSocket(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2", childEnv+"="+l.Addr().String())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(20 * computing)); err != nil { // it may have died
		t.Fatal(err)
	}
	var conns [2]net.Conn
	for i := range conns {
		if conns[i], err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		defer conns[i].Close()
	}
	orders, pings := conns[0], conns[1]
	for range 3 {
		time.Sleep(300 * time.Millisecond) // it has nothing to do, so that its monitor sleeps: nothing tells when that does
		send(t, orders, 'c')
		expect(t, orders, "bb")
		send(t, pings, 'p')
		expect(t, pings, "p")
		if err := orders.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := orders.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("the ping was answered when the computing was over (%v)", err)
		}
		expect(t, orders, "ee")
	}
}

const computing = 2 * time.Second

// child answers p with p. At c it computes on two processors, each of which says b at the
// beginning and e at the end.
func child(address string) int {
	var both sync.WaitGroup
	for range 2 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return 1
		}
		c := rawio.Wrap(conn)
		both.Go(func() {
			for order := make([]byte, 1); ; {
				if _, err := c.Read(order); err != nil {
					return
				}
				if order[0] == 'p' {
					_, _ = c.Write(order)
					continue
				}
				for range 2 {
					go func() {
						_, _ = c.Write([]byte("b"))
						for end := time.Now().Add(computing); time.Now().Before(end); {
						}
						_, _ = c.Write([]byte("e"))
					}()
				}
			}
		})
	}
	both.Wait()
	return 0
}

func send(t *testing.T, c net.Conn, order byte) {
	t.Helper()
	if _, err := c.Write([]byte{order}); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c net.Conn, want string) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * computing)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("%q instead of %q (%v)", got, want, err)
	}
}
