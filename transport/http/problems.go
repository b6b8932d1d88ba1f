package http

import (
	"net/http"

	"github.com/example/switchyard/internal/fault"
)

// withProblems answers with a problem what the mux has no route for.
func withProblems(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refusal, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r) // which sets the path's values
			return
		}
		said := &headOnly{ResponseWriter: w}
		refusal.ServeHTTP(said, r) // sets Allow
		problem := fault.ProblemOf(fault.New(fault.NotFound, "nothing is served on this path"), "")
		if said.status == http.StatusMethodNotAllowed {
			problem = fault.ProblemOf(fault.New(fault.Invalid, "this path does not take this method"), "")
			problem.Status, problem.Title = said.status, http.StatusText(said.status)
		}
		w.Header().Del("Location") // of a tidier path, where nothing is served either
		w.Header().Set("Content-Type", fault.ContentType)
		w.WriteHeader(problem.Status)
		_, _ = w.Write(problem.JSON()) // the client may have gone: nobody is left to tell
	})
}

// headOnly keeps the status of an answer and lets its body go.
type headOnly struct {
	http.ResponseWriter
	status int
}

func (h *headOnly) WriteHeader(status int)      { h.status = status }
func (h *headOnly) Write(b []byte) (int, error) { return len(b), nil }
