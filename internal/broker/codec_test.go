package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
)

var stock redisstream.DefaultMarshallerUnmarshaller

func TestStockReadsWhatWeWriteAndTheOtherWayRound(t *testing.T) {
	t.Parallel()
	many := message.Metadata{}
	for i := range 20 {
		many[fmt.Sprint("key", i)] = strings.Repeat("v", i*20)
	}
	for name, md := range map[string]message.Metadata{
		"none":   {},
		"few":    {"a": "b", "empty": "", "é": "😀"},
		"many":   many,
		"longer": {"a": strings.Repeat("x", 300), "b": strings.Repeat("y", 70_000)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := message.NewMessage("some-uuid", []byte(`{"x":1}`))
			m.Metadata = md
			metadata := encodeMetadata(m.Metadata)
			got, err := stock.Unmarshal(map[string]any{fieldUUID: m.UUID, fieldMetadata: string(metadata), fieldPayload: string(m.Payload)})
			if err != nil || !got.Equals(m) {
				t.Errorf("stock reads %+v, %v", got, err)
			}
			values, err := stock.Marshal("topic", m)
			if err != nil {
				t.Fatal(err)
			}
			got, err = decode(entry{
				id: "1-1", uuid: values[fieldUUID].(string), metadata: string(values[fieldMetadata].([]byte)), payload: values[fieldPayload].([]byte),
			})
			if err != nil || !got.Equals(m) {
				t.Errorf("we read %+v, %v", got, err)
			}
		})
	}
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		uuid, metadata, want string
	}{
		"no uuid":        {"", "", "entry 1-1 has no " + fieldUUID},
		"bad metadata":   {"u", "\x81\xa1", "entry 1-1: metadata: not a msgpack map of strings"},
		"not a map":      {"u", "\xa1a", "entry 1-1: metadata: not a msgpack map of strings"},
		"forged length":  {"u", "\xdf\xff\xff\xff\xff", "entry 1-1: metadata: not a msgpack map of strings"},
		"rest":           {"u", "\x80\x80", "entry 1-1: metadata: not a msgpack map of strings"},
		"number as text": {"u", "\x81\x01\xa1a", "entry 1-1: metadata: not a msgpack map of strings"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := decode(entry{id: "1-1", uuid: tc.uuid, metadata: tc.metadata, payload: []byte("x")})
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
	m, err := decode(entry{id: "1-1", uuid: "u", metadata: "\xc0"})
	if err != nil || m.Metadata == nil {
		t.Errorf("nil metadata: %v, %v", m, err)
	}
}

func FuzzMetadata(f *testing.F) {
	f.Add("\x82\xa1a\xa1b\xa1c\xd9\x01d")
	f.Add("\xde\x00\x01\xda\x00\x01a\xdb\x00\x00\x00\x01b")
	f.Fuzz(func(t *testing.T, s string) {
		md, err := parseMetadata(s)
		if err != nil {
			return
		}
		again, err := parseMetadata(string(appendMetadata(nil, md)))
		if diff := cmp.Diff(md, again); err != nil || diff != "" {
			t.Errorf("%q: %v %s", s, err, diff)
		}
	})
}
