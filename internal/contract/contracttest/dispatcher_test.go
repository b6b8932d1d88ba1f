package contracttest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/contract/contracttest"
)

func TestDispatcherRemembers(t *testing.T) {
	t.Parallel()
	type day struct{ Day int }
	wake := contract.Command[day, struct{}]{Operation: "house.wake"}
	sleep := contract.Command[day, struct{}]{Operation: "house.sleep"}
	d := new(contracttest.Dispatcher)
	for _, s := range []contract.Submission{contract.Submit(wake, day{1}), contract.Submit(sleep, day{1}), contract.Submit(wake, day{2})} {
		if err := d.Dispatch(t.Context(), s, contract.Caller{}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]day{{1}, {2}}, contracttest.Submitted(d.Sent(), wake)); diff != "" {
		t.Error(diff)
	}
}
