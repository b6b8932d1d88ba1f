package socketio

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/transport/socketio/sockets"
)

const maxReply = 64 << 10 // bytes of one client's answer

// Answer answers a question about the sockets of this node. What the question sees is
// what is there when Answer is called; done comes later.
func (g *Gateway) Answer(q broker.Question, done func(broker.Answer)) {
	to := sockets.Audience{Everyone: true}
	if q.Room != "" || q.User != "" || q.Socket != "" {
		to = audience(emitter.Audience{Rooms: some(q.Room), Users: some(q.User), Sockets: some(q.Socket)})
	}
	if q.Action == broker.AskCount {
		done(broker.Answer{Count: g.sockets.Count(q.Namespace, to)})
		return
	}
	all := g.sockets.Find(q.Namespace, to)
	switch q.Action {
	case broker.AskList:
		done(list(all, q.Limit))
	case broker.AskCall:
		g.call(all, q, done)
	default:
		done(broker.Answer{})
	}
}

func some(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}

// list lists the first sockets by id.
func list(all []*sockets.Socket, limit int) broker.Answer {
	a := broker.Answer{Count: len(all)}
	if len(all) > limit {
		slices.SortFunc(all, func(a, b *sockets.Socket) int { return strings.Compare(a.ID(), b.ID()) })
		all = all[:max(limit, 0)]
	}
	told := 0 // bytes of sessions
	for _, s := range all {
		one := broker.SocketAnswer{ID: s.ID(), User: memberOf(s).caller().UserID, Transport: s.Transport()}
		for _, n := range s.Rooms() {
			if room, ok := strings.CutPrefix(n, roomPrefix); ok {
				one.Rooms = append(one.Rooms, room)
			}
		}
		slices.Sort(one.Rooms)
		if session := memberOf(s).session.Load(); session != nil {
			one.Session = *session
			if told > 0 && told+len(*session) > contract.MaxListedSessions {
				one.Session = json.RawMessage("null")
			}
			told += len(one.Session)
		}
		a.Sockets = append(a.Sockets, one)
	}
	return a
}

// call asks the clients and answers when each has replied or its time is over.
func (g *Gateway) call(all []*sockets.Socket, q broker.Question, done func(broker.Answer)) {
	a := broker.Answer{Count: len(all), Sockets: make([]broker.SocketAnswer, len(all))}
	var asked *ask
	var question sockets.Payload
	if len(all) > 0 { // so there is such a namespace
		asked = g.asks[name{memberOf(all[0]).home.Name, q.Event}]
	}
	if asked != nil {
		question = payload(asked.question, q.Payload)
		if question.Check() != nil { // a stranger's: it would break the clients' connections
			asked = nil
		}
	}
	var mu sync.Mutex
	left := len(all)
	if left == 0 {
		done(a)
		return
	}
	for i, s := range all {
		replied := func(args []json.RawMessage, err error) {
			reply := replyOf(asked, args, err)
			reply.ID, reply.User = s.ID(), memberOf(s).caller().UserID
			mu.Lock()
			a.Sockets[i] = reply
			left--
			last := left == 0
			mu.Unlock()
			if last {
				done(a)
			}
		}
		switch {
		case asked == nil:
			replied(nil, errUnknown)
		case i >= contract.MaxAsked:
			replied(nil, sockets.ErrAsked)
		default:
			s.Ask(q.Event, q.Within, question, replied)
		}
	}
}

var errUnknown = errors.New("no such question is in the catalog")

// replyOf is a client's reply, checked.
func replyOf(ask *ask, args []json.RawMessage, err error) (a broker.SocketAnswer) {
	switch {
	case errors.Is(err, errUnknown):
		a.Problem = broker.ProblemUnknown
	case errors.Is(err, sockets.ErrAsked):
		a.Problem = broker.ProblemBusy
	case errors.Is(err, sockets.ErrLate):
		a.Problem = broker.ProblemLate
	case err != nil:
		a.Problem = broker.ProblemGone
	case len(args) == 1 && refusal(args[0]):
		a.Problem = broker.ProblemRefused
	default:
		body, err := argument(ask.answer, args)
		switch {
		case err != nil || len(body) > maxReply:
			a.Problem = broker.ProblemBad
		case ask.Answer.Validate(body) != nil:
			a.Problem = broker.ProblemBad
		default:
			a.Body = body
		}
	}
	return a
}

// refusal tells a problem from an answer, as clients do.
func refusal(body json.RawMessage) bool {
	var problem map[string]json.RawMessage // exact keys
	return json.Unmarshal(body, &problem) == nil && string(problem["kind"]) == `"error"`
}
