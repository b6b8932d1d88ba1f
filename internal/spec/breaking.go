package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/example/switchyard/internal/schema"
)

// Breaking lists what clients of an older document would stumble over in a newer one, in
// a stable order: a namespace, command, event or REST route that is gone; what they may
// send no longer; what they are sent and do not expect. A field of what clients are sent
// may be added, and a field of what they send if it is optional.
func Breaking(older, newer *Document) []string {
	c := &comparison{older: older, newer: newer}
	there := map[wireName]*Operation{}
	for _, o := range newer.Operations {
		there[newer.wireName(o)] = o
	}
	for _, key := range sorted(older.Operations) {
		was := older.Operations[key]
		name := older.wireName(was)
		if is := there[name]; is != nil {
			c.operation(key, was, is)
		} else {
			c.say(key, "%s on %s is gone", name.event, name.namespace)
		}
	}
	return c.broken
}

// A wireName is how clients know an operation. Its key is for readers.
type wireName struct{ action, namespace, event string }

func (d *Document) wireName(o *Operation) wireName {
	name := wireName{action: o.Action, event: d.message(o.Messages[0]).Name}
	if c := d.Channels[strings.TrimPrefix(o.Channel.Ref, "#/channels/")]; c != nil && c.Address != nil {
		name.namespace = *c.Address
	}
	return name
}

type comparison struct {
	older, newer *Document
	broken       []string
}

func (c *comparison) say(where, format string, args ...any) {
	c.broken = append(c.broken, where+": "+fmt.Sprintf(format, args...))
}

func (c *comparison) operation(key string, was, is *Operation) {
	if was.REST != nil && (is.REST == nil || was.REST.Method != is.REST.Method || was.REST.Path != is.REST.Path) {
		c.say(key, "the REST route %s %s is gone", was.REST.Method, was.REST.Path)
	}
	if was.Retryable && !is.Retryable {
		c.say(key, "it has no idempotency key any more")
	}
	before, after := c.older.message(was.Messages[0]), c.newer.message(is.Messages[0])
	if a, b := before.Arguments, after.Arguments; was.Action == send && was.Reply != nil && a != nil && len(b) > len(a) {
		c.say(key+" payload", "its arguments are now %v, and were %v: the callback comes after them", b, a)
	}
	c.payload(key+" payload", before, after, was.Action == receive)
	switch {
	case was.Reply == nil && is.Reply == nil:
	case was.Reply == nil || is.Reply == nil:
		c.say(key, "it is acknowledged in one of the two only")
	default:
		c.payload(key+" answer", c.older.message(was.Reply.Messages[0]), c.newer.message(is.Reply.Messages[0]), was.Action != receive)
	}
}

// payload compares what clients send: all that was right must be right; or what they are
// sent: all that may come must be what came.
func (c *comparison) payload(where string, was, is *Message, sentByClients bool) {
	if !slices.Equal(was.Arguments, is.Arguments[:min(len(was.Arguments), len(is.Arguments))]) || (was.Arguments == nil) != (is.Arguments == nil) {
		c.say(where, "its arguments are now %v, and were %v", is.Arguments, was.Arguments)
	}
	if sentByClients {
		c.within(where, side{c.older, was.Payload}, side{c.newer, is.Payload}, noLonger)
	} else {
		c.within(where, side{c.newer, is.Payload}, side{c.older, was.Payload}, now)
	}
	c.gone(where, side{c.older, was.Payload}, side{c.newer, is.Payload})
}

// What has become of a value: clients may not send it any more, or are sent it.
const noLonger, now = "no longer", "now"

// A side is a schema of one of the documents.
type side struct {
	doc    *Document
	schema *jsonschema.Schema
}

// flat is what a side refers to, without what is said beside the reference.
func (s side) flat() side {
	for {
		switch {
		case s.schema == nil:
			s.schema = &jsonschema.Schema{}
			return s
		case s.schema.Ref != "":
			s.schema = s.doc.Components.Schemas[strings.TrimPrefix(s.schema.Ref, schemasAt)]
		case len(s.schema.AllOf) == 1:
			s.schema = s.schema.AllOf[0]
		default:
			return s
		}
	}
}

func (s side) of(child *jsonschema.Schema) side { return side{s.doc, child} }

// variants are the sides of a union, or the side alone.
func (s side) variants() []side {
	s = s.flat()
	if len(s.schema.OneOf) == 0 {
		return []side{s}
	}
	var all []side
	for _, one := range s.schema.OneOf {
		all = append(all, s.of(one).variants()...)
	}
	return all
}

// name tells the variants of a union apart: by kind, or by type.
func (s side) name() string {
	if kind := s.schema.Properties["kind"]; kind != nil {
		switch {
		case kind.Const != nil:
			return fmt.Sprint(*kind.Const)
		case len(kind.Enum) == 1: // of what is no union with others yet, or any more
			return fmt.Sprint(kind.Enum[0])
		}
	}
	return strings.Join(schema.Types(s.schema), " or ")
}

// within says where a value of one side is none of the other. How is what has become of it.
func (c *comparison) within(where string, from, to side, how string) {
	targets := to.variants()
	for _, f := range from.variants() {
		i := 0
		if len(targets) > 1 {
			i = slices.IndexFunc(targets, func(t side) bool { return t.name() == f.name() })
		}
		if i < 0 {
			c.say(where, "%s: it is %s possible", f.name(), how)
			continue
		}
		c.rules(where, f, targets[i], how)
		c.members(where, f, targets[i], how)
	}
}

// members compares what is in objects and lists.
func (c *comparison) members(where string, from, to side, how string) {
	f, t := from.schema, to.schema
	for _, name := range t.Required {
		if !slices.Contains(f.Required, name) {
			c.say(where+"."+name, "leaving it out is %s possible", how)
		}
	}
	for _, name := range sorted(f.Properties) {
		if field := field(t, name); field != nil {
			c.within(where+"."+name, from.of(f.Properties[name]), to.of(field), how)
		}
	}
	if isMap(f) && !isMap(t) {
		for _, name := range sorted(t.Properties) {
			c.within(where+"."+name, from.of(f.AdditionalProperties), to.of(t.Properties[name]), how)
		}
		if t.AdditionalProperties != nil && how == noLonger { // clients pass over what they do not know
			c.say(where, "a field of any name is %s possible", how)
		}
	}
	if f.Items != nil && t.Items != nil {
		c.within(where+"[]", from.of(f.Items), to.of(t.Items), how)
	}
	if isMap(f) && isMap(t) {
		c.within(where+"{}", from.of(f.AdditionalProperties), to.of(t.AdditionalProperties), how)
	}
}

// field is the schema of one member of an object or of a map, or nil.
func field(s *jsonschema.Schema, name string) *jsonschema.Schema {
	if one := s.Properties[name]; one != nil || !isMap(s) {
		return one
	}
	return s.AdditionalProperties
}

func isMap(s *jsonschema.Schema) bool {
	return s.AdditionalProperties != nil && s.AdditionalProperties.Not == nil
}

// gone says which fields are there no more, whoever sends them.
func (c *comparison) gone(where string, was, is side) {
	targets := is.variants()
	for _, w := range was.variants() {
		i := 0
		if len(targets) > 1 {
			i = slices.IndexFunc(targets, func(t side) bool { return t.name() == w.name() })
		}
		if i < 0 {
			continue // within has told, or the variant cannot come any more
		}
		next := targets[i]
		for _, name := range sorted(w.schema.Properties) {
			if field := field(next.schema, name); field == nil {
				c.say(where+"."+name, "the field is gone")
			} else {
				c.gone(where+"."+name, w.of(w.schema.Properties[name]), next.of(field))
			}
		}
		if w.schema.Items != nil && next.schema.Items != nil {
			c.gone(where+"[]", w.of(w.schema.Items), next.of(next.schema.Items))
		}
		if isMap(w.schema) && isMap(next.schema) {
			c.gone(where+"{}", w.of(w.schema.AdditionalProperties), next.of(next.schema.AdditionalProperties))
		}
	}
}
