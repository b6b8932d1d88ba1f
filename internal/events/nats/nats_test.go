package nats

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/testenv"
)

func open(t *testing.T, url string) *Bus {
	t.Helper()
	b, err := Open(url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func subscribe(t *testing.T, b *Bus) <-chan *message.Message {
	t.Helper()
	in, err := b.Subscribe(t.Context(), "events")
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// publish sends a message until the server has it.
func publish(t *testing.T, b *Bus, id string) {
	t.Helper()
	testenv.WaitFor(t, 10*time.Second, "the server to take "+id, func() bool {
		return b.Publish("events", message.NewMessage(id, nil)) == nil
	})
}

// A gateway closes while events flow: its context ends, nobody reads any more, and one waits.
func TestASubscriptionEndsWhileAMessageWaits(t *testing.T) {
	t.Parallel()
	b := open(t, testenv.NATS(t))
	publish(t, b, "0")
	others := b.conn.NumSubscriptions() // for answers to what is published
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		for range 100_000 { // so that what hangs on ctx hears of its end one well after the other
			_, done := context.WithCancel(ctx)
			defer done()
		}
		in, err := b.Subscribe(ctx, "events")
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"1", "2", "3"} {
			publish(t, b, id)
		}
		(<-in).Ack()
		cancel()
		testenv.WaitFor(t, 10*time.Second, "the subscription to end", func() bool { return b.conn.NumSubscriptions() == others })
		for range in { // until it is closed
		}
	}
}

// The stream is gone, as with a server whose disk is new: who hears subscribes again.
func TestASubscriptionEndsWithItsStream(t *testing.T) {
	t.Parallel()
	url := testenv.NATS(t)
	for what, again := range map[string]bool{"and stays away": false, "and is made again at once": true} {
		b := open(t, url)
		in := subscribe(t, b)
		for n := range 200 {
			publish(t, b, fmt.Sprint(n))
			m := <-in
			m.Ack()
		}
		if err := b.streams.DeleteStream("events"); err != nil {
			t.Fatal(err)
		}
		if again {
			b.forget("events")
			publish(t, b, "missed")
		}
		closed := func() bool {
			if again {
				publish(t, b, "later")
			}
			select {
			case m, open := <-in:
				if open {
					t.Errorf("%s: heard %s, after one was missed", what, m.UUID)
					m.Ack()
				}
				return true
			default:
				return false
			}
		}
		testenv.WaitFor(t, 20*time.Second, "the channel to be closed, when it is gone "+what, closed)
	}
}

// A server that is started anew knows nothing of the consumers it had.
func TestASubscriptionOutlivesItsConsumer(t *testing.T) {
	t.Parallel()
	b := open(t, testenv.NATS(t))
	in := subscribe(t, b)
	publish(t, b, "before")
	(<-in).Ack()
	for name := range b.streams.ConsumerNames("events") {
		if err := b.streams.DeleteConsumer("events", name); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, b, "after")
	select {
	case m := <-in:
		if m == nil || m.UUID != "after" {
			t.Errorf("heard %v", m)
		}
	case <-time.After(4*beat + testenv.Late):
		t.Error("nothing is heard")
	}
}

// The server refuses the login for a while: its users were changed, and changed back.
func TestALoginIsRefusedForAWhile(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	logins := make(chan int, 10)
	go func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			login(conn, n > 0 && n < 4)
			if n == 0 {
				conn.Close()
			}
			logins <- n
		}
	}()
	open(t, "nats://"+l.Addr().String())
	for {
		select {
		case n := <-logins:
			if n == 4 {
				return
			}
		case <-time.After(10 * time.Second):
			t.Fatal("it does not try again")
		}
	}
}

// login is what a server says to a client that connects.
func login(conn net.Conn, refuse bool) {
	fmt.Fprint(conn, `INFO {"max_payload":1048576,"headers":true,"proto":1}`+"\r\n")
	for in := bufio.NewScanner(conn); in.Scan(); {
		if strings.HasPrefix(in.Text(), "PING") {
			break
		}
	}
	if refuse {
		fmt.Fprint(conn, "-ERR 'Authorization Violation'\r\n")
		conn.Close()
		return
	}
	fmt.Fprint(conn, "PONG\r\n")
}
