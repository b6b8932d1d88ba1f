package broker

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/example/switchyard/internal/tracing"
)

// The names in the metadata of messages, as streams_doc.go describes them to others. Those of
// commands:
const (
	metaOperation   = "operation"
	metaKey         = "key"
	metaIdempotency = "idempotency_key"
	metaUser        = "user"
	metaTenant      = "tenant"
	metaRoles       = "roles"   // JSON array
	metaSession     = "session" // JSON object; of a reply what changes in it, null for what goes
	metaSocket      = "socket"
	metaNode        = "node"
	metaCallerIn    = "caller_in" // the dynamic namespace that the socket is in
	metaReplyTo     = "reply_to"
	metaTimeout     = "timeout_ms"
	metaForward     = "forward"
	metaCorrelation = middleware.CorrelationIDMetadataKey
	metaTrace       = tracing.Traceparent // W3C trace context, if it is traced; so have replies and events
	metaTraceState  = tracing.Tracestate
)

// Those of replies, besides reply_to:
const (
	metaCode  = "code"  // of a problem; none for a result
	metaJoin  = "join"  // JSON array of rooms for the caller's socket
	metaLeave = "leave" // JSON array of rooms
	metaReply = "reply" // the reply's payload, on an event that it travels with
)

// Those of events that are to be kept, until they are committed:
const (
	metaKeep = "_keep" // how many
	metaLog  = "_log"  // where
)

// Those of events, for the emitter and for who subscribes.
const (
	metaCause = "_cause" // id of the command that brought the event about

	MetaNamespace = "namespace"
	MetaEvent     = "event"     // wire name; none for a request to the nodes
	MetaRooms     = "rooms"     // JSON arrays: the audience is the union of rooms,
	MetaUsers     = "users"     // users
	MetaSockets   = "sockets"   // and sockets,
	MetaEveryone  = "everyone"  // or "true": everyone in the namespace,
	MetaExcept    = "except"    // less this socket, or those of a JSON array
	MetaOnly      = "only"      // on this node
	MetaSpread    = "spread"    // "true": the payload is an array or an object, each value one argument
	MetaArguments = "arguments" // JSON array: the names of all arguments, where the payload, an object, leaves out one before its last: that is null
	MetaBinary    = "binary"    // JSON array: where the payload has base64 that leaves as binary data, see contract.Shape
	MetaVolatile  = "volatile"  // "true": a busy socket may miss it

	MetaAction = "action" // of a request to the nodes: one of the following, or of question.go
	MetaReason = "reason"
)

// The actions of requests that want no answer, and whom and what they name.
const (
	ActionJoin       = "join"       // users, sockets; rooms
	ActionLeave      = "leave"      // likewise
	ActionClose      = "close"      // rooms
	ActionDisconnect = "disconnect" // users, sockets; reason
)

// Those of questions to sockets besides those of events, and of their answers:
const (
	metaAsk      = "_ask"      // id of the question
	metaAnswerTo = "_answer"   // the stream of answers
	metaLimit    = "limit"     // sockets of one node that are listed at most
	metaAnswerer = "_answerer" // boot of the gateway that answers
)

// Those of dead letters, besides what the command itself said:
const (
	metaDeadOrigin   = "_dead_origin"   // stream
	metaDeadEntry    = "_dead_entry"    // its id there
	metaDeadReason   = "_dead_reason"   // one error, without a stack
	metaDeadAttempts = "_dead_attempts" // number
	deadPrefix       = "_dead_"
)

// metaEntry is where a message of a Bus was in Redis: "<partition>/<entry>". Its number
// is in fieldSeq.
const metaEntry = "_entry"

// metaInput is in the record of an outcome: the digest of the command's input.
const metaInput = "input"

// MetaMissed is in the metadata of a message of Events when events of its lane before it
// are gone: the subscriber was behind by more than the lane keeps (ResyncGap), or Redis has
// lost its last writes (ResyncEpoch). What is made of all events, like a projection, is to
// be made anew.
const MetaMissed = "_missed"

// set adds a value that is not empty.
func set(md message.Metadata, name, value string) {
	if value != "" {
		md[name] = value
	}
}

// list writes a list of strings for metadata: a JSON array, "" for an empty one.
func list[T ~string](v []T) string {
	if len(v) == 0 {
		return ""
	}
	if len(v) == 1 && plain(string(v[0])) { // as most lists are
		return `["` + string(v[0]) + `"]`
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "" // strings: cannot happen
	}
	return string(b)
}

// plain tells whether JSON writes a text as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}

// one is a list of one name, "" for none.
func one(name string) string {
	if name == "" {
		return ""
	}
	return list([]string{name})
}

// ParseList reads a list of strings in a message's metadata: a JSON array, or "".
func ParseList(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	if len(s) > 4 && s[:2] == `["` && strings.IndexAny(s[2:], `"\\`) == len(s)-4 && s[len(s)-1] == ']' {
		return []string{s[2 : len(s)-2]}, nil // one plain name, as most lists are
	}
	var v []string
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return nil, fmt.Errorf("not a JSON array of strings")
	}
	return v, nil
}
