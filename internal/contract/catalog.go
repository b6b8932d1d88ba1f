package contract

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

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
// namespaces around them. It checks nothing, so that
// schema.Compile can report the mistakes of Check together with its own.
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

var (
	versionRE        = regexp.MustCompile(`^\d+\.\d+\.\d+$`)
	namespaceRE      = regexp.MustCompile(`^/$|^(/[a-z0-9][a-z0-9_-]*|/([a-z0-9][a-z0-9_-]*)?\{[a-z_]+\})+$`)
	namespaceParamRE = regexp.MustCompile(`\{[a-z_]+\}`)
	operationRE      = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$`)
	eventRE          = regexp.MustCompile(`^[a-z][a-z0-9_.:-]*$`)
	httpPathRE       = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+|/\{[a-z_]+\})+$`)
	pathParamRE      = regexp.MustCompile(`\{[a-z_]+\}`)
	httpMethods      = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	reserved         = []string{"connect", "connect_error", "disconnect", "disconnecting", "error", Resync, Refresh}
)

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

// Reserved tells whether no command, event or question can have a name on the wire.
func Reserved(event string) bool { return slices.Contains(reserved, event) }

// Check returns every mistake in the declarations, joined. What is wrong with
// their types is found by schema.Compile.
func (c *Catalog) Check() error {
	k := checker{seen: map[string]string{}, rates: map[*Rate]bool{}}
	if c.Version != "" && !versionRE.MatchString(c.Version) {
		k.wrong("the catalog", "Version %q must look like 1.0.0: a first number that is raised says that clients break", c.Version)
	}
	for _, p := range c.used {
		k.policy(c, "the service's policy", p)
	}
	for _, n := range c.Namespaces {
		k.namespace(c, n)
	}
	for _, r := range c.Routes {
		k.route(r)
		k.policy(c, fmt.Sprintf("command %q", r.Operation), r.policy)
	}
	for _, e := range c.Events {
		k.event(e)
	}
	for _, a := range c.Asks {
		k.ask(a)
	}
	return errors.Join(k.errs...)
}

type checker struct {
	errs []error
	seen map[string]string // what must be unique -> who has it

	rates map[*Rate]bool // that were checked
}

func (k *checker) wrong(who, format string, args ...any) {
	k.errs = append(k.errs, fmt.Errorf("%s: %w", who, fmt.Errorf(format, args...)))
}

func (k *checker) unique(who, what string) {
	switch other, taken := k.seen[what]; {
	case taken && other == who:
		k.wrong(who, "%s is there twice: leave one of the two out, or rename it", what)
		return
	case taken:
		k.wrong(who, "%s is taken by %s: rename one of them", what, other)
		return
	}
	k.seen[what] = who
}

func (k *checker) namespace(c *Catalog, n Namespace) {
	who := fmt.Sprintf("namespace %q", n.Name)
	if !namespaceRE.MatchString(n.Name) && n.Name != anyNamespace {
		k.wrong(who, "the name must look like /noun or /noun-{id}, or be / or *")
	}
	k.dynamic(who, n)
	k.doc(who, n.Doc)
	k.unique(who, "the namespace name "+n.shape())
	k.policy(c, who, n.Policy)
	k.hook(c, who, "OnConnect", n.OnConnect, reflect.TypeFor[Connecting]())
	k.hook(c, who, "OnDisconnect", n.OnDisconnect, reflect.TypeFor[Departure](), reflect.TypeFor[Disconnected]())
}

// hook checks an operation that a namespace names, and its input.
func (k *checker) hook(c *Catalog, who, field, operation string, inputs ...reflect.Type) {
	if operation == "" {
		return
	}
	r, ok := c.Route(operation)
	if !ok {
		k.wrong(who, "%s names %s, which no use case serves: add the command's Handle to Routes, or correct the name", field, operation)
		return
	}
	if !r.Internal || !slices.Contains(inputs, r.In) {
		names := make([]string, len(inputs))
		for i, t := range inputs {
			names[i] = "a " + t.String()
		}
		k.wrong(who, "%s names %s, which is not an internal command with %s as input", field, operation, strings.Join(names, " or "))
	}
}

func (k *checker) route(r Route) {
	who := fmt.Sprintf("command %q", r.Operation)
	if !operationRE.MatchString(r.Operation) {
		k.wrong(who, "the operation must look like noun.verb, in lowercase")
	}
	k.unique(who, "the operation "+r.Operation)
	k.doc(who, r.Doc)
	if i := slices.IndexFunc(r.Raises, func(e EventSpec) bool { return e.Keep > 0 }); i >= 0 && !r.Keyed {
		k.wrong(who, "it raises %s, which is kept for each Key, and has no Key", r.Raises[i].Name)
	}
	switch {
	case r.mistake != nil:
		k.wrong(who, "%w", r.mistake)
	case r.Serve == nil:
		k.wrong(who, "it has no handler: Handle was given nil")
	}
	if r.policy != nil && len(r.policy.Connect) > 0 {
		k.wrong(who, "Connect guards are for namespaces and the service, not for a command")
	}
	k.timeout(who, r.Timeout)
	if r.Internal {
		if r.Event != "" || len(r.Guards) > 0 || r.HTTP != (HTTP{}) {
			k.wrong(who, "an internal command has no Event, no Guards and no HTTP: no client can send it")
		}
	} else {
		if r.Event == AnyOther {
			if r.In != reflect.TypeFor[Other]() || r.HTTP != (HTTP{}) {
				k.wrong(who, "a command for any other event has a contract.Other as input, and no HTTP")
			}
		} else {
			k.wireName(who, "event name", r.Event)
		}
		k.unique(who, fmt.Sprintf("the event %q on %s", r.Event, r.Namespace.Name))
	}
	if r.HTTP != (HTTP{}) {
		if r.Namespace.Dynamic() {
			k.wrong(who, "its namespace is a pattern, and a REST call is in none of it: it can have no HTTP")
		}
		k.http(who, r.HTTP)
	}
}

func (k *checker) policy(c *Catalog, who string, p *Policy) {
	if p == nil {
		return
	}
	for q := p; q != nil; q = q.outer {
		for i := range q.Rates {
			k.rate(c, who, &q.Rates[i])
		}
	}
	for _, g := range p.Connect {
		if g.Allow == nil || g.For != "" || g.Disconnect {
			k.wrong(who, "the connect guard %q must have an Allow, and can have no For and no Disconnect", g.Name)
		}
	}
	for _, g := range p.Guards {
		switch {
		case g.Allow == nil:
			k.wrong(who, "the guard %q has no Allow", g.Name)
		case !slices.ContainsFunc(c.Routes, func(r Route) bool { return matches(g.For, r.Operation) }):
			k.wrong(who, "the guard %q is for %s, which no operation is called: correct its For", g.Name, g.For)
		}
	}
	for i, m := range p.Middleware {
		if m == nil {
			k.wrong(who, "middleware %d is nil", i)
		}
	}
	for i, m := range p.Errors {
		if m == nil {
			k.wrong(who, "meaning %d of errors is nil", i)
		}
	}
}

func (k *checker) http(who string, h HTTP) {
	if !slices.Contains(httpMethods, h.Method) {
		k.wrong(who, "the HTTP method must be one of %s", strings.Join(httpMethods, ", "))
	}
	if !httpPathRE.MatchString(h.Path) {
		k.wrong(who, "the HTTP path must look like /v1/rooms/{room}")
	}
	k.unique(who, "the route "+h.Method+" "+pathParamRE.ReplaceAllString(h.Path, "{}"))
}

func (k *checker) event(e EventSpec) {
	who := fmt.Sprintf("event %q on %s", e.Name, e.Namespace.Name)
	k.wireName(who, "name", e.Name)
	k.doc(who, e.Doc)
	if e.Keep < 0 {
		k.wrong(who, "Keep is negative")
	}
	k.unique(who, "the event name "+e.Name+" on "+e.Namespace.Name)
}

func (k *checker) ask(a AskSpec) {
	who := fmt.Sprintf("question %q on %s", a.Name, a.Namespace.Name)
	k.wireName(who, "name", a.Name)
	k.doc(who, a.Doc)
	k.unique(who, "the event name "+a.Name+" on "+a.Namespace.Name)
	k.timeout(who, a.Timeout)
}

func (k *checker) wireName(who, what, name string) {
	switch {
	case !eventRE.MatchString(name):
		k.wrong(who, "the %s %q must be lowercase and start with a letter", what, name)
	case Reserved(name):
		k.wrong(who, "the %s %q is reserved", what, name)
	}
}

// MaxTimeout is the longest that a caller may wait.
const MaxTimeout = 24 * time.Hour

func (k *checker) timeout(who string, d time.Duration) {
	if d != 0 && (d < time.Millisecond || d > MaxTimeout) {
		k.wrong(who, "the timeout %s is not between 1ms and %s", d, MaxTimeout)
	}
}

func (k *checker) doc(who, doc string) {
	if doc == "" {
		k.wrong(who, "it has no Doc; one sentence will do")
	}
}
