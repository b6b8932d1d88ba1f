package schema_test

import (
	"context"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/schema"
)

type benchInput struct {
	Room     string `json:"room" minLength:"1" maxLength:"64"`
	Text     string `json:"text" minLength:"1" maxLength:"4000"`
	ClientID string `json:"client_id,omitempty" maxLength:"64"`
	Line     int    `json:"line,omitempty" minimum:"0"`
}

// BenchmarkAccept is what the edge does with the input of a command that has a key, an
// idempotency key and a guard. BenchmarkServe is what a worker does with it.
func BenchmarkAccept(b *testing.B) {
	benchRoute(b, func(cmd *schema.Command, input []byte) error {
		a, err := cmd.Accept(contract.Caller{}, input)
		if a.Key != "room lobby" {
			b.Fatal(a, err)
		}
		return err
	})
}

func BenchmarkServe(b *testing.B) {
	benchRoute(b, func(cmd *schema.Command, input []byte) error {
		_, err := cmd.Serve(context.Background(), input)
		return err
	})
}

func benchRoute(b *testing.B, f func(*schema.Command, []byte) error) {
	b.Helper()
	route := contract.Command[benchInput, contract.None]{
		Namespace: contract.Namespace{Name: "/chat", Doc: "Chat."}, Event: "post", Operation: "chat.post", Doc: "Post.",
		Key:            func(in benchInput) string { return "room " + in.Room },
		IdempotencyKey: func(in benchInput) string { return in.ClientID },
		Guards:         []contract.Guard[benchInput]{{Name: "all", Allow: func(contract.Caller, benchInput) error { return nil }}},
	}.Handle(func(context.Context, benchInput) (contract.None, []contract.Effect, error) {
		return contract.None{}, nil, nil
	})
	c, err := schema.Compile(contract.NewCatalog([]contract.Route{route}))
	if err != nil {
		b.Fatal(err)
	}
	input := []byte(`{"room":"lobby","text":"The quick brown fox jumps over the lazy dog","client_id":"c-1234567890","line":12345}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := f(c.Commands[0], input); err != nil {
			b.Fatal(err)
		}
	}
}
