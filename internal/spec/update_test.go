package spec_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/spec"
)

// What was scaffolded becomes what it is to be, or goes, without another version: nobody was
// promised it. Beside it, what has a Doc is held to it.
func TestUpdateReplacesWhatWasToBeWritten(t *testing.T) {
	t.Parallel()
	hall := func(doc, seen, booked string) *contract.Catalog {
		ns := contract.Namespace{Name: "/hall", Doc: doc}
		event := contract.Event[changed]{Namespace: ns, Name: "hall.changed", Doc: seen}
		return contract.NewCatalog([]contract.Route{handle(contract.Command[seat, contract.None]{
			Namespace: ns, Event: "book", Operation: "hall.book", Doc: booked, Raises: []contract.EventSpec{event.Spec()},
		})})
	}
	const draft = "To be written: all of it."
	desk := contract.Namespace{Name: "/desk", Doc: "The desk."}
	other := func(ns contract.Namespace) *contract.Catalog {
		return contract.NewCatalog([]contract.Route{handle(contract.Command[priced, contract.None]{
			Namespace: ns, Event: "book", Operation: "hall.book", Doc: "Book.",
		})})
	}
	for name, tc := range map[string]struct {
		was, is *contract.Catalog
		want    []string // what is broken; nil: nothing
	}{
		"another payload":       {hall("Seats.", "Seats changed.", draft), hall("Seats.", "Seats changed.", "Book."), nil},
		"the event is gone":     {hall("Seats.", draft, draft), other(contract.Namespace{Name: "/hall", Doc: "Seats."}), nil},
		"the noun is gone":      {hall(draft, draft, draft), other(desk), nil},
		"the command was there": {hall(draft, draft, "Book."), other(desk), []string{"hall.book: book on /hall is gone"}},
		"all was there": {hall("Seats.", "Seats changed.", "Book."), other(desk), []string{
			"hall.book: book on /hall is gone", "hall:error: error on /hall is gone", "hall:hall.changed: hall.changed on /hall is gone", "hall:resync: resync on /hall is gone",
		}},
	} {
		folder := filepath.Join(t.TempDir(), "contract")
		if err := writeTo(t, folder, tc.was); err != nil {
			t.Fatal(err)
		}
		err := writeTo(t, folder, tc.is)
		if tc.want == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if tc.want != nil && (err == nil || !strings.Contains(err.Error(), ":\n  "+strings.Join(tc.want, "\n  ")+"\nTake it back")) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
}

func writeTo(t *testing.T, folder string, c *contract.Catalog) error {
	t.Helper()
	files, err := spec.Files(compile(t, c), "/socket.io/")
	if err != nil {
		t.Fatal(err)
	}
	return spec.Update(folder, files)
}
