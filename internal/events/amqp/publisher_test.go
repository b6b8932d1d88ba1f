package amqp

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

func open(t *testing.T, url string) *Bus {
	t.Helper()
	b, err := Open(url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ctl runs rabbitmqctl in the container of a broker.
func ctl(t *testing.T, broker string, args ...string) {
	t.Helper()
	u, err := url.Parse(broker)
	if err != nil {
		t.Fatal(err)
	}
	all, err := exec.Command("docker", "ps", "--format", "{{.ID}} {{.Ports}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	var id string
	for line := range strings.Lines(string(all)) { // over IPv6 another container may have that port
		if strings.Contains(line, "0.0.0.0:"+u.Port()+"->5672/tcp") {
			id, _, _ = strings.Cut(line, " ")
		}
	}
	args = append([]string{"exec", id, "rabbitmqctl"}, args...)
	if out, err := exec.Command("docker", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// within fails the test when f takes longer.
func within(t *testing.T, d time.Duration, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(d + testenv.Late):
		t.Fatalf("%s has not ended within %v", what, d+testenv.Late)
	}
}

func small() *message.Message { return message.NewMessage("small", []byte("{}")) }

func TestPublish(t *testing.T) {
	t.Parallel()
	url := testenv.RabbitMQ(t)
	t.Run("too large", func(t *testing.T) { tooLarge(t, url) })
	t.Run("comes back", func(t *testing.T) { comesBack(t, url) })
	t.Run("frozen", func(t *testing.T) { frozen(t, url) })
	t.Run("an alarm", func(t *testing.T) { anAlarm(t, url) })
}

// A broker with an alarm takes nothing from who publishes, and answers nothing.
func anAlarm(t *testing.T, url string) {
	b, other := open(t, url), open(t, url)
	if err := errors.Join(b.Publish("events", small()), other.Publish("events", small())); err != nil {
		t.Fatal(err)
	}
	ctl(t, url, "set_vm_memory_high_watermark", "absolute", "1")
	testenv.WaitFor(t, 30*time.Second, "Ping to tell of the alarm", func() bool {
		within(t, confirmTime, "Publish", func() { _ = b.Publish("events", small()) })
		return errors.Is(b.Ping(t.Context()), errAlarm)
	})
	within(t, confirmTime, "Publish", func() {
		if b.Publish("events", small()) == nil {
			t.Error("it was taken")
		}
	})
	within(t, confirmTime, "the first Publish", func() {
		if other.Publish("events", small()) == nil {
			t.Error("it was taken")
		}
	})
	within(t, 2*closeTime, "Close", other.Close)
	ctl(t, url, "set_vm_memory_high_watermark", "0.4")
	testenv.WaitFor(t, 10*time.Second, "the broker to take messages again", func() bool {
		return b.Publish("events", small()) == nil && b.Ping(t.Context()) == nil
	})
	within(t, 2*closeTime, "Close", b.Close)
}

// What the broker refuses for its size it refuses for ever, and what follows it takes.
func tooLarge(t *testing.T, url string) {
	ctl(t, url, "eval", "application:set_env(rabbit, max_message_size, 1000000), persistent_term:put(max_message_size, 1000000).")
	b := open(t, url)
	defer b.Close()
	for range 3 {
		if err := b.Publish("events", small()); err != nil {
			t.Error(err)
		}
		if err := b.Publish("events", message.NewMessage("large", make([]byte, 2000000))); !errors.Is(err, broker.ErrTooLarge) {
			t.Errorf("want ErrTooLarge, got: %v", err)
		}
	}
}

// The connection breaks again and again, while all partitions publish.
func comesBack(t *testing.T, url string) {
	b := open(t, url)
	var all sync.WaitGroup
	over := make(chan struct{})
	for p := range 16 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-over:
					return
				default:
					_ = b.Publish("events", message.NewMessage(fmt.Sprint(p, " ", n), []byte("{}")))
				}
			}
		})
	}
	for range 20 {
		b.publisher.link.Load().cut()
		testenv.WaitFor(t, 10*time.Second, "the broker to be back", func() bool { return b.Publish("events", small()) == nil })
	}
	close(over)
	within(t, confirmTime, "what is sent", all.Wait)
	testenv.WaitFor(t, 10*time.Second, "Ping to be well", func() bool { return b.Ping(t.Context()) == nil })
	within(t, 2*closeTime, "Close", b.Close)
}

// A broker that is frozen is left.
func frozen(t *testing.T, url string) {
	proxy, through := testenv.NewProxy(t, url)
	b := open(t, through)
	if err := b.Publish("events", small()); err != nil {
		t.Fatal(err)
	}
	proxy.BlackHole()
	within(t, confirmTime, "Publish", func() {
		if b.Publish("events", small()) == nil {
			t.Error("it was taken")
		}
	})
	within(t, 2*closeTime, "Close", b.Close)
}
