package sockets

import "testing"

// An object has no order: where the names of arguments are told, each has its place.
func TestMembersInAnyOrder(t *testing.T) {
	t.Parallel()
	names := []string{"piece", "to", "seal", "clock"}
	for _, tc := range []struct {
		json, want string
		full       bool
	}{
		{`{"clock":7,"piece":"rook","to":"AQ=="}`, `"rook",{"_placeholder":true,"num":0},null,7`, false},
		{`{"to":"AQ==","piece":"rook"}`, `"rook",{"_placeholder":true,"num":0}`, false},
		{`{"to":"AQ==","piece":"rook"}`, `"rook",{"_placeholder":true,"num":0},null,null`, true},
		{`{"new":1,"piece":"rook"}`, `"rook",null,null,null,1`, false},
	} {
		p := Payload{JSON: []byte(tc.json), Spread: true, Names: names, Binary: []string{"/to"}, full: tc.full}
		if got, _ := p.text(); string(got) != tc.want {
			t.Errorf("%s: %s, want %s", tc.json, got, tc.want)
		}
	}
}
