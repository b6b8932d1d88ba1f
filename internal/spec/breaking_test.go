package spec_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/spec"
)

type fareInput struct {
	Fare  string   `json:"fare" enum:"full|child" maxLength:"5"`
	Seats []string `json:"seats,omitempty" maxItems:"3"`
	Price float64  `json:"price,omitempty" minimum:"1"`
	Place *int     `json:"place,omitempty"`
	Extra any      `json:"extra,omitempty"`
}

type fareOutput struct {
	Kind  string         `json:"kind" enum:"seat|waiting"`
	Code  string         `json:"code" enum:"a|b"`
	Count map[string]int `json:"count,omitempty"`
	At    time.Time      `json:"at"`
	Inner inner          `json:"inner"`
}

type inner struct {
	A string `json:"a"`
	B int    `json:"b,omitempty"`
}

// The same types as a later version may have them.
type widerInput struct {
	Fare  string   `json:"fare" enum:"full|child|group" maxLength:"9"`
	Seats []string `json:"seats,omitempty"`
	Price float64  `json:"price,omitempty"`
	Place *float64 `json:"place,omitempty"`
	Extra any      `json:"extra,omitempty"`
	New   string   `json:"new,omitempty"`
}

type widerOutput struct {
	Kind  string         `json:"kind" enum:"seat|waiting"`
	Code  string         `json:"code" enum:"a"`
	Count map[string]int `json:"count"`
	At    time.Time      `json:"at"`
	Inner widerInner     `json:"inner"`
	New   string         `json:"new"`
}

type widerInner struct {
	A string `json:"a"`
	B int    `json:"b"`
	C int    `json:"c"`
}

// The same types with one mistake each.
type narrowerInput struct {
	Fare  string   `json:"fare" enum:"full" maxLength:"4"`
	Seats []string `json:"seats" maxItems:"2"`
	Price int      `json:"price,omitempty" minimum:"2"`
	Place int      `json:"place,omitempty"`
	New   string   `json:"new"`
}

type narrowerOutput struct {
	Kind  string             `json:"kind" enum:"seat|lost"`
	Code  string             `json:"code" enum:"a|b|c"`
	Count map[string]float64 `json:"count,omitempty"`
	At    string             `json:"at,omitempty"`
	Inner narrowerInner      `json:"inner"`
}

type narrowerInner struct {
	B int `json:"b,omitempty"`
}

var (
	fares     = contract.Event[changed]{Namespace: contract.Namespace{Name: "/hall", Doc: "Seats."}, Name: "fares", Doc: "New fares."}
	haggle    = contract.Ask[priced, agreed]{Namespace: fares.Namespace, Name: "haggle", Doc: "Agreed?"}
	overREST  = contract.HTTP{Method: "POST", Path: "/v1/fares"}
	elsewhere = contract.HTTP{Method: "POST", Path: "/v2/fares"}
)

func fareService[In, Out any](t *testing.T, h contract.HTTP) *spec.Document {
	return document(t, contract.NewCatalog([]contract.Route{booking[In, Out](h, fares.Spec(), haggle.Spec())}))
}

func TestBreaking(t *testing.T) {
	t.Parallel()
	before := fareService[fareInput, fareOutput](t, overREST)
	if got := spec.Breaking(before, before); got != nil {
		t.Errorf("the same is not the same: %q", got)
	}
	if got := spec.Breaking(before, fareService[widerInput, widerOutput](t, overREST)); got != nil {
		t.Errorf("what harms no client is said to break: %q", got)
	}
	got := spec.Breaking(before, fareService[narrowerInput, narrowerOutput](t, elsewhere))
	if diff := cmp.Diff([]string{
		"hall.book: the REST route POST /v1/fares is gone",
		"hall.book payload.seats: leaving it out is no longer possible",
		"hall.book payload.new: leaving it out is no longer possible",
		`hall.book payload.fare: "child" is no longer possible`,
		"hall.book payload.fare: a length above 4 is no longer possible",
		"hall.book payload.place: null is no longer possible",
		"hall.book payload.price: number is no longer possible",
		"hall.book payload.price: a value below 2 is no longer possible",
		"hall.book payload.seats: a number of items above 2 is no longer possible",
		"hall.book payload.extra: the field is gone",
		"hall.book answer.at: leaving it out is now possible",
		"hall.book answer.at: a text without the format date-time is now possible",
		`hall.book answer.code: "c" is now possible`,
		"hall.book answer.count{}: number is now possible",
		"hall.book answer.inner.a: leaving it out is now possible",
		"hall.book answer: lost: it is now possible",
		"hall.book answer.inner.a: the field is gone",
	}, got); diff != "" {
		t.Error(diff)
	}
}

func TestBreakingIsWhatIsGone(t *testing.T) {
	t.Parallel()
	before := document(t, catalog())
	got := spec.Breaking(before, fareService[bookInput, booked](t, contract.HTTP{Method: "PUT", Path: "/v1/hall/{fare}"}))
	want := []string{
		"desk.close: close on /hall/desk is gone", "hall.other: * on /hall is gone", "hall.seats: seats on /hall is gone", "hall.desk:error: error on /hall/desk is gone", "hall.desk:resync: resync on /hall/desk is gone",
		"hall:book: book on /hall is gone", "hall:confirm: confirm on /hall is gone", "hall:noise:any-thing: noise:any-thing on /hall is gone",
		"org.move: move on /org-{org}/{team} is gone", "org-org.team:drawn: drawn on", "org-org.team:moved: moved on", "org-org.team:sure: sure on", "org-org.team:error: error on", "org-org.team:resync: resync on",
		"lobby.greet: greet on /org-{org} is gone", "org-org:error: error on", "org-org:resync: resync on", "others.wander: wander on * is gone", "any:error: error on *", "any:resync: resync on *", "office.found: found on /org-admin is gone", "org-admin:error: error on", "org-admin:resync: resync on",
		"foyer.ring: ring on / is gone", "main:doors.opened: doors.opened on / is gone", "main:error: error on / is gone", "main:resync: resync on / is gone",
	}
	for _, w := range want {
		if !strings.Contains(strings.Join(got, "\n"), w) {
			t.Errorf("missing: %s", w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %q", got)
	}
}

// What breaks clients is not written, unless the version says so.
func TestUpdateRefusesWhatBreaks(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "contract")
	write := func(c *contract.Catalog) error {
		files, err := spec.Files(compile(t, c), "/socket.io/")
		if err != nil {
			t.Fatal(err)
		}
		return spec.Update(folder, files)
	}
	if err := write(catalog()); err != nil {
		t.Fatal(err)
	}
	first := read(t, folder)
	other := contract.NewCatalog([]contract.Route{booking[fareInput, fareOutput](contract.HTTP{}, fares.Spec(), haggle.Spec())})
	for _, version := range []string{"1.2.0", "1.3.0", "0.9.0"} {
		other.Version = version
		err := write(other)
		if err == nil || !strings.Contains(err.Error(), "hall:book: book on /hall is gone\n") || !strings.Contains(err.Error(), "raise the first number of the catalog's Version") {
			t.Errorf("%s: got %v", version, err)
		}
	}
	if diff := cmp.Diff(first, read(t, folder)); diff != "" {
		t.Errorf("it was written: %s", diff)
	}
	other.Version = "2.0.0"
	if err := write(other); err != nil {
		t.Error(err)
	}
	if read(t, folder) == first {
		t.Error("it was not written")
	}
	if err := os.WriteFile(filepath.Join(folder, "asyncapi.yaml"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := write(catalog()); err == nil || !strings.Contains(err.Error(), "asyncapi.yaml: ") {
		t.Errorf("got %v", err)
	}
}

func read(t *testing.T, folder string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder, "asyncapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A command may have another key of its use case, and a map may become what it allows:
// clients see neither.
func TestBreakingLooksAtTheWire(t *testing.T) {
	t.Parallel()
	type in struct {
		A map[string]int `json:"a"`
	}
	type fixed struct {
		A struct {
			B int `json:"b,omitempty"`
		} `json:"a"`
	}
	type text struct {
		A []byte `json:"a"`
	}
	type binary struct {
		A contract.Binary `json:"a"`
	}
	type a struct {
		Kind string `json:"kind" enum:"a"`
	}
	type ab struct {
		Kind string `json:"kind" enum:"a|b"`
	}
	one := func(r contract.Route) *spec.Document { return document(t, contract.NewCatalog([]contract.Route{r})) }
	n := contract.Namespace{Name: "/x", Doc: "X."}
	asMap := one(handle(contract.Command[in, in]{Namespace: n, Event: "a", Operation: "x.a", Doc: "A."}))
	renamed := one(handle(contract.Command[in, in]{Namespace: n, Event: "a", Operation: "y.b", Doc: "A."}))
	asStruct := one(handle(contract.Command[fixed, fixed]{Namespace: n, Event: "a", Operation: "x.a", Doc: "A."}))
	asText, asBinary, asWord := one(echo[text](n)), one(echo[binary](n)), one(echo[inner](n))
	asked := func(a contract.AskSpec) *spec.Document {
		return one(booking[contract.None, contract.None](contract.HTTP{}, fares.Spec(), a))
	}
	asksText := asked(contract.Ask[contract.None, text]{Namespace: fares.Namespace, Name: "photo", Doc: "A photo?"}.Spec())
	asksBinary := asked(contract.Ask[contract.None, binary]{Namespace: fares.Namespace, Name: "photo", Doc: "A photo?"}.Spec())
	oneKind, twoKinds := one(echo[a](n)), one(echo[ab](n))
	for _, tc := range []struct {
		older, newer *spec.Document
		want         []string
	}{
		{asMap, renamed, nil},
		{asMap, asStruct, []string{"x.a payload.a: a field of any name is no longer possible"}},
		{asStruct, asMap, nil},
		{asText, asBinary, []string{"x.a answer.a: binary data is now possible"}},
		{asBinary, asText, []string{"x.a answer.a: a base64 text is now possible"}},
		{asBinary, asWord, []string{"x.a payload.a: binary data is no longer possible", "x.a answer.a: a text is now possible", "x.a answer.a: a text without the encoding base64 is now possible"}},
		{asksText, asksBinary, nil},
		{asksBinary, asksText, nil},
		{oneKind, twoKinds, []string{`x.a answer.kind: "b" is now possible`}},
		{twoKinds, oneKind, []string{`x.a payload.kind: "b" is no longer possible`}},
	} {
		if diff := cmp.Diff(tc.want, spec.Breaking(tc.older, tc.newer)); diff != "" {
			t.Error(diff)
		}
	}
}

func echo[T any](n contract.Namespace) contract.Route {
	return handle(contract.Command[T, T]{Namespace: n, Event: "a", Operation: "x.a", Doc: "A."})
}
