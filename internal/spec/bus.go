package spec

import (
	"reflect"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/schema"
)

// Bus describes the streams in Redis, for programs that read or write them beside the
// nodes: each kind of stream is a channel, each command and each event a message of one.
func Bus(c *schema.Contract, streams []broker.Stream) (*Document, error) {
	d := newDocument(c)
	d.Info.Title += ", the streams in Redis"
	d.Internal = nil
	d.Servers["redis"] = Server{
		Host: "{host}", Protocol: "redis", Description: "Streams. Each entry has the fields of watermill-redisstream: " + fields() + ".",
		Variables: map[string]Variable{"host": {Default: "localhost:6379"}},
	}
	b := &builder{Contract: c, doc: d, schemas: schema.NewComponents(schemasAt)}
	for _, r := range c.Routes {
		b.received(r.In)
	}
	for _, s := range streams {
		b.stream(s)
	}
	d.Components.Schemas, d.Components.Messages = b.schemas.Schemas, nil
	return d, b.err
}

func fields() string {
	var all []string
	for _, f := range broker.Fields() {
		all = append(all, f.Name+" ("+strings.TrimSuffix(f.Doc, ".")+")")
	}
	return strings.Join(all, ", ")
}

var streamParameters = map[string]Variable{
	"lane": {Description: "A hash tag, with its braces: {p0}, {p1} and so on, PARTITIONS of them. FNV-1a of a command's key picks it, h ^ h>>32 modulo PARTITIONS."},
	"boot": {Description: "One process of a gateway: its NODE_ID, a dot, and a random part."},
}

// stream adds the channel of one kind of stream, and the operation on it.
func (b *builder) stream(s broker.Stream) {
	channel := &Channel{Address: &s.Address, Title: s.Name, Description: s.Doc, Messages: b.onStream(s), Parameters: map[string]Variable{}}
	for name, v := range streamParameters {
		if strings.Contains(s.Address, "{"+name+"}") {
			channel.Parameters[name] = v
		}
	}
	b.doc.Channels[s.Name] = channel
	for _, action := range []string{send, receive} {
		o := &Operation{Action: action, Summary: s.Doc, Channel: channelRef(s.Name)}
		for _, key := range sorted(channel.Messages) {
			o.Messages = append(o.Messages, messageRef(s.Name, key))
		}
		b.doc.Operations[action+":"+s.Name] = o
	}
}

// onStream are the messages of a kind of stream.
func (b *builder) onStream(s broker.Stream) map[string]*Message {
	all := map[string]*Message{}
	put := func(key, name, doc string, payload *jsonschema.Schema, only ...string) {
		all[key] = &Message{Name: name, Summary: doc, Headers: b.headers(s, only...), Payload: said(payload)}
	}
	switch s.Name {
	case broker.CommandStreams:
		for _, r := range b.Routes {
			put(r.Operation, r.Operation, r.Doc, b.received(r.In), "operation", r.Operation)
		}
	case broker.EventStreams:
		for _, e := range b.Events {
			put(sendKey(e.Namespace, e.Name), e.Name, e.Doc, b.sent(e.Type), broker.MetaNamespace, e.Namespace.Name, broker.MetaEvent, e.Name)
		}
		for _, a := range b.Catalog.Asks {
			put(sendKey(a.Namespace, a.Name), a.Name, a.Doc, b.sent(a.Question), broker.MetaNamespace, a.Namespace.Name, broker.MetaEvent, a.Name)
		}
		put("request", "request", "A request to the nodes that hold sockets, or an answer that changes rooms.", &jsonschema.Schema{})
	case broker.ReplyStreams:
		for _, r := range b.Routes {
			put(r.Operation, r.Operation+" result", "What "+r.Operation+" is answered.", b.sent(r.Out))
		}
		put("problem", "problem", "Why there is no result.", b.sent(reflect.TypeFor[fault.Problem]()))
	case broker.DeadLetterStreams:
		put("dead-letter", "dead letter", "What was sent.", &jsonschema.Schema{})
	}
	return all
}

// headers is the schema of a message's metadata: those of its stream, with what they are
// on this message alone, as pairs. No Go type's name has a dash.
func (b *builder) headers(s broker.Stream, only ...string) *jsonschema.Schema {
	name := s.Name + "-headers"
	if b.schemas.Schemas[name] == nil {
		all := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}}
		for _, h := range s.Headers {
			all.Properties[h.Name] = &jsonschema.Schema{Type: "string", Description: h.Doc}
			all.PropertyOrder = append(all.PropertyOrder, h.Name)
		}
		b.schemas.Schemas[name] = all
	}
	own := &jsonschema.Schema{Type: "object", AllOf: []*jsonschema.Schema{{Ref: schemasAt + name}}}
	for i := 0; i+1 < len(only); i += 2 {
		if own.Properties == nil {
			own.Properties = map[string]*jsonschema.Schema{}
		}
		var value any = only[i+1]
		own.Properties[only[i]] = &jsonschema.Schema{Const: &value}
		own.Required = append(own.Required, only[i])
	}
	return own
}
