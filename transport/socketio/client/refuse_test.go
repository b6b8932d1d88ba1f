package client

import (
	"context"
	"errors"
	"testing"

	"github.com/example/switchyard/internal/contract"
)

// Questions that are one too many neither hold up who reads nor add up without bound, when
// the server takes no answers.
func TestRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	const most = 100
	o := defaults()
	o.events = most
	l, err := newLink("http://localhost", o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.cancel()
	c, k := newClient(l, "/hall", o), newConn(l, handshake{}, nil) // that nobody writes
	c.conn = k
	ask := contract.Ask[int, int]{Namespace: contract.Namespace{Name: "/hall"}, Name: "guess"}
	Answer(c, ask, func(ctx context.Context, _ int) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	n := 0
	for ; err == nil; n++ {
		err = c.event(k, Raw{Name: ask.Name, ack: int64(n)})
	}
	n-- // that one is too many
	if least := maxAnswering + most; !errors.Is(err, ErrOverflow) || n < least || n > least+cap(k.out) {
		t.Errorf("%d were taken, and then: %v", n, err)
	}
}
