package broker

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"unsafe"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/msgpack"
)

// The names in the metadata of replies, besides reply_to:
const (
	metaCode  = "code"  // of a problem; none for a result
	metaJoin  = "join"  // JSON array of rooms for the caller's socket
	metaLeave = "leave" // JSON array of rooms
	metaReply = "reply" // the reply's payload, on an event that it travels with
)

// The names in the metadata of events that are to be kept, until they are committed:
const (
	metaKeep = "_keep" // how many
	metaLog  = "_log"  // where
)

// The names in the metadata of events, for the emitter.
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

	// MetaAction is set on requests to all nodes: "join", "leave" (users, sockets, rooms),
	// "close" (rooms) or "disconnect" (users, sockets, reason). Those that want an answer
	// are in asked.go.
	MetaAction = "action"
	MetaReason = "reason"
)

// destinationOf tells where a message that a command brought about is committed to.
// Its metadata says it: commands name an operation, events a namespace. A reply that
// changes rooms or the session goes with the events, in the order of the lane.
func destinationOf(m *message.Message) destination {
	switch {
	case m.Metadata[metaOperation] != "":
		return toCommands
	case m.Metadata[MetaNamespace] != "", m.Metadata[metaJoin] != "", m.Metadata[metaLeave] != "", m.Metadata[metaSession] != "":
		return toEvents
	}
	return toReply
}

func isForGateway(m *message.Message) bool { return destinationOf(m) == toReply }

// isReply tells a command's reply from what else it has brought about.
func isReply(m *message.Message) bool {
	return m.Metadata[metaOperation] == "" && m.Metadata[MetaNamespace] == ""
}

// together takes the reply out of the messages if it can travel on the first event:
// one entry instead of two, and the rooms that the reply changes are changed before
// that event and after all events before it.
func together(messages []*message.Message) (rest []*message.Message, reply *message.Message) {
	i := slices.IndexFunc(messages, isReply)
	if i < 0 || !slices.ContainsFunc(messages, isEvent) {
		return messages, nil
	}
	reply = messages[i]
	return slices.Delete(messages, i, i+1), reply
}

func isEvent(m *message.Message) bool { return m.Metadata[MetaNamespace] != "" }

// appendWithReply is appendMetadata for an event on which a reply travels.
func appendWithReply(b []byte, m, reply *message.Message) []byte {
	md, r := m.Metadata, reply.Metadata
	on := [...]pair{
		{metaReplyTo, r[metaReplyTo]}, {metaCode, r[metaCode]}, {metaJoin, r[metaJoin]}, {metaLeave, r[metaLeave]}, {metaSession, r[metaSession]},
		{metaReply, unsafe.String(unsafe.SliceData(reply.Payload), len(reply.Payload))}, // which nobody changes
	}
	n := len(md)
	for _, p := range on {
		if p.value != "" {
			n++
		}
	}
	b = appendTexts(msgpack.AppendMap(b, n), md)
	for _, p := range on {
		if p.value != "" {
			b = msgpack.AppendText(msgpack.AppendText(b, p.name), p.value)
		}
	}
	return b
}

// A destination is the kind of stream that a message goes to.
type destination int

const (
	toReply destination = iota
	toEvents
	toCommands
)

// results turns what a handler returned into the messages to commit: effects in
// their order, then the reply, if it is of use. An answer says that all is committed,
// so it comes last.
func (l *Lanes) results(c *Command, namespace contract.Namespace, out contract.Outcome) ([]*message.Message, error) {
	r := resultsOf{l: l, c: c, namespace: namespace, messages: make([]*message.Message, 0, len(out.Effects)+1)}
	for _, e := range out.Effects {
		if err := r.add(e); err != nil {
			return nil, err
		}
	}
	if !c.answered() {
		return r.messages, nil
	}
	reply := newMessage(c.ID, message.Metadata{metaReplyTo: c.replyTo}, out.Output)
	traced(reply, c)
	if j := list(r.join); j != "" {
		reply.Metadata[metaJoin] = j
	}
	if j := list(r.leave); j != "" {
		reply.Metadata[metaLeave] = j
	}
	if len(r.session) > 0 {
		changes, err := json.Marshal(r.session)
		if err != nil {
			return nil, fmt.Errorf("%s: encode the session: %w", c.Operation, err)
		}
		reply.Metadata[metaSession] = string(changes)
	}
	return append(r.messages, reply), nil
}

type resultsOf struct {
	l           *Lanes
	c           *Command
	namespace   contract.Namespace
	messages    []*message.Message
	join, leave []contract.Room
	session     map[string]json.RawMessage // what changes in it, by name
}

func (r *resultsOf) add(e contract.Effect) error {
	switch e := e.(type) {
	case contract.Emission:
		return r.emit(e)
	case contract.Membership:
		return r.member(e)
	case contract.Disconnection:
		m, err := r.request()
		if err != nil {
			return err
		}
		m.Metadata[MetaAction] = "disconnect"
		set(m.Metadata, MetaSockets, one(e.Socket))
		set(m.Metadata, MetaUsers, one(e.User))
		m.Metadata[MetaReason] = e.Reason
	case contract.Submission:
		return r.submit(e)
	case contract.SessionChange:
		return r.change(e)
	default:
		return fmt.Errorf("%s returned an effect of type %T, which the lanes do not know", r.c.Operation, e)
	}
	return nil
}

// event adds a message for the event lane. Its id is the command's id and a
// number, so that it is the same each time the command runs.
func (r *resultsOf) event(namespace string, payload []byte) *message.Message {
	m := newMessage(r.c.ID+"."+strconv.Itoa(len(r.messages)+1), message.Metadata{}, payload)
	m.Metadata[MetaNamespace] = namespace
	m.Metadata[metaCause] = r.c.ID
	m.Metadata[metaCorrelation] = r.c.correlation
	traced(m, r.c)
	r.messages = append(r.messages, m)
	return m
}

// submit adds a follow-up command. It is committed to this command's own partition,
// whatever its key, because a script must stay on one node of a Redis Cluster; the
// owner sends it on if the key belongs elsewhere.
func (r *resultsOf) submit(e contract.Submission) error {
	input, err := json.Marshal(e.Input)
	if err != nil {
		return fmt.Errorf("%s: encode the input of %s: %w", r.c.Operation, e.Operation, err)
	}
	next := &Command{
		ID: followUpID(r.c.ID, len(r.messages)), Operation: e.Operation, Key: e.Key, Caller: r.c.Caller,
		Input: input, correlation: r.c.correlation, Trace: r.c.Trace,
	}
	next.forward = r.l.partition(next.lane()) != r.l.partition(r.c.lane())
	r.messages = append(r.messages, next.message())
	return nil
}

// followUpID derives a UUID, so that a command that runs again submits the same
// commands again.
func followUpID(cause string, n int) string {
	base, err := uuid.Parse(cause)
	if err != nil { // a command from a stranger: any text names it
		base = uuid.NewSHA1(uuid.Nil, []byte(cause))
	}
	number := []byte{byte(n >> 8), byte(n)}
	for n >>= 16; n > 0; n >>= 8 {
		number = append(number, byte(n))
	}
	return uuid.NewSHA1(base, number).String()
}
