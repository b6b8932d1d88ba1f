package nats

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/testenv"
)

// What is in the metadata comes as it was.
func TestMetadata(t *testing.T) {
	t.Parallel()
	b := open(t, testenv.NATS(t))
	in := subscribe(t, b)
	for _, meta := range []message.Metadata{
		{"event": "plain"}, {"event": " leading"}, {"event": "trailing "}, {"event": "two\nlines\r"}, {"event": "\ttab\tand another\t"},
		{"event": ""}, {"event": "ünïcode"}, {"event": "\u00a0no break\u00a0"}, {"event": " not UTF-8 \xff"}, {"event": "a&b=%41 +"},
		{"event": "one", "rooms": " & = % ;+", "two words": "2", "": "none", "a:b": "c", "_odd": "_odd=1", "Nats-Expected-Stream": "x"},
	} {
		m := message.NewMessage("id", []byte("{}"))
		m.Metadata = meta
		if err := b.Publish("events", m); err != nil {
			t.Errorf("%q: %v", meta, err)
			continue
		}
		got := <-in
		got.Ack()
		if got.UUID != "id" || string(got.Payload) != "{}" || !cmp.Equal(got.Metadata, meta) {
			t.Errorf("sent %q, got %q", meta, got.Metadata)
		}
	}
}
