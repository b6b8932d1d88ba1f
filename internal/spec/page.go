package spec

import (
	"bytes"
	_ "embed"
	"html/template"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/example/switchyard/internal/schema"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"json": pretty}).Parse(pageText))

func pretty(v any) (string, error) {
	b, err := JSON(v)
	return strings.TrimSpace(string(b)), err
}

// Page writes an AsyncAPI document for people: one page that needs no script and nothing
// from elsewhere.
func Page(d *Document) ([]byte, error) {
	v := &view{Document: d}
	for _, key := range sorted(d.Channels) {
		if c := d.Channels[key]; c.Address != nil {
			v.Namespaces = append(v.Namespaces, v.namespace(key, c))
		}
	}
	for _, name := range sorted(d.Components.Schemas) {
		v.Types = append(v.Types, v.shape(name, d.Components.Schemas[name]))
	}
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, v)
	return b.Bytes(), err
}

// A view is a document in the order in which it is read.
type view struct {
	*Document
	Namespaces []namespaceView
	Types      []shapeView
}

type namespaceView struct {
	Key            string
	Channel        *Channel
	Commands, Told []operationView
}

type operationView struct {
	Key string
	*Operation
	Event           string
	Payload, Answer *jsonschema.Schema
	Example         any
}

type shapeView struct {
	Name, Doc string
	OneOf     []string
	Fields    []fieldView
}

type fieldView struct {
	Name, Doc string
	Required  bool
	Schema    *jsonschema.Schema
}

func (v *view) namespace(key string, c *Channel) namespaceView {
	n := namespaceView{Key: key, Channel: c}
	for _, id := range sorted(v.Operations) {
		o := v.Operations[id]
		if o.Channel != channelRef(key) {
			continue
		}
		m := v.message(o.Messages[0])
		one := operationView{Key: id, Operation: o, Event: m.Name, Payload: m.Payload}
		if len(m.Examples) > 0 {
			one.Example = m.Examples[0].Payload
		}
		if o.Reply != nil {
			one.Answer = v.message(o.Reply.Messages[0]).Payload
		}
		if o.Action == receive {
			n.Commands = append(n.Commands, one)
		} else {
			n.Told = append(n.Told, one)
		}
	}
	return n
}

// message is the message that a reference names.
func (d *Document) message(r Ref) *Message {
	channel, key, _ := strings.Cut(strings.TrimPrefix(r.Ref, "#/channels/"), "/messages/")
	if c := d.Channels[channel]; c != nil && c.Messages[key] != nil {
		m := c.Messages[key]
		if name, ok := strings.CutPrefix(m.Ref, "#/components/messages/"); ok {
			m = d.Components.Messages[name]
		}
		return m
	}
	return &Message{}
}

func (v *view) shape(name string, s *jsonschema.Schema) shapeView {
	shape := shapeView{Name: name, Doc: s.Description}
	for _, one := range s.OneOf {
		shape.OneOf = append(shape.OneOf, strings.TrimPrefix(one.Ref, schemasAt))
	}
	for _, field := range s.PropertyOrder {
		f := s.Properties[field]
		shape.Fields = append(shape.Fields, fieldView{field, f.Description, slices.Contains(s.Required, field), f})
	}
	return shape
}

// Type is a schema in few words, in which a component's name is a link.
func (v *view) Type(s *jsonschema.Schema) template.HTML {
	if name, ok := strings.CutPrefix(s.Ref, schemasAt); ok {
		return template.HTML(`<a href="#type-` + template.HTMLEscapeString(name) + `">` + template.HTMLEscapeString(name) + `</a>`)
	}
	var parts []template.HTML
	switch {
	case s.Const != nil:
		parts = append(parts, template.HTML(template.HTMLEscapeString(quoted(*s.Const))))
	case len(s.AllOf) > 0 || len(s.OneOf) > 0:
		for _, one := range append(slices.Clone(s.AllOf), s.OneOf...) {
			parts = append(parts, v.Type(one))
		}
	case s.Items != nil:
		parts = append(parts, "list of "+v.Type(s.Items))
	case s.Properties == nil && isMap(s):
		parts = append(parts, "map of "+v.Type(s.AdditionalProperties))
	default:
		for _, t := range schema.Types(s) {
			parts = append(parts, template.HTML(template.HTMLEscapeString(t)))
		}
		if parts == nil {
			parts = append(parts, "any")
		}
	}
	all := parts[0]
	for _, p := range parts[1:] {
		all += " or " + p
	}
	return all
}

// Words are the rules of a schema, "maxLength 64".
func (v *view) Words(s *jsonschema.Schema) string {
	rules := s.CloneSchemas()
	if s.Items != nil && s.Items.Ref == "" {
		rules = s.Items.CloneSchemas()
		rules.MinItems, rules.MaxItems = s.MinItems, s.MaxItems
	}
	rules.Type, rules.Types, rules.Description, rules.Examples, rules.Items, rules.Properties = "", nil, "", nil, nil, nil
	rules.AllOf, rules.OneOf, rules.Ref, rules.Const, rules.AdditionalProperties, rules.Required = nil, nil, "", nil, nil, nil
	text, err := pretty(rules)
	if err != nil || text == "true" {
		return ""
	}
	text = strings.NewReplacer("\n", " ", "{", "", "}", "", "[", "", "]", "", `"`, "", ":", "").Replace(text)
	return strings.Join(strings.Fields(text), " ")
}
