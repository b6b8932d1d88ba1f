package broker

import (
	"testing"
	"time"

	"github.com/example/switchyard/internal/fault"
)

func TestDrainWaitsUntilEveryAnswerIsHandedOver(t *testing.T) {
	t.Parallel()
	p := newPending(10)
	begun, release, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	add := func(id string, done func(Reply)) {
		if err := p.add(id, call{deadline: time.Now().Add(time.Minute), done: done}); err != nil {
			t.Fatal(err)
		}
	}
	add("slow", func(Reply) { close(begun); <-release })
	add("fast", func(Reply) {})
	empty := p.drain()
	go func() { p.resolve("slow", Reply{}); close(over) }()
	<-begun
	p.resolve("fast", Reply{})
	select {
	case <-empty:
		t.Error("drained under an answer that is being handed over")
	default:
	}
	close(release)
	<-over
	select {
	case <-empty:
	default:
		t.Error("not drained after the last answer")
	}
}

func TestCloseAnswersWhatWaits(t *testing.T) {
	t.Parallel()
	g := NewGateway(&Lanes{cfg: Config{InFlight: 10}})
	var got []Reply
	if err := g.pending.add("a", call{deadline: time.Now().Add(time.Hour), done: func(r Reply) { got = append(got, r) }}); err != nil {
		t.Fatal(err)
	}
	g.Close()
	if len(got) != 1 || got[0].Code != fault.Timeout || got[0].Late {
		t.Errorf("answers %+v", got)
	}
}
