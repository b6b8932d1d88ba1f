package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Questions to the nodes that hold sockets are entries of the event lanes, so that every
// gateway reads them, in order with the events. Each gateway that is asked answers, also
// that it has no such socket, with one entry of the asking process' own stream ans:<boot>.

// The actions of questions.
const (
	AskList  = "list"
	AskCount = "count"
	AskCall  = "call"
	AskNode  = "node" // about the node itself, see Asker.Nodes
)

// A Question is what a node is asked about its sockets: those in a room, of a user, one,
// or all of the namespace.
type Question struct {
	Action             string
	Namespace          string
	Room, User, Socket string
	Limit              int             // sockets to list
	Event              string          // of a call,
	Payload            json.RawMessage // with this
	Within             time.Duration   // the time that is left for the answer
}

// An Answer is what a node says of its sockets.
type Answer struct {
	Count   int            `json:"count"`
	Sockets []SocketAnswer `json:"sockets,omitempty"`

	Body json.RawMessage `json:"body,omitempty"` // of the node itself
}

// A SocketAnswer is one socket, or what it said.
type SocketAnswer struct {
	ID        string          `json:"id"`
	User      string          `json:"user,omitempty"`
	Rooms     []string        `json:"rooms,omitempty"`
	Transport string          `json:"transport,omitempty"`
	Session   json.RawMessage `json:"session,omitempty"` // null: left out
	Body      json.RawMessage `json:"body,omitempty"`
	Problem   string          `json:"problem,omitempty"` // one of those below
}

// Why a socket that was called has said nothing.
const (
	ProblemGone    = "gone"    // it went
	ProblemLate    = "late"    // it did not answer in time
	ProblemRefused = "refused" // it answered with a problem
	ProblemBad     = "bad"     // its answer breaks the contract
	ProblemBusy    = "busy"    // it has too many questions to answer already
	ProblemUnknown = "unknown" // this node's version does not know the question
)

// Answering has f answer questions about the sockets of this node. It must not block, and
// call done once. Call it before Start.
func (g *Gateway) Answering(f func(q Question, done func(Answer))) { g.answer = f }

const (
	maxAnswers  = 1000        // entries kept of a stream of answers
	keepAnswers = time.Minute // of a process that reads them no longer

	// A node answers before the asker gives up, by a tenth of the time within these bounds:
	// the answer has a way to go, and has what others have said beside one who is silent.
	answerEarly, answerEarliest = 50 * time.Millisecond, 500 * time.Millisecond
)

// asked answers a question.
func (g *Gateway) asked(e entry) error {
	m, err := decode(e)
	if err != nil {
		return err
	}
	md := m.Metadata
	timeout, err := strconv.ParseInt(md[metaTimeout], 10, 64)
	if err != nil || timeout <= 0 || timeout > maxTimeout.Milliseconds() {
		return fmt.Errorf("question %s has no timeout", m.UUID)
	}
	q := Question{Action: md[MetaAction], Namespace: md[MetaNamespace], Event: md[MetaEvent], Payload: json.RawMessage(m.Payload)}
	for name, to := range map[string]*string{MetaRooms: &q.Room, MetaUsers: &q.User, MetaSockets: &q.Socket} {
		names, err := ParseList(md[name])
		if err != nil || len(names) > 1 {
			return fmt.Errorf("question %s: %s is no list of one", m.UUID, name)
		}
		if len(names) == 1 {
			*to = names[0]
		}
	}
	q.Limit, _ = strconv.Atoi(md[metaLimit])
	now := g.census.now()
	left := entryTime(e.id).Add(time.Duration(timeout) * time.Millisecond).Sub(now)
	q.Within = left - min(max(left/10, answerEarly), left/4, answerEarliest)
	if left <= 0 || g.answer == nil {
		return nil
	}
	id, to := md[metaAsk], md[metaAnswerTo]
	g.answer(q, func(a Answer) { g.say(to, id, a, time.Now().Add(left)) })
	return nil
}

// say appends an answer for a process to read.
func (g *Gateway) say(stream, id string, a Answer, deadline time.Time) {
	body, err := json.Marshal(a)
	if err != nil {
		g.log.Error("cannot encode what the sockets have answered", "question", id, "error", err)
		return
	}
	metadata := encodePairs([]pair{{metaAsk, id}, {metaAnswerer, g.boot}})
	ctx := context.Background()
	failed := func(err error) {
		if err != nil {
			g.unsent.warn(g.log, "cannot answer another node", "question", id, "error", err)
		}
	}
	add := redis.NewCmd(ctx, "XADD", stream, "MAXLEN", "~", maxAnswers, "*", fieldUUID, id, fieldMetadata, metadata, fieldPayload, body)
	g.publisher.add(publish{cmd: add, size: entryBytes + len(body), deadline: deadline, done: failed})
	g.publisher.add(publish{cmd: redis.NewCmd(ctx, "PEXPIRE", stream, strconv.FormatInt(keepAnswers.Milliseconds(), 10)), size: entryBytes, done: func(error) {}})
}
