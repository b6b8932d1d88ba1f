package socketio_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
)

// A question that no use case has written does not break the connections of those it is
// put to.
func TestAForgedQuestionIsNotPutToClients(t *testing.T) {
	t.Parallel()
	h := hold(t, testenv.Embedded(t), "one")
	c := rawsio.Dial(t, h.url)
	id := c.Connect("/board", `{"user":"alice"}`)
	for _, q := range []broker.Question{
		{Event: "favourite", Payload: json.RawMessage(`{"a":`)},
		{Event: "favourite"},
		{Event: "sign", Payload: json.RawMessage(`7`)},
	} {
		q.Action, q.Namespace, q.Socket, q.Within = broker.AskCall, "/board", id, 20*time.Second
		said := make(chan broker.Answer, 1)
		h.Answer(q, func(a broker.Answer) { said <- a })
		if _, err := h.Emit(emitter.Emission{Namespace: "/board", Event: "after", Payload: json.RawMessage(`{}`), To: emitter.Audience{Sockets: []string{id}}}); err != nil {
			t.Fatal(err)
		}
		c.Expect("/board", "after")
		for _, packet := range c.Heard() {
			if strings.Contains(packet, q.Event) {
				t.Fatalf("%s: the client has heard %s", q.Payload, packet)
			}
		}
		want := broker.Answer{Count: 1, Sockets: []broker.SocketAnswer{{ID: id, User: "alice", Problem: broker.ProblemUnknown}}}
		if diff := cmp.Diff(want, <-said); diff != "" {
			t.Errorf("%s: %s", q.Payload, diff)
		}
	}
}
