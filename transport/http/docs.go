package http

import (
	"fmt"
	"net/http"

	"github.com/example/switchyard/internal/spec"
)

// Docs are the documents of the contract that are served, none for none.
type Docs []spec.File

// pagePolicy lets a page do nothing but look as it says.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (docs Docs) mount(mux *http.ServeMux) error {
	for _, file := range docs {
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", file.Type)
			w.Header().Set("Content-Length", fmt.Sprint(len(file.Body)))
			w.Header().Set("Content-Security-Policy", pagePolicy)
			_, _ = w.Write(file.Body) // the client may have gone
		})
		if err := handle(mux, "GET /"+file.Name, h); err != nil {
			return fmt.Errorf("document %s: %w; with DOCS_ENABLED=false there are none", file.Name, err)
		}
	}
	return nil
}
