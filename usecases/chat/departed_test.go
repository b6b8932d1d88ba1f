package chat

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/contract/contracttest"
)

func TestDeparted(t *testing.T) {
	t.Parallel()
	by := contracttest.Caller("alice")
	_, effects, err := contracttest.Call(t, New(nil, nil).Routes(), departed, by, contract.Departure{Room: "lobby", Reason: "transport close"})
	want := []Member{{Room: "lobby", User: "alice", At: by.Accepted}}
	if diff := cmp.Diff(want, contracttest.Emitted(effects, Left)); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}
