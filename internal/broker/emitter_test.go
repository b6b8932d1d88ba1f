package broker

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/testenv"
)

func TestEmitterSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Redis(t))
	if _, err := NewEmitter(t.Context(), rdb); err == nil || !strings.Contains(err.Error(), "no node has started on it") {
		t.Errorf("a Redis without lanes: %v", err)
	}
	if err := rdb.Set(t.Context(), "partitions", 4, 0).Err(); err != nil {
		t.Fatal(err)
	}
	e, err := NewEmitter(t.Context(), rdb)
	if err != nil {
		t.Fatal(err)
	}
	town := contract.Namespace{Name: "/town", Doc: "A town."}
	cried := contract.Event[map[string]any]{Namespace: town, Name: "cried", Doc: "Cried.", Keep: 10}
	all := contract.Namespace{Name: "*", Doc: "All others."}
	anywhere := contract.Event[int]{Namespace: all, Name: "cried", Doc: "Cried."}
	some := cried.Of(map[string]any{"n": 1}).ToEveryone()
	for _, tc := range []struct {
		m    contract.Emission
		want string
	}{
		{contract.Raw(contract.Namespace{Name: "town"}, "cried", 1).ToEveryone(), "is no namespace"},
		{contract.Raw(town, "", 1).ToEveryone(), "no name"},
		{anywhere.Of(1).ToEveryone(), "say in which, by In"},
		{cried.Of(nil), "nobody would hear it"},
		{some.ExceptCaller(), "no caller"},
		{some.ToCaller(), "no caller"},
		{some.Local(), "no caller"},
		{cried.Of(map[string]any{"f": func() {}}).ToEveryone(), "encode event cried"},
		{contract.Emission{Event: cried.Spec(), Payload: json.RawMessage(`{`)}.ToUser("bob"), "the payload is no JSON"},
	} {
		if _, err := e.Emit(t.Context(), tc.m); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %q", tc.m, err, tc.want)
		}
	}
	if n, err := rdb.Keys(t.Context(), "evt:*").Result(); err != nil || len(n) > 0 {
		t.Errorf("streams %v, %v", n, err)
	}
	id, err := e.Emit(t.Context(), some.To("north").Except("s1", "s2"))
	if err != nil || id == "" {
		t.Fatal(err)
	}
	if n, err := rdb.Keys(t.Context(), "*t:*").Result(); err != nil || len(n) != 1 || n[0] != eventStream(partitionOf("north", e.partitions)) {
		t.Errorf("streams %v, %v", n, err)
	}
	if _, err := e.Emit(t.Context(), anywhere.Of(1).In(all.At("/hamlet")).ToEveryone()); err != nil {
		t.Error(err)
	}
	if n := rdb.XLen(t.Context(), eventStream(partitionOf("/hamlet", e.partitions))).Val(); n != 1 {
		t.Errorf("%d events in the lane of their namespace", n)
	}
}
