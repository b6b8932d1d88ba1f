package contracttest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
)

type BoardArchivedPayload struct{ BoardID string }

// Events are told apart by what they are on the wire: also one whose name is left empty,
// and those of one name in two namespaces.
func TestEmittedIsOfOneEvent(t *testing.T) {
	t.Parallel()
	a, b := contract.Namespace{Name: "/a", Doc: "A."}, contract.Namespace{Name: "/b", Doc: "B."}
	type event = contract.Event[BoardArchivedPayload]
	events := []event{{Namespace: a}, {Namespace: a, Name: "same"}, {Namespace: b, Name: "same"}}
	effects := []contract.Effect{contract.Join("r"), contract.Raw(a, "same", 1)}
	for _, e := range events {
		effects = append(effects, e.Of(BoardArchivedPayload{BoardID: e.Namespace.Name + " " + e.Name}).As("else"))
	}
	for _, e := range events {
		want := []BoardArchivedPayload{{BoardID: e.Namespace.Name + " " + e.Name}}
		if diff := cmp.Diff(want, Emitted(effects, e)); diff != "" {
			t.Errorf("%s %q: %s", e.Namespace.Name, e.Name, diff)
		}
	}
	if got := Emitted(effects, event{Namespace: b}); got != nil {
		t.Errorf("an event that nothing raised: %v", got)
	}
}
