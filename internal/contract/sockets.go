package contract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// Sockets asks the nodes that hold sockets, all of them. wire provides it. It is for
// handlers, whose context says how long they have; what they want changed they return
// as effects.
//
// Answers are of one moment on each node and may have changed since. A handler sees at
// least what was committed before its command was read, and what the commands of its key
// before that have brought about: it waits until that is committed.
//
// The errors are faults: overloaded (this node asks too much at a time), unavailable
// (nothing was sent) and timeout (whether it was sent is not known). A node that keeps
// silent is no error but is Missing.
type Sockets interface {
	// List lists sockets, with their rooms and sessions, at most MaxListed of a node.
	List(ctx context.Context, n Namespace, who Who) (Listing, error)

	// Count counts sockets.
	Count(ctx context.Context, n Namespace, who Who) (Count, error)

	// Ask is what Ask.Call, Ask.CallUser and Ask.CallRoom use.
	Ask(ctx context.Context, a AskSpec, who Who, question any) (Replies, error)
}

// What is asked of one node at a time.
const (
	MaxListed         = 1000      // sockets that a Listing has at most
	MaxListedSessions = 256 << 10 // bytes of their sessions that it has at most, unless one alone has more
	MaxAsked          = 100       // sockets that one question is put to at most
)

// Who is some sockets of a namespace, wherever they are. The zero value is all of them.
type Who struct{ Room, User, Socket string }

// InRoom is the sockets in a room.
func InRoom(r Room) Who { return Who{Room: string(r)} }

// OfUser is the sockets of a user.
func OfUser(id string) Who { return Who{User: id} }

// OfSocket is one socket.
func OfSocket(id string) Who { return Who{Socket: id} }

// A Listing is sockets of all nodes that have answered.
type Listing struct {
	Sockets []SocketInfo
	More    int      // sockets that the nodes did not list because they have too many
	Missing []string // nodes that live, as far as is known, and did not answer in time
}

// A SocketInfo is one socket.
type SocketInfo struct {
	ID, User, Node string
	Rooms          []Room // sorted
	Transport      string // now: "polling", or "websocket"

	// Session is what the socket's sessions held, by name: a JSON object, nothing, or null
	// if it was left out. Read it with Session.Of.
	Session json.RawMessage
}

// A Count is the number of sockets on all nodes that have answered.
type Count struct {
	Sockets int
	Missing []string // as in Listing
}

// An Ask declares one question that the service may put to a client, which answers it
// in its acknowledgement. Declare it in the Asks of each command that puts it.
//
// A handler may run more than once for one command, and then it asks again: let the
// question name what it is about, so that the client can answer the same.
type Ask[Question, Answer any] struct {
	Namespace Namespace
	Name      string // wire name, "confirm"; permanent
	Doc       string // one sentence
	// Timeout is how long the answer may take. Zero, or more than the handler's own context
	// leaves: until shortly before that ends.
	Timeout time.Duration
}

// An AskSpec is an Ask with its types erased.
type AskSpec struct {
	Namespace        Namespace
	Name             string
	Doc              string
	Timeout          time.Duration
	Question, Answer reflect.Type
}

func (s AskSpec) same(o AskSpec) bool {
	return s.Name == o.Name && s.Namespace.Name == o.Namespace.Name && s.Question == o.Question && s.Answer == o.Answer
}

// Spec describes the question to catalogs.
func (a Ask[Question, Answer]) Spec() AskSpec {
	return AskSpec{
		Namespace: a.Namespace, Name: a.Name, Doc: a.Doc, Timeout: a.Timeout,
		Question: reflect.TypeFor[Question](), Answer: reflect.TypeFor[Answer](),
	}
}

// Replies are the answers of the sockets that were asked.
type Replies struct {
	Sockets []Reply
	Missing []string // nodes, as in Listing: they may hold others that were asked
}

// A Reply is one socket's: an answer that matches the contract, or why there is none.
type Reply struct {
	Socket, Node string
	User         string // "" where nobody has answered for the socket
	Answer       json.RawMessage
	Err          error // a fault; for a refusal and a bad answer also one of the following
}

// Why a client that has the question gives no answer. Both are faults, "conflict".
var (
	ErrRefused   = errors.New("the client refused") // it acknowledged a problem
	ErrBadAnswer = errors.New("the client's answer is none that the contract allows")
)

// Call asks one socket. Besides ErrRefused, ErrBadAnswer and the errors of Sockets it
// fails with not_found when no node has the socket, or when it went before it answered,
// and with timeout when there is no answer in time.
func (a Ask[Question, Answer]) Call(ctx context.Context, s Sockets, socketID string, q Question) (Answer, error) {
	var answer Answer
	replies, err := s.Ask(ctx, a.Spec(), OfSocket(socketID), q)
	if err != nil {
		return answer, err
	}
	if len(replies.Sockets) != 1 {
		return answer, fmt.Errorf("ask %s: %d sockets have replied", a.Name, len(replies.Sockets))
	}
	return a.decode(replies.Sockets[0])
}

// An AnswerOf is what one of several sockets said.
type AnswerOf[Answer any] struct {
	Socket string
	User   string
	Answer Answer
	Err    error // as of Call
}

// CallUser asks each socket of a user in the namespace, and returns what they said, and
// the nodes that kept silent. No socket is no error.
func (a Ask[Question, Answer]) CallUser(ctx context.Context, s Sockets, userID string, q Question) (answers []AnswerOf[Answer], missing []string, err error) {
	return a.callAll(ctx, s, OfUser(userID), q)
}

// CallRoom asks each socket in a room, likewise: an event to a room with a callback. Of a
// room with many sockets the first MaxAsked of each node are asked, and of the others
// the error is overloaded.
func (a Ask[Question, Answer]) CallRoom(ctx context.Context, s Sockets, r Room, q Question) (answers []AnswerOf[Answer], missing []string, err error) {
	return a.callAll(ctx, s, InRoom(r), q)
}

func (a Ask[Question, Answer]) callAll(ctx context.Context, s Sockets, who Who, q Question) (answers []AnswerOf[Answer], missing []string, err error) {
	replies, err := s.Ask(ctx, a.Spec(), who, q)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range replies.Sockets {
		answer, err := a.decode(r)
		answers = append(answers, AnswerOf[Answer]{r.Socket, r.User, answer, err})
	}
	return answers, replies.Missing, nil
}

func (a Ask[Question, Answer]) decode(r Reply) (Answer, error) {
	if r.Err != nil {
		var none Answer
		return none, r.Err
	}
	answer, err := decode[Answer](r.Answer)
	if err != nil {
		return answer, fmt.Errorf("decode the answer to %s: %w", a.Name, err)
	}
	return answer, nil
}
