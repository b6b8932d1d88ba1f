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
		{book{}, contract.Shape{Args: []string{"front", "title", "pages"}, Binary: []string{"/front", "/pages/*/scan", "/pages/*/parts/*"}}},
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
