package contract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// A Session is a value that belongs to a socket in a namespace for as long as it is
// connected: who it is, how far it has come. Each of a client's sockets has its own. It
// lives with the socket and comes with each of its commands, so that a handler can read
// it on whichever node it runs, at no cost but its length; keep it small. It changes by
// an effect, committed with the answer or not at all: commands that are sent after the
// answer see it. Commands under way at the same time see what it was, and of their
// changes the last one stays: let commands that change it have one Key.
//
//	var seat = contract.Session[Seat]{Name: "seat"}
//
//	s, ok, err := seat.From(ctx)
//	return out, []contract.Effect{seat.Set(Seat{Row: 7})}, nil
//
// Those of other sockets, wherever they are, come with a Listing:
//
//	s, ok, err := seat.Of(listing.Sockets[0])
type Session[T any] struct {
	Name string // among the sessions of a namespace
}

// MaxSession is how many bytes a value may have, as JSON.
const MaxSession = 4 << 10

// From returns the value of the caller's socket as it was when the command was accepted;
// ok is false if there is none. A follow-up command sees what its cause saw.
func (s Session[T]) From(ctx context.Context) (value T, ok bool, err error) {
	return s.read(CallerFrom(ctx).Session)
}

// ErrNotListed says that a node had sessions of too many sockets to tell.
var ErrNotListed = errors.New("the session was left out of the listing: list fewer sockets")

// Of returns the value of a socket that was listed, as it was then; ok is false if there is
// none. It fails with ErrNotListed where the listing says nothing of it: what a node tells of
// one socket is whole, and beyond MaxListedSessions it leaves sessions out.
func (s Session[T]) Of(i SocketInfo) (value T, ok bool, err error) {
	if string(i.Session) == "null" {
		return value, false, fmt.Errorf("read the session %s: %w", s.Name, ErrNotListed)
	}
	return s.read(i.Session)
}

func (s Session[T]) read(all json.RawMessage) (value T, ok bool, err error) {
	if len(all) == 0 {
		return value, false, nil
	}
	var byName map[string]json.RawMessage
	if err = json.Unmarshal(all, &byName); err == nil {
		var one json.RawMessage
		if one, ok = byName[s.Name]; ok {
			err = json.Unmarshal(one, &value)
		}
	}
	if err != nil {
		return value, false, fmt.Errorf("read the session %s: %w", s.Name, err)
	}
	return value, ok, nil
}

// Set gives the caller's socket another value. Over REST there is no socket, and it does
// nothing.
func (s Session[T]) Set(value T) SessionChange { return SessionChange{Name: s.Name, Value: value} }

// Clear takes the value away.
func (s Session[T]) Clear() SessionChange { return SessionChange{Name: s.Name, Clear: true} }

// A SessionChange changes a session of the caller's socket.
type SessionChange struct {
	Name  string
	Value any
	Clear bool
}

func (SessionChange) effect() {}
