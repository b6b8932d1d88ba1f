// Package cors decides which web pages may talk to the service: pages of the
// service's own origin, and those of a list. Requests without an Origin header do
// not come from a page of another site and pass. Start at Policy.
package cors

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A Policy is a list of origins, "https://app.example", that are allowed besides
// the service's own; "*" allows all. Safe for concurrent use.
//
// The service's own origin is whatever host the request names, so a page whose name
// is made to point at the service (DNS rebinding) counts as its own: what is not
// public needs authentication, or a proxy that takes known hosts only.
type Policy struct{ Origins []string }

// ErrOrigin is what Check gives for an origin that is not allowed.
var ErrOrigin = errors.New("origin not allowed")

// Check refuses requests of pages that are not allowed. Websockets and requests that
// change something need it, since browsers let any page send them.
func (p Policy) Check(r *http.Request) error {
	if origin := r.Header.Get("Origin"); origin == "" || sameOrigin(origin, r) || p.lists(origin) {
		return nil
	}
	return ErrOrigin
}

func (p Policy) lists(origin string) bool {
	return slices.Contains(p.Origins, "*") || slices.Contains(p.Origins, origin)
}

// usualPort is what browsers leave out. A proxy may name it: nginx with "Host $host:$server_port".
var usualPort = map[string]string{"http": ":80", "https": ":443"}

func sameOrigin(origin string, r *http.Request) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		return false
	}
	if !strings.EqualFold(u.Host, r.Host) && !strings.EqualFold(u.Host+usualPort[u.Scheme], r.Host) {
		return false
	}
	scheme := schemeOf(r)
	return scheme == "" || strings.EqualFold(u.Scheme, scheme)
}

// schemeOf is the scheme that the client used; "" when nothing tells it, as behind a
// proxy that ends TLS and does not say so.
func schemeOf(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",") // the first is the client's
	switch strings.ToLower(strings.TrimSpace(proto)) {
	case "https", "wss": // some proxies name websockets apart
		return "https"
	case "http", "ws":
		return "http"
	}
	return ""
}

// Middleware tells browsers that pages of listed origins may read the answers, and
// answers their preflight requests.
func (p Policy) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin, h := r.Header.Get("Origin"), w.Header()
		if len(p.Origins) > 0 { // also without an origin: a cache may give the answer to who has one
			h.Add("Vary", "Origin")
		}
		if origin == "" || !p.lists(origin) {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		if !slices.Contains(p.Origins, "*") { // cookies only for pages that are named
			h.Set("Access-Control-Allow-Credentials", "true")
		}
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-User, X-Roles, X-Tenant, Traceparent, Tracestate")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
