package contract

import (
	"cmp"
	"reflect"
	"strings"
	"sync"
	"unicode"
)

// A name that a declaration leaves empty is that of its type, in snake_case: of an event
// its payload's without "Payload", of a command its input's without "Input". A word
// begins at a capital letter after a small one or a digit, and at the last of several
// capitals that a small letter follows: JoinRoomInput is "join_room", HTTPServerDown
// "http_server_down", UserID2Seen "user_id2_seen".

// name is the event's name on the wire.
func (e Event[T]) name() string {
	if e.Name != "" {
		return e.Name
	}
	return defaultName(reflect.TypeFor[T](), "Payload")
}

// EventName is the command's event on the wire, "" for an internal one.
func (c Command[In, Out]) EventName() string {
	if c.Internal || reflect.TypeFor[In]() == reflect.TypeFor[None]() {
		return c.Event // None names nothing
	}
	return cmp.Or(c.Event, defaultName(reflect.TypeFor[In](), "Input"))
}

// defaultNames are kept by type and suffix: events are named at each emission.
var defaultNames sync.Map

type defaultNameKey struct {
	t      reflect.Type
	suffix string
}

func defaultName(t reflect.Type, suffix string) string {
	if name, ok := defaultNames.Load(defaultNameKey{t, suffix}); ok {
		return name.(string)
	}
	base := t.Name()
	if short := strings.TrimSuffix(base, suffix); short != "" {
		base = short
	}
	name := snakeCase(base)
	defaultNames.Store(defaultNameKey{t, suffix}, name)
	return name
}

func snakeCase(s string) string {
	runes := []rune(s)
	var b strings.Builder
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) {
			before := runes[i-1]
			next := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if unicode.IsLower(before) || unicode.IsDigit(before) || unicode.IsUpper(before) && next {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
