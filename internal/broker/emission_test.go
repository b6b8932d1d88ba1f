package broker

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
)

// An event of several arguments is what its schema says on the lanes, and their names say
// where one is missing before another.
func TestMissingArgumentsAreToldBeside(t *testing.T) {
	t.Parallel()
	type moved struct {
		contract.Args
		Piece string `json:"piece"`
		Note  string `json:"note,omitempty"`
		Clock int    `json:"clock,omitempty"`
	}
	event := contract.Event[moved]{Namespace: contract.Namespace{Name: "/game"}, Name: "moved"}
	for payload, tc := range map[string]struct {
		e    contract.Emission
		want message.Metadata
	}{
		`{"piece":"rook","clock":7}`:  {event.Of(moved{Piece: "rook", Clock: 7}), message.Metadata{MetaSpread: "true", MetaArguments: `["piece","note","clock"]`}},
		`{"piece":"rook","note":"x"}`: {event.Of(moved{Piece: "rook", Note: "x"}), message.Metadata{MetaSpread: "true"}},
		`{"piece":"rook"}`:            {event.Of(moved{Piece: "rook"}), message.Metadata{MetaSpread: "true"}},
		`["rook",null,7]`:             {contract.Raw(event.Namespace, "moved", "rook", nil, 7), message.Metadata{MetaSpread: "true"}},
	} {
		r := resultsOf{c: &Command{ID: "id", Operation: "game.move"}}
		if err := r.emit(tc.e.ToEveryone()); err != nil {
			t.Fatal(err)
		}
		m, got := r.messages[0], message.Metadata{}
		for _, name := range []string{MetaSpread, MetaArguments} {
			set(got, name, m.Metadata[name])
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || string(m.Payload) != payload {
			t.Errorf("%s: %s", m.Payload, diff)
		}
	}
}
