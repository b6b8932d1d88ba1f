// Package proxies finds out where a request comes from when load balancers stand in
// front of the service: each appends to X-Forwarded-For whom it got the request from.
// Anybody can send that header, so it counts only as far as proxies that are known have
// written it, and without them not at all. Nothing else of a request is believed or
// changed here. Start at Trusted.
package proxies

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Trusted are the networks of proxies whose X-Forwarded-For counts.
type Trusted []netip.Prefix

// Parse reads networks, "10.0.0.0/8", and single addresses. Its error names the first
// that is neither.
func Parse(networks []string) (Trusted, error) {
	var t Trusted
	for _, text := range networks {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			address, err := netip.ParseAddr(text)
			if err != nil || address.Zone() != "" {
				return nil, fmt.Errorf("%q is no network, like 10.0.0.0/8, and no IP address", text)
			}
			p = netip.PrefixFrom(address, address.BitLen())
		}
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 { // as parse has addresses
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		t = append(t, p)
	}
	return t, nil
}

func (t Trusted) contains(a netip.Addr) bool {
	return slices.ContainsFunc(t, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Middleware has handlers see the client's address as the request's RemoteAddr, with the
// port 0 where no proxy tells it.
func (t Trusted) Middleware(next http.Handler) http.Handler {
	if len(t) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if client, ok := t.client(r); ok {
			r = r.WithContext(r.Context()) // a copy: the request is not ours to change
			r.RemoteAddr = client.String()
		}
		next.ServeHTTP(w, r)
	})
}

// client is the last address on the way of a request that is none of a trusted proxy's;
// if all are, the first. What stands before something that is no address is not believed:
// no proxy has written it. False means the peer itself.
func (t Trusted) client(r *http.Request) (client netip.AddrPort, ok bool) {
	peer, known := parse(r.RemoteAddr)
	if !known || !t.contains(peer.Addr()) {
		return client, false
	}
	for _, line := range slices.Backward(r.Header["X-Forwarded-For"]) {
		for line != "" {
			i := strings.LastIndexByte(line, ',')
			hop, valid := parse(strings.TrimSpace(line[i+1:]))
			if !valid {
				return client, ok
			}
			if client, ok = hop, true; !t.contains(hop.Addr()) {
				return client, ok
			}
			line = line[:max(i, 0)]
		}
	}
	return client, ok
}

// parse reads an address with or without a port. IPv4 in the form of IPv6 is IPv4, and a
// zone is left out: it says something on one machine only.
func parse(text string) (netip.AddrPort, bool) {
	host, port := text, uint16(0)
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port()), true
	}
	if h, _, err := net.SplitHostPort(text + ":0"); err == nil && strings.HasPrefix(text, "[") {
		host = h
	}
	a, err := netip.ParseAddr(host)
	return netip.AddrPortFrom(a.Unmap().WithZone(""), port), err == nil
}
