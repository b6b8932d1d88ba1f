package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// within is how long a question may take: less than the handler has, so that it can say
// what came of it.
func within(ctx context.Context, timeout time.Duration) time.Duration {
	if timeout <= 0 {
		timeout = askTimeout
	}
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		timeout = min(timeout, left-min(askMargin, left/4))
	}
	return max(timeout, time.Millisecond)
}

// question is about sockets of a namespace, or of that of a pattern that the caller is in.
func question(ctx context.Context, action string, n contract.Namespace, who contract.Who, d time.Duration) Question {
	n = n.For(contract.CallerFrom(ctx))
	return Question{Action: action, Namespace: n.Name, Room: who.Room, User: who.User, Socket: who.Socket, Within: d}
}

// List lists sockets on all nodes.
func (a *Asker) List(ctx context.Context, n contract.Namespace, who contract.Who) (contract.Listing, error) {
	q := question(ctx, AskList, n, who, within(ctx, 0))
	q.Limit = contract.MaxListed
	answers, missing, err := a.ask(ctx, q)
	l := contract.Listing{Missing: missing}
	if err != nil {
		return l, fmt.Errorf("list sockets of %s: %w", n.Name, err)
	}
	for _, boot := range slices.Sorted(maps.Keys(answers)) {
		answer := answers[boot]
		l.More += max(answer.Count-len(answer.Sockets), 0)
		for _, s := range answer.Sockets {
			info := contract.SocketInfo{ID: s.ID, User: s.User, Node: nodeOf(boot), Transport: s.Transport, Session: s.Session}
			for _, r := range s.Rooms {
				info.Rooms = append(info.Rooms, contract.Room(r))
			}
			l.Sockets = append(l.Sockets, info)
		}
	}
	return l, nil
}

// Count counts sockets on all nodes.
func (a *Asker) Count(ctx context.Context, n contract.Namespace, who contract.Who) (contract.Count, error) {
	answers, missing, err := a.ask(ctx, question(ctx, AskCount, n, who, within(ctx, 0)))
	if err != nil {
		return contract.Count{}, fmt.Errorf("count sockets of %s: %w", n.Name, err)
	}
	c := contract.Count{Missing: missing}
	for _, answer := range answers {
		c.Sockets += answer.Count
	}
	return c, nil
}

// Ask puts a declared question to sockets. One that is asked by its id, and that no node
// has, or only a silent one may have, is a reply with the error that says so.
func (a *Asker) Ask(ctx context.Context, s contract.AskSpec, who contract.Who, v any) (contract.Replies, error) {
	if who == (contract.Who{}) {
		return contract.Replies{}, errors.New("ask a socket, a user or a room: everybody would have to answer")
	}
	payload, err := json.Marshal(v)
	if err != nil {
		return contract.Replies{}, fmt.Errorf("encode the question %s: %w", s.Name, err)
	}
	q := question(ctx, AskCall, s.Namespace, who, within(ctx, s.Timeout))
	q.Event, q.Payload = s.Name, payload
	answers, missing, err := a.ask(ctx, q)
	if err != nil {
		return contract.Replies{}, fmt.Errorf("ask %s: %w", s.Name, err)
	}
	replies := contract.Replies{Missing: missing}
	for _, boot := range slices.Sorted(maps.Keys(answers)) {
		for _, said := range answers[boot].Sockets {
			r := contract.Reply{Socket: said.ID, User: said.User, Node: nodeOf(boot), Answer: said.Body}
			if said.Problem != "" {
				r.Answer, r.Err = nil, askProblem(s.Name, said.Problem)
			}
			replies.Sockets = append(replies.Sockets, r)
		}
	}
	if who.Socket != "" && len(replies.Sockets) == 0 {
		problem := ProblemGone
		if len(missing) > 0 {
			problem = ProblemLate // one of them may have it
		}
		replies.Sockets = []contract.Reply{{Socket: who.Socket, Err: askProblem(s.Name, problem)}}
	}
	return replies, nil
}

// Nodes puts a question that is no use case's to the nodes that hold sockets, about a
// namespace, and returns what they say by their boots. Missing are also those that say
// nothing, because they know no such question or refuse it. What one asker asks of one
// namespace reaches each node in that order.
func (a *Asker) Nodes(ctx context.Context, namespace string, question json.RawMessage) (answers map[string]Answer, missing []string, err error) {
	q := Question{Action: AskNode, Namespace: namespace, Payload: question, Within: within(ctx, 0)}
	if answers, missing, err = a.ask(ctx, q); err != nil {
		return nil, nil, fmt.Errorf("ask the nodes: %w", err)
	}
	for boot, answer := range answers {
		if answer.Body == nil {
			delete(answers, boot)
			missing = append(missing, nodeOf(boot))
		}
	}
	slices.Sort(missing)
	return answers, missing, nil
}

// askProblem is why a socket has said nothing, as an error.
func askProblem(name, problem string) error {
	switch problem {
	case ProblemGone:
		return fault.New(fault.NotFound, "there is no such socket, or not any more")
	case ProblemLate:
		return fault.New(fault.Timeout, "the client did not answer in time")
	case ProblemRefused:
		return fmt.Errorf("%w: %w", contract.ErrRefused, fault.New(fault.Conflict, "the client refused"))
	case ProblemBad:
		return fmt.Errorf("%w: %w", contract.ErrBadAnswer, fault.New(fault.Conflict, "the client's answer breaks the contract"))
	case ProblemBusy:
		return fault.New(fault.Overloaded, "the client has too many questions to answer").After(time.Second)
	}
	return fmt.Errorf("the node that holds the socket says %q to the question %s: is it in the Asks of a command, on all nodes?", problem, name)
}
