package socketio_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
)

// A question is answered by the socket that was asked, once: not by another one of the same
// user, nor with a number that nobody has asked under.
func TestAnswersOfOthersDoNotCount(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	one := hold(t, url, "one")
	asker := broker.NewAsker(newLanes(t, url, "worker"))
	alice, mallory := rawsio.Dial(t, one.url), rawsio.Dial(t, one.url)
	sid := alice.Connect("/board", `{"user":"alice"}`)
	mallory.Connect("/board", `{"user":"alice"}`)
	forge := func(c *rawsio.Client, color string, from, to int) {
		for id := from; id < to; id++ {
			c.Send(fmt.Sprintf(`43/board,%d[{"color":%q}]`, id, color))
		}
	}
	forge(alice, "green", 0, 100) // before anything was asked
	forge(mallory, "green", 0, 100)
	answered := make(chan string, 1)
	go func() {
		w, err := favourite.Call(t.Context(), asker, sid, contract.None{})
		answered <- fmt.Sprint(w.Color, err)
	}()
	alice.Expect("/board", "favourite")
	forge(mallory, "green", 0, 100)
	forge(alice, "green", 1000, 1100)
	mallory.TryConnect("/nothing", "") // refused: what it sent before has been read
	heard := alice.Heard()
	id, _, _ := strings.Cut(strings.TrimPrefix(heard[len(heard)-1], "42/board,"), "[")
	alice.Send(`43/board,` + id + `[{"color":"red"}]`)
	alice.Send(`43/board,` + id + `[{"color":"green"}]`)
	if got := <-answered; got != "red<nil>" {
		t.Errorf("the answer is %s", got)
	}
}
