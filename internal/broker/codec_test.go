package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
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
			metadata, payload := encode(m)
			got, err := stock.Unmarshal(map[string]any{fieldUUID: m.UUID, fieldMetadata: string(metadata), fieldPayload: string(payload)})
			if err != nil || !got.Equals(m) {
				t.Errorf("stock reads %+v, %v", got, err)
			}
			values, err := stock.Marshal("topic", m)
			if err != nil {
				t.Fatal(err)
			}
			got, err = decode(redis.XMessage{ID: "1-1", Values: map[string]any{
				fieldUUID: values[fieldUUID], fieldMetadata: string(values[fieldMetadata].([]byte)), fieldPayload: string(values[fieldPayload].([]byte)),
			}})
			if err != nil || !got.Equals(m) {
				t.Errorf("we read %+v, %v", got, err)
			}
		})
	}
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		values map[string]any
		want   string
	}{
		"no uuid":        {map[string]any{fieldPayload: "x"}, "entry 1-1 has no " + fieldUUID},
		"bad metadata":   {map[string]any{fieldUUID: "u", fieldMetadata: "\x81\xa1"}, "entry 1-1: metadata: not a msgpack map of strings"},
		"not a map":      {map[string]any{fieldUUID: "u", fieldMetadata: "\xa1a"}, "entry 1-1: metadata: not a msgpack map of strings"},
		"forged length":  {map[string]any{fieldUUID: "u", fieldMetadata: "\xdf\xff\xff\xff\xff"}, "entry 1-1: metadata: not a msgpack map of strings"},
		"rest":           {map[string]any{fieldUUID: "u", fieldMetadata: "\x80\x80"}, "entry 1-1: metadata: not a msgpack map of strings"},
		"number as text": {map[string]any{fieldUUID: "u", fieldMetadata: "\x81\x01\xa1a"}, "entry 1-1: metadata: not a msgpack map of strings"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := decode(redis.XMessage{ID: "1-1", Values: tc.values})
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
	m, err := decode(redis.XMessage{ID: "1-1", Values: map[string]any{fieldUUID: "u", fieldMetadata: "\xc0"}})
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
