package contracttest

import (
	"encoding/json"
	"testing"

	"github.com/example/switchyard/internal/contract"
)

// The history in memory answers as the one of the lanes does.
func TestHistoryInMemory(t *testing.T) {
	t.Parallel()
	counted := contract.Event[int]{Namespace: contract.Namespace{Name: "/a"}, Name: "counted", Keep: 7}
	h := NewHistory()
	var kept []contract.Kept
	for i := range 20 {
		by := Caller("alice")
		h.Keep(t, by, "key", counted.Of(i), contract.Join("r"))
		h.Keep(t, Caller("alice"), "another key", counted.Of(i))
		payload, err := json.Marshal(i)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, contract.Kept{Position: by.Position, Payload: payload})
	}
	TestHistory(t, h, counted.Spec(), "key", kept[20-counted.Keep:])
}
