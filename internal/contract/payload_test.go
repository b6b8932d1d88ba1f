package contract_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
)

func TestShapes(t *testing.T) {
	t.Parallel()
	type page struct {
		Scan  *contract.Binary           `json:"scan"`
		Plain []byte                     `json:"plain"`
		Parts map[string]contract.Binary `json:"parts,omitempty"`
		Own   contract.Binary            `json:"-"`
	}
	type Cover struct {
		Front contract.Binary `json:"front"`
	}
	type book struct {
		contract.Args
		Cover
		Title string `json:"title"`
		Pages []page `json:"pages"`
	}
	type note struct {
		contract.Args
		Text  string `json:"text"`
		Own   int    `json:"-"`
		Color string `json:"color,omitempty"`
		At    int    `json:"at,omitzero"`
	}
	type chain struct {
		Next *chain          `json:"next"`
		Data contract.Binary `json:"data"`
	}
	for _, tc := range []struct {
		of   any
		want contract.Shape
	}{
		{contract.None{}, contract.Shape{}},
		{"", contract.Shape{}},
		{contract.Binary{}, contract.Shape{Binary: []string{""}}},
		{page{}, contract.Shape{Binary: []string{"/scan", "/parts/*"}}},
		{book{}, contract.Shape{Args: []string{"front", "title", "pages"}, Needed: 3, Binary: []string{"/front", "/pages/*/scan", "/pages/*/parts/*"}}},
		{note{}, contract.Shape{Args: []string{"text", "color", "at"}, Needed: 1}},
		{chain{}, contract.Shape{Binary: []string{"/data"}}},
	} {
		for range 2 { // the second is a kept one
			if diff := cmp.Diff(tc.want, contract.ShapeOf(reflect.TypeOf(tc.of))); diff != "" {
				t.Errorf("%T: %s", tc.of, diff)
			}
		}
	}
	m := contract.Raw(contract.Namespace{Name: "/x"}, "raw", nil, page{}, contract.Binary{1})
	if diff := cmp.Diff([]string{"/1/scan", "/1/parts/*", "/2"}, m.Binary); diff != "" {
		t.Error(diff)
	}
}
