package spec

import (
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/example/switchyard/internal/contract"
)

// A Document is an AsyncAPI document. What begins with x- is ours: what AsyncAPI has no
// word for.
type Document struct {
	AsyncAPI           string                `json:"asyncapi"`
	Info               Info                  `json:"info"`
	DefaultContentType string                `json:"defaultContentType"`
	Servers            map[string]Server     `json:"servers"`
	Channels           map[string]*Channel   `json:"channels"`
	Operations         map[string]*Operation `json:"operations"`
	Components         Components            `json:"components"`

	// Internal are the commands that no client can send, but that raise events, by operation.
	Internal map[string]Internal `json:"x-internal,omitempty"`
}

// Info says what a document is about.
type Info struct {
	Title       string `json:"title"`
	Version     string `json:"version"`
	Description string `json:"description,omitempty"`
}

// A Server is where the channels are.
type Server struct {
	Host        string              `json:"host"`
	Pathname    string              `json:"pathname,omitempty"`
	Protocol    string              `json:"protocol"`
	Description string              `json:"description,omitempty"`
	Variables   map[string]Variable `json:"variables,omitempty"`
	Tags        []Tag               `json:"tags,omitempty"`
}

// A Variable is a part of a name that differs from place to place.
type Variable struct {
	Default     string `json:"default,omitempty"`
	Description string `json:"description,omitempty"`
}

// A Tag is one word about something.
type Tag struct {
	Name string `json:"name"`
}

// A Ref refers to another part of the document.
type Ref struct {
	Ref string `json:"$ref"`
}

// A Channel is a namespace, the acknowledgements of one event, or a stream.
type Channel struct {
	Address      *string             `json:"address"` // nil: it has none
	Title        string              `json:"title,omitempty"`
	Description  string              `json:"description,omitempty"`
	Parameters   map[string]Variable `json:"parameters,omitempty"`
	Bindings     map[string]any      `json:"bindings,omitempty"`
	Messages     map[string]*Message `json:"messages,omitempty"`
	OnConnect    string              `json:"x-on-connect,omitempty"` // operations
	OnDisconnect string              `json:"x-on-disconnect,omitempty"`
	Guards       []string            `json:"x-guards,omitempty"` // names of those on connect
}

// A Message is what is sent on a channel, or refers to a component.
type Message struct {
	Ref     string             `json:"$ref,omitempty"`
	Name    string             `json:"name,omitempty"`
	Summary string             `json:"summary,omitempty"`
	Headers *jsonschema.Schema `json:"headers,omitempty"`
	Payload *jsonschema.Schema `json:"payload,omitempty"`

	Arguments []string `json:"x-arguments,omitzero"` // members of the payload, each of which is one argument

	Examples []Example `json:"examples,omitempty"`
}

// An Example is one payload.
type Example struct {
	Payload any `json:"payload"`
}

// An Operation is what the service does on a channel: it receives a command, or sends an
// event or a question.
type Operation struct {
	Action   string `json:"action"`
	Summary  string `json:"summary,omitempty"`
	Channel  Ref    `json:"channel"`
	Messages []Ref  `json:"messages"`
	Reply    *Reply `json:"reply,omitempty"`

	Operation string   `json:"x-operation,omitempty"` // of a command: key of its use case
	Emits     []string `json:"x-emits,omitempty"`     // operations of the document that send its events
	Asks      []string `json:"x-asks,omitempty"`      // and its questions
	Guards    []string `json:"x-guards,omitempty"`    // names
	Rates     []Rate   `json:"x-rate-limit,omitempty"`
	OrderedBy string   `json:"x-ordered-by,omitempty"`
	Retryable bool     `json:"x-idempotency-key,omitempty"`
	TimeoutMS int64    `json:"x-timeout-ms,omitempty"`
	REST      *REST    `json:"x-rest,omitempty"` // the same command over HTTP

	TriggeredBy  []string `json:"x-triggered-by,omitempty"` // of an event or question: keys of use cases
	RESTTriggers []REST   `json:"x-rest-triggers,omitempty"`
	Delivery     string   `json:"x-delivery,omitempty"` // of an event: durable if it is kept, else ephemeral
	Keep         int      `json:"x-keep,omitempty"`     // how many, about, for each key
}

// A Rate bounds how often clients may send a command; one too many is "exhausted".
type Rate struct {
	Name    string  `json:"name"`
	EveryMS float64 `json:"every_ms"` // one command, on average
	Burst   int     `json:"burst"`    // so many at once
}

// ratesOf are the rates of the policies around a command, its own first.
func ratesOf(r contract.Route) (rates []Rate) {
	for _, rate := range r.Rates {
		rates = append(rates, Rate{rate.Name, rate.Every.Seconds() * 1000, max(rate.Burst, 1)})
	}
	return rates
}

// A Reply is the acknowledgement of an operation.
type Reply struct {
	Channel  Ref   `json:"channel"`
	Messages []Ref `json:"messages"`
}

// A REST is a command as a REST route.
type REST struct {
	OperationID string `json:"operationId"`
	Method      string `json:"method"`
	Path        string `json:"path"`
	Summary     string `json:"summary,omitempty"`
}

// Components are what several parts of a document refer to.
type Components struct {
	Messages map[string]*Message           `json:"messages,omitempty"`
	Schemas  map[string]*jsonschema.Schema `json:"schemas"`
}

// An Internal is a command that no client can send.
type Internal struct {
	Summary string   `json:"summary"`
	Emits   []string `json:"x-emits,omitempty"`
	Asks    []string `json:"x-asks,omitempty"`
}
