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

// What names must look like.
var (
	versionRE   = regexp.MustCompile(`^\d+\.\d+\.\d+$`)
	namespaceRE = regexp.MustCompile(`^/$|^(/[a-z0-9][a-z0-9_-]*|/([a-z0-9][a-z0-9_-]*)?\{[a-z_]+\})+$`)
	operationRE = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$`)
	eventRE     = regexp.MustCompile(`^[a-z][a-z0-9_.:-]*$`)
	httpPathRE  = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+|/\{[a-z_]+\})+$`)
	paramRE     = regexp.MustCompile(`\{[a-z_]+\}`) // of a namespace, or of an HTTP path
	httpMethods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
)

// Check returns every mistake in the declarations, joined. What is wrong with
// their types is found by schema.Compile.
func (c *Catalog) Check() error {
	k := checker{seen: map[string]string{}, paths: map[string]pathOf{}, rates: map[*Rate]bool{}, policies: map[*Policy]bool{}}
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

	paths    map[string]pathOf // the first HTTP path of each shape
	rates    map[*Rate]bool    // that were checked
	policies map[*Policy]bool  // likewise
}

// A pathOf is an HTTP path and whose it is.
type pathOf struct{ path, who string }

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

// policy checks a policy, and those that it is nested in.
func (k *checker) policy(c *Catalog, who string, p *Policy) {
	if p == nil || k.policies[p] {
		return
	}
	k.policies[p] = true
	defer k.policy(c, who, p.outer)
	for i := range p.Rates {
		k.rate(c, who, &p.Rates[i])
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
	shape := paramRE.ReplaceAllString(h.Path, "{}")
	k.unique(who, "the route "+h.Method+" "+shape)
	switch first, ok := k.paths[shape]; {
	case !ok:
		k.paths[shape] = pathOf{h.Path, who}
	case first.path != h.Path: // OpenAPI takes them for one path that is there twice
		k.wrong(who, "the HTTP path %s differs from %s of %s by the names in braces alone: give them the same names", h.Path, first.path, first.who)
	}
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
