package contract

import "slices"

// A Catalog is everything the service says. Make it with NewCatalog.
type Catalog struct {
	// What documents begin with. The version is of the contract, "1.4.0": a change that
	// breaks clients raises its first number.
	Title, Doc, Version string

	Namespaces []Namespace // in order of first mention
	Routes     []Route
	Events     []EventSpec // every event that a route raises, once
	Asks       []AskSpec   // every question that a route puts to clients, once

	used []*Policy // of the service, the last outermost
}

// NewCatalog gathers the routes of all use cases, and puts the policies of their
// namespaces around them. It checks nothing, so that schema.Compile can report the
// mistakes of Check together with its own.
func NewCatalog(groups ...[]Route) *Catalog {
	c := &Catalog{Routes: slices.Concat(groups...)}
	for i, r := range c.Routes {
		c.Routes[i] = r.Namespace.Policy.around(r)
		c.addNamespace(r.Namespace)
		for _, e := range r.Raises {
			c.addNamespace(e.Namespace)
			if !slices.ContainsFunc(c.Events, e.same) {
				c.Events = append(c.Events, e)
			}
		}
		for _, a := range r.Asks {
			c.addNamespace(a.Namespace)
			if !slices.ContainsFunc(c.Asks, a.same) {
				c.Asks = append(c.Asks, a)
			}
		}
	}
	return c
}

func (c *Catalog) addNamespace(n Namespace) {
	if !slices.Contains(c.Namespaces, n) {
		c.Namespaces = append(c.Namespaces, n)
	}
}

// Route returns the route of an operation.
func (c *Catalog) Route(operation string) (Route, bool) {
	i := slices.IndexFunc(c.Routes, func(r Route) bool { return r.Operation == operation })
	if i < 0 {
		return Route{}, false
	}
	return c.Routes[i], true
}

// Resync is the event that tells clients of every namespace that they may have missed
// events. No use case raises it.
const Resync = "resync"

// A ResyncPayload says what a client may have missed.
type ResyncPayload struct {
	Rooms  []string `json:"rooms" doc:"In these rooms; none means anywhere."`
	Reason string   `json:"reason" enum:"gap|epoch" doc:"gap: events are gone. epoch: so may be what was seen before."`
}

// Refresh is the event by which a client of any namespace gives its socket there a new
// token before the old one expires: its argument is an auth object, as for connecting.
// The socket takes over the token's roles and time, and commands sent after it have
// them. User and tenant must stay the same. No use case serves it.
const Refresh = "auth.refresh"

var reserved = []string{"connect", "connect_error", "disconnect", "disconnecting", "error", Resync, Refresh}

// Reserved tells whether no command, event or question can have a name on the wire.
func Reserved(event string) bool { return slices.Contains(reserved, event) }
