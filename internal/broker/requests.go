package broker

import (
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/contract"
)

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
		md[MetaAction] = "join"
		switch {
		case e.Everyone:
			md[MetaAction] = "close"
		case e.Leave:
			md[MetaAction] = "leave"
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

// one is a list of one name, "" for none.
func one(name string) string {
	if name == "" {
		return ""
	}
	return list([]string{name})
}
