package amqp

import (
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/rabbitmq/amqp091-go"
)

// Metadata of any length comes back as it was, and what is long is in no header.
func TestLongMetadata(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 10, most, 4 * most} {
		m := message.NewMessage("id", []byte(`{"a":1}`))
		m.Metadata = message.Metadata{"namespace": "/chat", "reply": strings.Repeat("ü\n", n/3)}
		p, err := marshaler{}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, v := range p.Headers {
			if text, ok := v.(string); ok {
				size += len(text)
			}
		}
		got, err := marshaler{}.Unmarshal(amqp091.Delivery{Headers: p.Headers, Body: p.Body})
		if err != nil || size > most+100 || got.UUID != m.UUID || string(got.Payload) != string(m.Payload) || !cmp.Equal(got.Metadata, m.Metadata) {
			t.Errorf("%d bytes: %v, %d in headers, %+v", n, err, size, got)
		}
	}
	for _, n := range []int64{-1, 3} {
		if _, err := (marshaler{}).Unmarshal(amqp091.Delivery{Headers: amqp091.Table{headerLong: n}, Body: []byte("{}")}); err == nil {
			t.Errorf("%d bytes of metadata were taken", n)
		}
	}
}
