package contract_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

type quotaError struct{ left int }

func (e quotaError) Error() string { return "quota" }

// meaning maps errors of type E to a conflict that says who has mapped it.
func meaning[E error](who string) contract.ErrorMap {
	return contract.OnError(func(context.Context, E) error { return fault.New(fault.Conflict, "%s", who) })
}

func TestTheInnermostScopeThatKnowsAnErrorSaysWhatItMeans(t *testing.T) {
	t.Parallel()
	outer := contract.Policy{Errors: []contract.ErrorMap{meaning[*fs.PathError]("outer"), meaning[interface {
		error
		Timeout() bool
	}]("outer, for an interface")}}
	inner := contract.Policy{Errors: []contract.ErrorMap{
		contract.OnError(func(_ context.Context, e quotaError) error {
			if e.left > 0 {
				return nil // somebody else may know
			}
			return fault.New(fault.Conflict, "inner")
		}),
	}}
	ns := contract.Namespace{Name: "/api", Doc: "API.", Policy: &outer}.Nested(contract.Namespace{Name: "/boards", Doc: "Boards.", Policy: &inner})
	unknown := errors.New("unknown")
	for name, tc := range map[string]struct {
		err, want error
	}{
		"the command's first":               {fmt.Errorf("read: %w", fs.ErrNotExist), fs.ErrNotExist},
		"wrapped":                           {fmt.Errorf("store: %w", quotaError{}), fault.New(fault.Conflict, "inner")},
		"declined within, known without":    {quotaError{left: 1}, fault.New(fault.Conflict, "service")},
		"by an outer namespace":             {&fs.PathError{Err: fs.ErrExist}, fault.New(fault.Conflict, "outer")},
		"a fault is an error like others":   {fault.New(fault.NotFound, "x"), fault.New(fault.Forbidden, "hidden")},
		"nobody knows it":                   {unknown, unknown},
		"what is transient is tried again":  {fault.Transient(quotaError{}), fault.Transient(quotaError{})},
		"by its behaviour":                  {context.DeadlineExceeded, fault.New(fault.Conflict, "outer, for an interface")},
		"mapped once, though known without": {fmt.Errorf("y: %w", errors.Join(quotaError{}, &fs.PathError{Err: fs.ErrExist})), fault.New(fault.Conflict, "inner")},
	} {
		c := archive
		c.Namespace = ns
		c.Policy.Errors = []contract.ErrorMap{contract.OnError(func(_ context.Context, f *fault.Fault) error {
			return fault.New(fault.Forbidden, "hidden")
		})}
		r := contract.NewCatalog([]contract.Route{c.Handle(func(context.Context, archiveInput) (archiveOutput, []contract.Effect, error) {
			return archiveOutput{}, nil, tc.err
		})}).Use(contract.Policy{Errors: []contract.ErrorMap{meaning[quotaError]("service")}}).Routes[0]
		_, err := r.Run(t.Context(), contract.Caller{}, []byte(`{"board_id":"b"}`))
		var want, got *fault.Fault
		if errors.As(tc.want, &want) && (!errors.As(err, &got) || got.Detail != want.Detail || got.Code != want.Code) || want == nil && !errors.Is(err, errors.Unwrap(tc.want)) && err.Error() != tc.err.Error() {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if fault.IsTransient(tc.err) != fault.IsTransient(err) {
			t.Errorf("%s: the mark as transient has changed: %v", name, err)
		}
	}
}

// An error that a middleware of an outer scope returns is known to that scope, too.
func TestErrorsOfMiddlewareAreMapped(t *testing.T) {
	t.Parallel()
	r := contract.NewCatalog([]contract.Route{archive.Handle(serveArchive)}).Use(contract.Policy{
		Middleware: []contract.Middleware{func(contract.Route, contract.Serve) contract.Serve {
			return func(context.Context, []byte) (contract.Outcome, error) { return contract.Outcome{}, quotaError{} }
		}},
		Errors: []contract.ErrorMap{meaning[quotaError]("service")},
	}).Routes[0]
	if _, err := r.Run(t.Context(), contract.Caller{}, []byte(`{}`)); !errors.Is(err, fault.New(fault.Conflict, "")) {
		t.Error(err)
	}
}
