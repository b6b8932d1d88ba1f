package socketio_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/rawsio"
)

// A listing has so much of sessions and no more, and says of which sockets it has none.
func TestALongListingLeavesSessionsOut(t *testing.T) {
	t.Parallel()
	g, lanes, url := start(t)
	notes := contract.Session[string]{Name: "notes"}
	var ids []string
	long := strings.Repeat("x", contract.MaxListedSessions/2)
	for i, note := range []string{long, long, "short", ""} {
		c := rawsio.Dial(t, url)
		ids = append(ids, c.Connect("/board", `{"user":"alice"}`))
		wait := c.Begin("/board", "list", `{}`)
		_, done := lanes.command(t, i)
		r := broker.Reply{Body: []byte(`{}`)}
		if note != "" {
			r.Session = fmt.Appendf(nil, `{"notes":%q}`, note)
		}
		done(r)
		wait()
	}
	listed := func(q broker.Question) (told map[string]string, leftOut int) {
		told = map[string]string{}
		g.Answer(q, func(a broker.Answer) {
			for _, s := range a.Sockets {
				value, ok, err := notes.Of(contract.SocketInfo{Session: s.Session})
				switch {
				case errors.Is(err, contract.ErrNotListed) && !ok:
					leftOut++
				case err != nil || ok != (s.ID != ids[3]):
					t.Error(s.ID, ok, err)
				default:
					told[s.ID] = value
				}
			}
		})
		return told, leftOut
	}
	q := broker.Question{Action: broker.AskList, Namespace: "/board", Limit: contract.MaxListed}
	told, leftOut := listed(q)
	if len(told) != 3 || leftOut != 1 || told[ids[2]] != "short" {
		t.Errorf("%d are told, %d left out", len(told), leftOut)
	}
	for _, id := range ids[:2] { // who is asked of alone is told whole
		q.Socket = id
		if told, _ := listed(q); told[id] != long {
			t.Errorf("%s has %d bytes", id, len(told[id]))
		}
	}
}
