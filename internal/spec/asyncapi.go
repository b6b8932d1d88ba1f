package spec

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/schema"
)

const (
	asyncAPIVersion  = "3.0.0" // readers of 3.1.0 take it
	schemasAt        = "#/components/schemas/"
	problem          = "Problem"
	contentType      = "application/json"
	send, receive    = "send", "receive"
	errorEvent       = "error"
	describeSocketIO = "Engine.IO 4, Socket.IO 5; long polling on the same path. A channel is a namespace, the name of a message " +
		"its event, and the payload the event's one argument; where x-arguments names members of the payload, each of " +
		"them is an argument, in this order. One of them that may be missing is null where a later one is there, and also where a client sends null; a question, which the client's callback follows, has all of them. Binary data, contentMediaType application/octet-stream, comes as attachments. A reply is the acknowledgement: a result, or a problem, whose kind is error."
)

// AsyncAPI describes what clients may send over sockets, and what they are sent: each
// namespace is a channel, each command an operation that receives, with its
// acknowledgement as the reply, each event and question one that sends.
func AsyncAPI(c *schema.Contract, path string) (*Document, error) {
	d := newDocument(c)
	d.Servers["socketio"] = Server{
		Host: "{host}", Pathname: path, Protocol: "ws", Description: describeSocketIO, Tags: []Tag{{"socket.io"}},
		Variables: map[string]Variable{"host": {Default: "localhost:8080", Description: "Where the service is; with TLS the protocol is wss."}},
	}
	b := &builder{Contract: c, doc: d, schemas: schema.NewComponents(schemasAt)}
	if err := b.receiveFirst(); err != nil {
		return nil, err
	}
	b.doc.Components.Messages[problem] = b.message(problem, "Why there is no result.", b.sent(reflect.TypeFor[fault.Problem]()), nil)
	for _, n := range c.Namespaces {
		b.namespace(n)
	}
	for _, e := range c.Events {
		b.event(e)
	}
	for _, a := range c.Catalog.Asks {
		b.ask(a)
	}
	for _, r := range c.Routes {
		b.command(r)
	}
	d.Components.Schemas = b.schemas.Schemas
	return d, b.err
}

func newDocument(c *schema.Contract) *Document {
	return &Document{
		AsyncAPI: asyncAPIVersion, Info: info(c), DefaultContentType: contentType,
		Servers: map[string]Server{}, Channels: map[string]*Channel{}, Operations: map[string]*Operation{},
		Components: Components{Messages: map[string]*Message{}}, Internal: map[string]Internal{},
	}
}

func info(c *schema.Contract) Info {
	return Info{Title: cmp.Or(c.Title, "Service"), Version: cmp.Or(c.Version, "0.0.0"), Description: c.Doc}
}

// A builder fills a document. Its error is the first.
type builder struct {
	*schema.Contract
	doc     *Document
	schemas *schema.Components
	err     error
}

// receiveFirst adds what clients send, before what they are sent: see schema.Components.
func (b *builder) receiveFirst() error {
	for _, r := range b.Routes {
		if !r.Internal {
			b.received(r.In)
		}
	}
	for _, a := range b.Catalog.Asks {
		b.received(a.Answer)
	}
	return b.err
}

func (b *builder) received(t reflect.Type) *jsonschema.Schema { return b.keep(b.schemas.Received(t)) }
func (b *builder) sent(t reflect.Type) *jsonschema.Schema     { return b.keep(b.schemas.Sent(t)) }

func (b *builder) keep(s *jsonschema.Schema, err error) *jsonschema.Schema {
	if err != nil && b.err == nil {
		b.err = err
	}
	return s
}

func (b *builder) message(name, summary string, payload *jsonschema.Schema, t reflect.Type) *Message {
	m := &Message{Name: name, Summary: summary, Payload: said(payload)}
	if t != nil {
		m.Arguments = contract.ShapeOf(t).Args
	}
	if example, ok := b.example(payload); ok {
		m.Examples = []Example{{example}}
	}
	return m
}

// said is a payload's schema: AsyncAPI wants an object where JSON Schema has true.
func said(s *jsonschema.Schema) *jsonschema.Schema {
	if s != nil && schema.Types(s) == nil && s.Ref == "" && s.Description == "" {
		return &jsonschema.Schema{Description: "Any JSON."}
	}
	return s
}

// namespace adds a channel, with what every namespace says.
func (b *builder) namespace(n contract.Namespace) {
	key := channelKey(n.Name)
	if other := b.doc.Channels[key]; other != nil && b.err == nil {
		b.err = fmt.Errorf("the namespaces %s and %s are both called %s in documents: rename one of them", *other.Address, n.Name, key)
	}
	b.doc.Channels[key] = &Channel{
		Address: &n.Name, Title: "Namespace " + n.Name, Description: n.Doc, Messages: map[string]*Message{},
		Parameters: parametersOf(n), OnConnect: n.OnConnect, OnDisconnect: n.OnDisconnect, Guards: b.ConnectGuards(n),
		Bindings: map[string]any{"ws": map[string]any{"bindingVersion": "0.1.0", "method": "GET", "query": handshakeQuery}},
	}
	b.sends(n, contract.Resync, "You may have missed events: read again the state that you show.",
		b.sent(reflect.TypeFor[contract.ResyncPayload]()), nil, Operation{Delivery: "ephemeral"})
	b.sends(n, errorEvent, "The problem of a command that was sent without asking for an acknowledgement, or of the connection.",
		b.sent(reflect.TypeFor[fault.Problem]()), nil, Operation{Delivery: "ephemeral"})
}

var handshakeQuery = &jsonschema.Schema{
	Type: "object", Required: []string{"EIO", "transport"}, PropertyOrder: []string{"EIO", "transport"},
	Properties: map[string]*jsonschema.Schema{
		"EIO": {Type: "string", Enum: []any{"4"}}, "transport": {Type: "string", Enum: []any{"polling", "websocket"}},
	},
}

// sends adds an operation that sends a message of a namespace.
func (b *builder) sends(n contract.Namespace, name, doc string, payload *jsonschema.Schema, t reflect.Type, o Operation) {
	at := channelKey(n.Name)
	key := messageIn(b.doc.Channels[at], name, send)
	b.doc.Channels[at].Messages[key] = b.message(name, doc, payload, t)
	o.Action, o.Summary, o.Channel, o.Messages = send, doc, channelRef(at), []Ref{messageRef(at, key)}
	b.doc.Operations[sendKey(n, name)] = &o
}

func (b *builder) event(e contract.EventSpec) {
	o := Operation{Delivery: "ephemeral", Keep: e.Keep}
	if e.Keep > 0 {
		o.Delivery = "durable"
	}
	for _, r := range b.Routes {
		if slices.ContainsFunc(r.Raises, func(s contract.EventSpec) bool { return s.Name == e.Name && s.Namespace.Name == e.Namespace.Name }) {
			o.TriggeredBy = append(o.TriggeredBy, r.Operation)
			if r.HTTP.Path != "" {
				o.RESTTriggers = append(o.RESTTriggers, *restOf(r))
			}
		}
	}
	b.sends(e.Namespace, e.Name, e.Doc, b.sent(e.Type), e.Type, o)
}

func (b *builder) ask(a contract.AskSpec) {
	o := Operation{TimeoutMS: a.Timeout.Milliseconds()}
	for _, r := range b.Routes {
		if slices.ContainsFunc(r.Asks, func(s contract.AskSpec) bool { return s.Name == a.Name && s.Namespace.Name == a.Namespace.Name }) {
			o.TriggeredBy = append(o.TriggeredBy, r.Operation)
		}
	}
	key := sendKey(a.Namespace, a.Name)
	o.Reply = b.reply(key, a.Name, "The client's answer.", b.received(a.Answer), a.Answer)
	b.sends(a.Namespace, a.Name, a.Doc, b.sent(a.Question), a.Question, o)
}

func (b *builder) command(r contract.Route) {
	var emits, asks []string
	for _, e := range r.Raises {
		emits = append(emits, sendKey(e.Namespace, e.Name))
	}
	for _, a := range r.Asks {
		asks = append(asks, sendKey(a.Namespace, a.Name))
	}
	if r.Internal {
		b.doc.Internal[r.Operation] = Internal{Summary: r.Doc, Emits: emits, Asks: asks}
		return
	}
	at := channelKey(r.Namespace.Name)
	key := messageIn(b.doc.Channels[at], r.Event, receive)
	b.doc.Channels[at].Messages[key] = b.message(r.Event, r.Doc, b.received(r.In), r.In)
	o := &Operation{
		Action: receive, Summary: r.Doc, Channel: channelRef(at), Messages: []Ref{messageRef(at, key)},
		Reply: b.reply(r.Operation, r.Event, "The result.", b.sent(r.Out), r.Out), Operation: r.Operation,
		Emits: emits, Asks: asks, Guards: r.Guards, Rates: ratesOf(r), OrderedBy: "socket", Retryable: r.Retryable, TimeoutMS: r.Timeout.Milliseconds(),
	}
	switch {
	case r.Keyed:
		o.OrderedBy = "key"
	case r.Retryable:
		o.OrderedBy = "user"
	}
	if r.HTTP.Path != "" {
		o.REST = restOf(r)
	}
	b.doc.Operations[r.Operation] = o
}

// reply adds the channel of an acknowledgement, which has no address: an acknowledgement
// has no name on the wire.
func (b *builder) reply(of, event, doc string, result *jsonschema.Schema, t reflect.Type) *Reply {
	at := of + ":ack"
	b.doc.Channels[at] = &Channel{Title: "Acknowledgement of " + event, Messages: map[string]*Message{
		"result": b.message(event+" result", doc, result, t), "problem": {Ref: "#/components/messages/" + problem},
	}}
	return &Reply{Channel: channelRef(at), Messages: []Ref{messageRef(at, "result"), messageRef(at, "problem")}}
}

// example is the value that the examples of fields make up, if every required field has
// one.
func (b *builder) example(s *jsonschema.Schema) (any, bool) {
	if s == nil {
		return nil, false // the error is kept
	}
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0], true
	case len(s.AllOf) == 1:
		return b.example(s.AllOf[0])
	}
	if s = b.schemas.Resolve(s); s.Type != "object" || len(s.Properties) == 0 {
		return nil, false
	}
	value := map[string]any{}
	for name, field := range s.Properties {
		v, ok := b.example(field)
		if ok {
			value[name] = v
		} else if slices.Contains(s.Required, name) {
			return nil, false
		}
	}
	return value, len(value) > 0
}

// channelKey is a namespace's name as a key: without the braces of one that is a pattern,
// and main for "/".
func channelKey(namespace string) string {
	return cmp.Or(channelKeys.Replace(strings.Trim(namespace, "/")), "main")
}

var channelKeys = strings.NewReplacer("/", ".", "{", "", "}", "", "*", "any")

// parametersOf are what the name of a dynamic namespace has in braces.
func parametersOf(n contract.Namespace) map[string]Variable {
	var all map[string]Variable
	for rest := n.Name; ; {
		_, name, found := strings.Cut(rest, "{")
		if !found {
			return all
		}
		if all == nil {
			all = map[string]Variable{}
		}
		name, rest, _ = strings.Cut(name, "}")
		all[name] = Variable{Description: "As the client names it; handlers are told."}
	}
}

// sendKey is the operation that sends an event. Its colon keeps it apart from those of
// commands.
func sendKey(n contract.Namespace, event string) string { return channelKey(n.Name) + ":" + event }

// messageIn is a key for a message of a channel. A command and an event may have one name.
func messageIn(c *Channel, event, action string) string {
	if c.Messages[event] == nil {
		return event
	}
	return event + "@" + action
}

func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

func channelRef(channel string) Ref      { return Ref{"#/channels/" + channel} }
func messageRef(channel, key string) Ref { return Ref{"#/channels/" + channel + "/messages/" + key} }
func restOf(r contract.Route) *REST      { return &REST{r.Operation, r.HTTP.Method, r.HTTP.Path, r.Doc} }
