package fault_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/fault"
)

func TestProblemOf(t *testing.T) {
	t.Parallel()
	const id = "0b9e7c2e-0000-7000-8000-000000000001"
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"a fault is shown as it is": {
			fault.New(fault.NotFound, "board %d does not exist", 7),
			`{"kind":"error","type":"about:blank","title":"Not Found","status":404,"code":"not_found","detail":"board 7 does not exist","instance":"urn:uuid:` + id + `"}`,
		},
		"a wrapped fault too": {
			fmt.Errorf("close board: %w", fault.New(fault.Conflict, "the board is closed")),
			`{"kind":"error","type":"about:blank","title":"Conflict","status":409,"code":"conflict","detail":"the board is closed","instance":"urn:uuid:` + id + `"}`,
		},
		"an accident tells nothing": {
			errors.New("dial tcp 10.0.0.7:6379: secret"),
			`{"kind":"error","type":"about:blank","title":"Internal Server Error","status":500,"code":"internal","detail":"something went wrong on our side; the instance names this attempt","instance":"urn:uuid:` + id + `"}`,
		},
		"fields and a time to retry": {
			fault.InvalidInput(fault.Field{Pointer: "/text", Detail: "is required"}).After(250 * time.Millisecond),
			`{"kind":"error","type":"about:blank","title":"Bad Request","status":400,"code":"invalid","detail":"the input does not match the contract","instance":"urn:uuid:` + id + `","errors":[{"pointer":"/text","detail":"is required"}],"retry_after_ms":250}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, string(fault.ProblemOf(tc.err, id).JSON())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStatusOfEveryCode(t *testing.T) {
	t.Parallel()
	want := map[fault.Code]int{
		fault.Invalid: 400, fault.Unauthenticated: 401, fault.Forbidden: 403, fault.NotFound: 404, fault.Conflict: 409,
		fault.Exhausted: 429, fault.Internal: 500, fault.Overloaded: 503, fault.Unavailable: 503, fault.Timeout: 504,
	}
	for code, status := range want {
		if got := code.Status(); got != status {
			t.Errorf("%s: status %d, want %d", code, got, status)
		}
		var p fault.Problem
		if err := json.Unmarshal(fault.ProblemOf(fault.New(code, "x"), "").JSON(), &p); err != nil {
			t.Fatal(err)
		}
		if p.Title == "" || p.Code != code || p.Instance != "" {
			t.Errorf("%s: %+v", code, p)
		}
	}
	if got := fault.Code("unheard_of").Status(); got != 500 {
		t.Errorf("an unknown code has status %d, want 500", got)
	}
}

func TestTransient(t *testing.T) {
	t.Parallel()
	base := errors.New("connection reset")
	err := fmt.Errorf("store: %w", fault.Transient(base))
	if !fault.IsTransient(err) || !errors.Is(err, base) {
		t.Errorf("%v: lost its mark or its cause", err)
	}
	if fault.IsTransient(base) || fault.Transient(nil) != nil {
		t.Error("an unmarked error is not transient, and nil stays nil")
	}
	if !errors.Is(fmt.Errorf("x: %w", fault.New(fault.NotFound, "a")), fault.New(fault.NotFound, "b")) {
		t.Error("faults of one code are the same to errors.Is")
	}
}

func TestOfTellsProblemsFromResults(t *testing.T) {
	t.Parallel()
	for _, result := range []string{`{}`, `{"kind":"created","code":"conflict"}`, `{"kind":7}`, `[1,2]`, `"error"`, `null`} {
		if err := fault.Of([]byte(result)); err != nil {
			t.Errorf("%s: %v", result, err)
		}
	}
	want := fault.InvalidInput(fault.Field{Pointer: "/text", Detail: "is required"}).After(250 * time.Millisecond).With("more")
	var got *fault.Fault
	if err := fault.Of(fault.ProblemOf(want, "").JSON()); !errors.As(err, &got) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Who tries again when the client is told to must not be early.
func TestWhenToRetryIsRoundedUp(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]int64{0: 0, time.Microsecond: 1, time.Millisecond: 1, time.Second / 3: 334} {
		if got := fault.ProblemOf(fault.New(fault.Exhausted, "too many").After(after), "").RetryAfterMS; got != want {
			t.Errorf("after %s: %d ms", after, got)
		}
	}
}

func TestAContextThatIsNoJSONIsLeftOut(t *testing.T) {
	t.Parallel()
	want := fault.ProblemOf(fault.New(fault.Conflict, "taken"), "").JSON()
	if got := fault.ProblemOf(fault.New(fault.Conflict, "taken").With(make(chan int)), "").JSON(); string(got) != string(want) {
		t.Errorf("%s", got)
	}
}
