package http

import "net/http"

// withPages serves pages where the mux has no route, and answers with a problem where
// there is none either.
func withPages(mux *http.ServeMux, p *pages) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refusal, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r) // which sets the path's values
			return
		}
		said := &headOnly{header: http.Header{}}
		refusal.ServeHTTP(said, r) // sets Allow
		if said.status == http.StatusMethodNotAllowed {
			w.Header()["Allow"] = said.header["Allow"]
			refuse(w, said.status)
			return
		}
		if !p.serve(w, r) {
			refuse(w, http.StatusNotFound)
		}
	})
}

// headOnly keeps the status and the header of an answer and lets its body go.
type headOnly struct {
	header http.Header
	status int
}

func (h *headOnly) Header() http.Header         { return h.header }
func (h *headOnly) WriteHeader(status int)      { h.status = status }
func (h *headOnly) Write(b []byte) (int, error) { return len(b), nil }
