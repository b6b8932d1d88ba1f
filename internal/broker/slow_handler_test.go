package broker

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// A handler that hangs holds up its whole subscription, which is told; one that takes its
// time is not.
func TestAHandlerThatHangsIsTold(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		takes time.Duration
		told  int
	}{{slowAfter - time.Second, 0}, {10 * slowAfter, 1}} {
		synctest.Test(t, func(t *testing.T) {
			var said strings.Builder
			out := make(chan *message.Message)
			d := newDelivery(out, slog.New(slog.NewTextHandler(&said, nil)))
			go func() {
				m := <-out
				time.Sleep(tc.takes)
				m.Ack()
			}()
			if !d.hand(t.Context(), "topic", entry{id: "1-0", uuid: "u1"}) {
				t.Error("it is not acknowledged")
			}
			synctest.Wait() // whoever has said something has ended
			if got := said.String(); strings.Count(got, "has not acknowledged") != tc.told || tc.told > 0 && !strings.Contains(got, "stream=topic message=u1") {
				t.Errorf("after %s it says %s", tc.takes, got)
			}
		})
	}
}
