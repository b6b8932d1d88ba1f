package proxies_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/proxies"
)

func TestTheClientsAddress(t *testing.T) {
	t.Parallel()
	const peer = "10.0.0.1:4711"
	networks := []string{"10.0.0.0/8", "192.0.2.7", "fd00::/8"}
	for name, tc := range map[string]struct {
		networks  []string
		peer      string
		forwarded []string // header lines
		want      string
	}{
		"nobody is trusted":      {nil, peer, []string{"1.2.3.4"}, peer},
		"a stranger's header":    {networks, "203.0.113.9:80", []string{"1.2.3.4"}, "203.0.113.9:80"},
		"no header":              {networks, peer, nil, peer},
		"an empty one":           {networks, peer, []string{""}, peer},
		"one proxy":              {networks, peer, []string{"1.2.3.4"}, "1.2.3.4:0"},
		"spoofed before it":      {networks, peer, []string{"127.0.0.1, 10.9.9.9, 1.2.3.4"}, "1.2.3.4:0"},
		"spoofed in a line":      {networks, peer, []string{"127.0.0.1", "1.2.3.4"}, "1.2.3.4:0"},
		"two proxies":            {networks, peer, []string{"8.8.8.8, 1.2.3.4, 192.0.2.7"}, "1.2.3.4:0"},
		"two proxies, two lines": {networks, peer, []string{"8.8.8.8,1.2.3.4", " 192.0.2.7 "}, "1.2.3.4:0"},
		"nobody but proxies":     {networks, peer, []string{"10.1.1.1, 10.2.2.2"}, "10.1.1.1:0"},
		"a port":                 {networks, peer, []string{"1.2.3.4:5678"}, "1.2.3.4:5678"},
		"IPv6":                   {networks, "[fd00::1]:80", []string{"2001:db8::1"}, "[2001:db8::1]:0"},
		"IPv6 in brackets":       {networks, "[fd00::1%eth0]:80", []string{"[2001:db8::1]"}, "[2001:db8::1]:0"},
		"IPv6 with a port":       {networks, peer, []string{"[2001:db8::1]:9"}, "[2001:db8::1]:9"},
		"IPv6 with a zone":       {networks, peer, []string{"fe80::1%" + strings.Repeat("x", 9000)}, "[fe80::1]:0"},
		"IPv4 in IPv6":           {networks, "[::ffff:10.0.0.1]:80", []string{"::ffff:1.2.3.4"}, "1.2.3.4:0"},
		"garbage":                {networks, peer, []string{"1.2.3.4, unknown"}, peer},
		"garbage before a proxy": {networks, peer, []string{"evil\r\n, 10.2.2.2"}, "10.2.2.2:0"},
		"a comma too many":       {networks, peer, []string{"1.2.3.4,"}, peer},
		"much":                   {networks, peer, []string{strings.Repeat("10.0.0.1,", 3000) + "1.2.3.4"}, "1.2.3.4:0"},
		"a peer without address": {networks, "@", []string{"1.2.3.4"}, "@"},
	} {
		trusted, err := proxies.Parse(tc.networks)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tc.peer
		r.Header["X-Forwarded-For"] = tc.forwarded
		var got string
		trusted.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr })).ServeHTTP(httptest.NewRecorder(), r)
		if got != tc.want || r.RemoteAddr != tc.peer {
			t.Errorf("%s: %s", name, got)
		}
	}
	for _, bad := range []string{"", "10.0.0.0/33", "proxy.example", "*", "fe80::1%eth0", "10.0.0.1:80"} {
		if got, err := proxies.Parse([]string{bad}); err == nil {
			t.Errorf("%s: %v", bad, got)
		}
	}
}

// An IPv4 network in the form of IPv6 is that network.
func TestMappedNetworksCount(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"::ffff:10.0.0.0/104", "::ffff:10.0.0.1", "10.0.0.0/8"} {
		trusted, err := proxies.Parse([]string{network})
		if err != nil {
			t.Fatal(err)
		}
		for _, peer := range []string{"[::ffff:10.0.0.1]:99", "10.0.0.1:99"} {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = peer
			r.Header.Set("X-Forwarded-For", "203.0.113.7")
			trusted.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.RemoteAddr != "203.0.113.7:0" {
					t.Errorf("%s through %s is %s", network, peer, r.RemoteAddr)
				}
			})).ServeHTTP(httptest.NewRecorder(), r)
		}
	}
}
