package broker

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/example/switchyard/internal/contract"
)

// results turns what a handler returned into the messages to commit: effects in
// their order, then the reply, if it is of use. An answer says that all is committed,
// so it comes last.
func results(c *Command, partitions int, namespace contract.Namespace, out contract.Outcome) ([]*message.Message, error) {
	r := resultsOf{c: c, partitions: partitions, namespace: namespace, messages: make([]*message.Message, 0, len(out.Effects)+1)}
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
	set(reply.Metadata, metaJoin, list(r.join))
	set(reply.Metadata, metaLeave, list(r.leave))
	if len(r.session) > 0 {
		changes, err := json.Marshal(r.session)
		if err != nil {
			return nil, fmt.Errorf("%s: encode the session: %w", c.Operation, err)
		}
		reply.Metadata[metaSession] = string(changes)
	}
	return append(r.messages, reply), nil
}

// resultsOf are the messages of one command while its effects are added.
type resultsOf struct {
	c           *Command
	partitions  int // how many there are
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
		m.Metadata[MetaAction] = ActionDisconnect
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
	next.forward = partitionOf(next.lane(), r.partitions) != partitionOf(r.c.lane(), r.partitions)
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

// request adds a message that asks the nodes to do something with sockets of the
// command's namespace.
func (r *resultsOf) request() (*message.Message, error) {
	if r.namespace.Dynamic() {
		return nil, fmt.Errorf("%s asks for sockets of the namespace %s, and its caller is in none of it", r.c.Operation, r.namespace.Name)
	}
	return r.event(r.namespace.Name, nil), nil
}

func (r *resultsOf) member(e contract.Membership) error {
	switch {
	case e.User != "", e.Socket != "", e.Everyone:
		m, err := r.request()
		if err != nil {
			return err
		}
		md := m.Metadata
		md[MetaAction] = ActionJoin
		switch {
		case e.Everyone:
			md[MetaAction] = ActionClose
		case e.Leave:
			md[MetaAction] = ActionLeave
		}
		set(md, MetaUsers, one(e.User))
		set(md, MetaSockets, one(e.Socket))
		md[MetaRooms] = one(string(e.Room))
	case e.Leave:
		r.leave = append(r.leave, e.Room)
	default:
		r.join = append(r.join, e.Room)
	}
	return nil
}

// change adds what changes in the session of the caller's socket. It travels with the
// reply, as rooms do.
func (r *resultsOf) change(e contract.SessionChange) error {
	value := json.RawMessage("null")
	if !e.Clear {
		var err error
		if value, err = json.Marshal(e.Value); err != nil {
			return fmt.Errorf("%s: encode the session %s: %w", r.c.Operation, e.Name, err)
		}
	}
	if len(value) > contract.MaxSession {
		return fmt.Errorf("%s: the session %s has %d bytes, more than %d: it comes with each command", r.c.Operation, e.Name, len(value), contract.MaxSession)
	}
	if r.session == nil {
		r.session = map[string]json.RawMessage{}
	}
	r.session[e.Name] = value
	return nil
}
