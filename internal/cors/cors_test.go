package cors_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/cors"
)

func TestPolicy(t *testing.T) {
	t.Parallel()
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for name, tc := range map[string]struct {
		origins             []string
		origin              string
		allowed             bool
		header, credentials string
	}{
		"no page":        {nil, "", true, "", ""},
		"own origin":     {nil, "http://service.example", true, "", ""},
		"own over https": {nil, "https://SERVICE.example", true, "", ""},
		"foreign":        {nil, "https://evil.example", false, "", ""},
		"null":           {nil, "null", false, "", ""},
		"own as prefix":  {nil, "http://service.example.evil.example", false, "", ""},
		"listed":         {[]string{"https://app.example"}, "https://app.example", true, "https://app.example", "true"},
		"none":           {[]string{"https://app.example"}, "", true, "", ""},
		"not listed":     {[]string{"https://app.example"}, "https://app.example.evil", false, "", ""},
		"all":            {[]string{"*"}, "https://evil.example", true, "https://evil.example", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := cors.Policy{Origins: tc.origins}
			r := httptest.NewRequest("GET", "http://service.example/x", nil)
			r.Header.Set("Origin", tc.origin)
			if err := p.Check(r); (err == nil) != tc.allowed {
				t.Errorf("check: %v", err)
			}
			w := httptest.NewRecorder()
			p.Middleware(next).ServeHTTP(w, r)
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != tc.header || w.Code != http.StatusTeapot {
				t.Errorf("%d, allow origin %q", w.Code, got)
			}
			if got := w.Header().Get("Access-Control-Allow-Credentials"); got != tc.credentials {
				t.Errorf("allow credentials %q", got)
			}
			if got := w.Header().Get("Vary"); (got == "Origin") != (len(tc.origins) > 0) { // a cache keeps one for all
				t.Errorf("it varies by %q", got)
			}
		})
	}
}

func TestOwnOriginHasTheSchemeOfTheRequest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		target, forwarded, origin string
		allowed                   bool
	}{
		"TLS":                     {"https://service.example/x", "", "https://service.example", true},
		"plain page to TLS":       {"https://service.example/x", "http", "http://service.example", false},
		"forwarded":               {"http://service.example/x", "https", "https://service.example", true},
		"plain page, forwarded":   {"http://service.example/x", "HTTPS, http", "http://service.example", false},
		"websocket, forwarded":    {"http://service.example/x", "wss", "https://service.example", true},
		"TLS page to plain":       {"http://service.example/x", "http", "https://service.example", false},
		"plain websocket":         {"http://service.example/x", "ws", "http://service.example", true},
		"not known":               {"http://service.example/x", "", "https://service.example", true},
		"a proxy says what it is": {"http://service.example/x", "h2c", "https://service.example", true},
	} {
		r := httptest.NewRequest("POST", tc.target, nil) // https sets TLS
		r.Header.Set("Origin", tc.origin)
		if tc.forwarded != "" {
			r.Header.Set("X-Forwarded-Proto", tc.forwarded)
		}
		if err := (cors.Policy{}).Check(r); (err == nil) != tc.allowed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A proxy may name the port that a browser leaves out.
func TestOwnOriginHasThePortOfTheRequest(t *testing.T) {
	t.Parallel()
	for host, origins := range map[string]map[string]bool{
		"service.example:443":  {"https://service.example": true, "http://service.example": false, "https://service.example:8443": false},
		"service.example:80":   {"http://service.example": true, "https://service.example": false, "https://service.example:443": false},
		"service.example:8443": {"https://service.example:8443": true, "https://service.example": false},
		"service.example":      {"https://service.example:8443": false},
		"[::1]:443":            {"https://[::1]": true, "https://[::2]": false},
	} {
		for origin, allowed := range origins {
			r := httptest.NewRequest("POST", "/x", nil)
			r.Host = host
			r.Header.Set("Origin", origin)
			if err := (cors.Policy{}).Check(r); (err == nil) != allowed {
				t.Errorf("%s at %s: %v", origin, host, err)
			}
		}
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	p := cors.Policy{Origins: []string{"https://app.example"}}
	r := httptest.NewRequest("OPTIONS", "/v1/rooms/x/messages", nil)
	r.Header.Set("Origin", "https://app.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	w := httptest.NewRecorder()
	p.Middleware(http.NotFoundHandler()).ServeHTTP(w, r)
	if w.Code != http.StatusNoContent || w.Header().Get("Access-Control-Allow-Methods") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	for _, name := range []string{"Content-Type", "Authorization", "Traceparent", "Tracestate"} { // pages that are traced send the latter
		if allowed := w.Header().Get("Access-Control-Allow-Headers"); !strings.Contains(allowed, name) {
			t.Errorf("browsers send no %s, only %s", name, allowed)
		}
	}
}
