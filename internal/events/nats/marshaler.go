package nats

import (
	"fmt"
	"net/url"
	"strings"

	watermillnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// A marshaler is Watermill's own, which puts metadata into headers, but for what would
// come changed: NATS cuts spaces off, and has lines end a header. All that goes into the
// header "_odd", as in the query of a URL.
type marshaler struct{ watermillnats.NATSMarshaler }

const headerOdd = "_odd"

// Marshal makes a NATS message.
func (m *marshaler) Marshal(topic string, msg *message.Message) (*nats.Msg, error) {
	out, err := m.NATSMarshaler.Marshal(topic, msg)
	if err != nil {
		return nil, err
	}
	odd := url.Values{}
	for name, value := range msg.Metadata {
		if !plain(name, value) {
			odd.Set(name, value)
			out.Header.Del(name)
		}
	}
	if len(odd) > 0 {
		out.Header.Set(headerOdd, odd.Encode())
	}
	return out, nil
}

// plain tells whether a header keeps a value.
func plain(name, value string) bool {
	for _, c := range []byte(name) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	ours := name != "" && name != headerOdd && !strings.HasPrefix(name, "Nats-") && name != watermillnats.WatermillUUIDHdr
	return ours && strings.Trim(value, " \t") == value && !strings.ContainsAny(value, "\r\n")
}

// Unmarshal reads a message. It takes no acknowledgement: ordered consumers have none.
func (m *marshaler) Unmarshal(msg *nats.Msg) (*message.Message, error) {
	msg.Reply = ""
	odd, err := url.ParseQuery(msg.Header.Get(headerOdd))
	if err != nil {
		return nil, fmt.Errorf("decode the header %s: %w", headerOdd, err)
	}
	msg.Header.Del(headerOdd)
	out, err := m.NATSMarshaler.Unmarshal(msg)
	if err != nil {
		return nil, err
	}
	for name := range odd {
		out.Metadata[name] = odd.Get(name)
	}
	return out, nil
}
