package schema_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/schema"
)

type Summary struct {
	ID string `json:"id"`
}

type Author struct {
	ID string `json:"author_id"`
}

type Editor struct{ Author }

// What Go hides and encoding/json writes has no place in a schema.
func TestHiddenFieldsAreAMistake(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		value any
		want  []string
	}{
		"by the outer struct": {struct {
			Summary
			ID string `json:"detail_id"`
		}{}, []string{`.Summary.ID: it is hidden by another field called ID, and would be on the wire as "id" all the same: rename one of them in Go`}},
		"by each other": {struct {
			Summary
			Author
		}{}, []string{".Summary.ID: it is hidden", ".Author.ID: it is hidden"}},
		"further in": {struct {
			Summary
			Editor
		}{}, []string{".Editor.Author.ID: it is hidden"}},
		"by a field that is not written": {struct {
			Summary
			ID string `json:"-"`
		}{}, []string{".Summary.ID: it is hidden"}},
		"among arguments": {struct {
			contract.Args
			Summary
			ID contract.Binary `json:"file"`
		}{}, []string{".Summary.ID: it is hidden"}},
		"not written either": {struct {
			Summary
			ID string `json:"id"`
		}{}, nil},
		"by name only": {struct {
			Summary
			ID    string `json:"detail_id"`
			Other string `json:"id"`
		}{}, nil},
		"none": {struct {
			Summary
			Name string `json:"name"`
		}{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := schema.For(typeOf(tc.value))
			if err == nil && tc.want == nil {
				return
			}
			if err == nil || strings.Count(err.Error(), "is hidden") != len(tc.want) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %s", err, want)
				}
			}
		})
	}
}

// What a pointer encodes to, its schema allows, and the decoder takes it back.
func TestPointersMayBeNull(t *testing.T) {
	t.Parallel()
	type pointers struct {
		At    *time.Time              `json:"at" example:"2026-02-28T00:00:00Z"`
		List  *[]string               `json:"list" maxLength:"2" maxItems:"1"`
		Map   *map[string]*[]int      `json:"map"`
		Lists []*[]string             `json:"lists"`
		Plain []string                `json:"plain"`
		Ends  *time.Time              `json:"ends,omitempty"`
		Bytes *[]byte                 `json:"bytes"`
		File  *contract.Binary        `json:"file"`
		Deep  map[string]*[][]float64 `json:"deep"`
	}
	s, err := schema.For(typeOf(pointers{}))
	if err != nil {
		t.Fatal(err)
	}
	v, err := schema.NewDecoder(s, typeOf(pointers{}))
	if err != nil {
		t.Fatal(err)
	}
	at, list := time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC), []string{"a"}
	numbers := map[string]*[]int{"a": {1}, "b": nil}
	for name, value := range map[string]pointers{
		"null": {Lists: []*[]string{nil}, Plain: []string{}, Deep: map[string]*[][]float64{"a": nil}},
		"full": {At: &at, List: &list, Map: &numbers, Lists: []*[]string{&list, nil}, Plain: list, Ends: &at, Deep: map[string]*[][]float64{"a": {{1}}}},
	} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		var got pointers
		if err := v.Decode(text, &got); err != nil {
			t.Errorf("%s: %s: %v", name, text, err)
		}
		if diff := cmp.Diff(value, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, wrong := range []string{
		`{"at":"today"}`, `{"list":["abc"]}`, `{"list":["a","b"]}`, `{"plain":null}`, `{"deep":{"a":[null]}}`, `{"lists":null}`, `{"map":{"a":["b"]}}`,
	} {
		var member map[string]json.RawMessage
		if err := json.Unmarshal([]byte(wrong), &member); err != nil {
			t.Fatal(err)
		}
		mistakes := 0
		for _, m := range v.Validate([]byte(wrong)) {
			if m.Detail != "is required" {
				mistakes++
			}
		}
		if mistakes != 1 {
			t.Errorf("%s: %d mistakes, want 1", wrong, mistakes)
		}
	}
	if _, err := schema.For(typeOf(struct {
		Raw *json.RawMessage `json:"raw"`
	}{})); err == nil || !strings.Contains(err.Error(), "encodes itself") {
		t.Errorf("a pointer to a raw message: %v", err)
	}
}

// A tag of a dash and a comma names the field "-", to encoding/json.
func TestADashIsAName(t *testing.T) {
	t.Parallel()
	dash := reflect.StructOf([]reflect.StructField{{Name: "A", Type: reflect.TypeFor[int](), Tag: `json:"-,"`}})
	if _, err := schema.For(dash); err == nil || !strings.Contains(err.Error(), "A: the field needs its wire name") {
		t.Error(err)
	}
}
