package spec

import (
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/schema"
)

// A RESTDocument is an OpenAPI document.
type RESTDocument struct {
	OpenAPI    string                          `json:"openapi"`
	Info       Info                            `json:"info"`
	Servers    []map[string]string             `json:"servers"`
	Security   []map[string][]string           `json:"security"`
	Paths      map[string]map[string]*RESTCall `json:"paths"` // by path and method
	Components RESTComponents                  `json:"components"`
}

// RESTComponents are what several calls refer to.
type RESTComponents struct {
	Schemas         map[string]*jsonschema.Schema `json:"schemas"`
	SecuritySchemes map[string]map[string]string  `json:"securitySchemes"`
}

// A RESTCall is one command as a REST route.
type RESTCall struct {
	OperationID string          `json:"operationId"`
	Summary     string          `json:"summary"`
	Tags        []string        `json:"tags"` // its namespace
	Parameters  []RESTParameter `json:"parameters,omitempty"`
	RequestBody *RESTBody       `json:"requestBody,omitempty"`
	Responses   map[string]any  `json:"responses"`
}

// A RESTParameter is a value in the path or the query.
type RESTParameter struct {
	Name     string             `json:"name"`
	In       string             `json:"in"`
	Required bool               `json:"required"`
	Schema   *jsonschema.Schema `json:"schema"`
}

// A RESTBody is what is sent or answered, by media type.
type RESTBody struct {
	Description string                   `json:"description,omitempty"`
	Required    bool                     `json:"required,omitempty"`
	Content     map[string]RESTMediaType `json:"content"`
}

// A RESTMediaType is the shape of a body.
type RESTMediaType struct {
	Schema *jsonschema.Schema `json:"schema"`
}

// OpenAPI describes the commands that are REST routes as well.
func OpenAPI(c *schema.Contract) (*RESTDocument, error) {
	b := &builder{Contract: c, schemas: schema.NewComponents(schemasAt)}
	if err := b.receiveFirst(); err != nil {
		return nil, err
	}
	problems := body(fault.ContentType, "A problem; its code says which.", b.sent(reflect.TypeFor[fault.Problem]()))
	d := &RESTDocument{
		OpenAPI: "3.1.0", Info: info(c), Servers: []map[string]string{{"url": "/"}},
		Security: []map[string][]string{{}, {"bearer": {}}}, Paths: map[string]map[string]*RESTCall{},
		Components: RESTComponents{SecuritySchemes: map[string]map[string]string{"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}},
	}
	d.Info.Title += ", over REST"
	for _, r := range c.Routes {
		if r.HTTP.Path == "" {
			continue
		}
		call := b.call(r)
		call.Responses["default"] = problems
		if d.Paths[r.HTTP.Path] == nil {
			d.Paths[r.HTTP.Path] = map[string]*RESTCall{}
		}
		d.Paths[r.HTTP.Path][strings.ToLower(r.HTTP.Method)] = call
	}
	d.Components.Schemas = b.referred(d)
	return d, b.err
}

func body(contentType, doc string, s *jsonschema.Schema) *RESTBody {
	return &RESTBody{Description: doc, Content: map[string]RESTMediaType{contentType: {s}}}
}

// call describes one route: what its path does not name is in the body, or with GET in
// the query.
func (b *builder) call(r contract.Route) *RESTCall {
	call := &RESTCall{
		OperationID: r.Operation, Summary: r.Doc, Tags: []string{r.Namespace.Name},
		Responses: map[string]any{"200": body(contentType, "The result.", b.sent(r.Out))},
	}
	if b.err != nil {
		return call
	}
	in := b.schemas.Resolve(b.received(r.In)).CloneSchemas()
	inPath := schema.PathParams(r.HTTP.Path)
	for _, name := range in.PropertyOrder {
		p := RESTParameter{Name: name, In: "query", Required: slices.Contains(in.Required, name), Schema: in.Properties[name]}
		if slices.Contains(inPath, name) {
			p.In, p.Required = "path", true
		} else if r.HTTP.Method != http.MethodGet {
			continue
		}
		call.Parameters = append(call.Parameters, p)
	}
	for _, name := range inPath {
		delete(in.Properties, name)
		in.Required = slices.DeleteFunc(slices.Clone(in.Required), func(n string) bool { return n == name })
	}
	if r.HTTP.Method != http.MethodGet && len(in.Properties) > 0 {
		call.RequestBody = body(contentType, "", in)
		call.RequestBody.Required = len(in.Required) > 0
	}
	return call
}

// referred are the components that the calls of a document need.
func (b *builder) referred(d *RESTDocument) map[string]*jsonschema.Schema {
	needed := map[string]*jsonschema.Schema{}
	var need func(s *jsonschema.Schema)
	need = func(s *jsonschema.Schema) {
		if name, ok := strings.CutPrefix(s.Ref, schemasAt); ok && needed[name] == nil {
			needed[name] = b.schemas.Schemas[name]
			need(needed[name])
		}
		for child := range children(s) {
			need(child)
		}
	}
	for _, methods := range d.Paths {
		for _, call := range methods {
			for _, p := range call.Parameters {
				need(p.Schema)
			}
			bodies := []*RESTBody{call.RequestBody}
			for _, r := range call.Responses {
				bodies = append(bodies, r.(*RESTBody))
			}
			for _, body := range bodies {
				if body != nil {
					for _, m := range body.Content {
						need(m.Schema)
					}
				}
			}
		}
	}
	return needed
}

// children yields the schemas right inside a schema, those of the words that we use.
func children(s *jsonschema.Schema) func(func(*jsonschema.Schema) bool) {
	return func(yield func(*jsonschema.Schema) bool) {
		all := append(append(append([]*jsonschema.Schema{s.Items, s.AdditionalProperties}, s.OneOf...), s.AllOf...), s.AnyOf...)
		for _, name := range sorted(s.Properties) {
			all = append(all, s.Properties[name])
		}
		for _, child := range all {
			if child != nil && !yield(child) {
				return
			}
		}
	}
}
