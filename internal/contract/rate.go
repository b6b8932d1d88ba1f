package contract

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A Rate bounds how often clients may send commands, over sockets and REST alike: one
// every so often on average, some more at once. One too many is refused at once with
// "exhausted", which says when another try can help. It is held before anything else is
// looked at, so whatever a client sends counts, retries too. Follow-up commands and
// other internal ones do not.
//
//	Policy: contract.Policy{Rates: []contract.Rate{{Name: "post", Every: time.Second, Burst: 5}}}
//
// bounds each user's use of one command. In the policy of a namespace, or of the service,
// one rate holds for all its commands together.
type Rate struct {
	Name  string        // for clients, logs and the key in Redis: unique in the service
	For   string        // which operations, as of a Guard; empty: all of the policy's
	Every time.Duration // one command, on average
	Burst int           // so many may come at once; zero is one

	// By names who shares the rate: a tenant, a role, everybody (always the same text).
	// Nil: each user of a tenant has their own, over all their sockets. A guest is
	// another user on each connection, and over REST at each request.
	By func(Caller) string

	// Cluster holds the rate over all nodes together, for a round trip to Redis for each
	// command, during which nothing more is read of that client. While Redis does not
	// answer, each node holds it by itself, as it does without Cluster.
	Cluster bool

	// DisconnectAfter so many refusals, with no accepted command between them, the socket
	// that sends the next one too many loses its connection to the namespace. Zero: never.
	DisconnectAfter int
}

// burst is how many commands may come at once.
func (r *Rate) burst() int { return cmp.Or(r.Burst, 1) }

// Full is how long it takes until somebody who has sent a whole burst may send another.
func (r *Rate) Full() time.Duration { return time.Duration(r.burst()) * r.Every }

// Key is who shares the rate with a caller, as the tenant and a name in it.
func (r *Rate) Key(by Caller) (tenant, name string) {
	if r.By != nil {
		return "", r.By(by)
	}
	return by.Tenant, by.UserID
}

// rated adds the rates of a policy to those of a route.
func (p *Policy) rated(r Route) []*Rate {
	rates := slices.Clip(r.Rates)
	for i := range p.Rates {
		if rate := &p.Rates[i]; !r.Internal && matches(rate.For, r.Operation) && !slices.Contains(rates, rate) {
			rates = append(rates, rate)
		}
	}
	return rates
}

// rate checks one rate of a policy.
func (k *checker) rate(c *Catalog, who string, r *Rate) {
	if k.rates[r] {
		return // of a policy that several declarations share
	}
	k.rates[r] = true
	who = fmt.Sprintf("%s: rate %q", who, r.Name)
	if !eventRE.MatchString(r.Name) {
		k.wrong(who, "the name must be lowercase and start with a letter")
	}
	k.unique(who, "the rate name "+r.Name)
	if !slices.ContainsFunc(c.Routes, func(route Route) bool { return slices.Contains(route.Rates, r) }) {
		k.wrong(who, "it is for %q, which no command is called that clients can send", r.For)
	}
	if r.Every < time.Microsecond || r.Burst < 0 || r.DisconnectAfter < 0 {
		k.wrong(who, "Every must be at least 1µs; Burst and DisconnectAfter must not be negative")
	} else if r.Every > maxFull/time.Duration(r.burst()) {
		k.wrong(who, "a whole burst takes more than %s", maxFull)
	}
}

const maxFull = 31 * 24 * time.Hour
