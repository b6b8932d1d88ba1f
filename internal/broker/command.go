package broker

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/tracing"
)

// A Command is one accepted request on its way to a use case.
type Command struct {
	ID             string // UUID; the message's uuid
	Operation      string
	Key            string // orders and picks the partition
	IdempotencyKey string
	Caller         contract.Caller // user, roles, socket and node
	Input          []byte          // JSON that matches the operation's schema

	// Timeout is how long the caller waits. Zero: nobody does, and the command has
	// no deadline and no reply.
	Timeout time.Duration

	// Trace is the span that it is sent for. Submit may be given what a client says, as it
	// is, and begins one that it goes on with.
	Trace tracing.Header

	replyTo     string // boot of the gateway that waits
	correlation string // id of the command that began the chain
	forward     bool   // belongs to another partition: send it on
}

// encoded is what the wire says of the command besides its id and input.
func (c *Command) encoded() []byte {
	var scratch [16]pair // on the stack: as many as metadata appends
	return encodePairs(c.metadata(scratch[:0]))
}

// metadata appends what encoded says.
func (c *Command) metadata(pairs []pair) []pair {
	var timeout, forward string
	if c.Timeout > 0 {
		timeout = strconv.FormatInt(c.Timeout.Milliseconds(), 10)
	}
	if c.forward {
		forward = "true"
	}
	pairs = append(pairs,
		pair{metaOperation, c.Operation}, pair{metaKey, c.Key}, pair{metaIdempotency, c.IdempotencyKey},
		pair{metaUser, c.Caller.UserID}, pair{metaTenant, c.Caller.Tenant}, pair{metaSession, string(c.Caller.Session)},
		pair{metaRoles, list(c.Caller.Roles)}, pair{metaSocket, c.Caller.Socket}, pair{metaNode, c.Caller.Node}, pair{metaCallerIn, c.Caller.Namespace},
		pair{metaReplyTo, c.replyTo}, pair{metaTimeout, timeout}, pair{metaCorrelation, c.correlation}, pair{metaForward, forward},
	)
	if c.Trace.Parent != "" { // most have none
		pairs = append(pairs, pair{metaTrace, c.Trace.Parent}, pair{metaTraceState, c.Trace.State})
	}
	return pairs
}

// message is the command as a message.
func (c *Command) message() *message.Message {
	md := message.Metadata{}
	for _, p := range c.metadata(nil) {
		set(md, p.name, p.value)
	}
	return newMessage(c.ID, md, c.Input)
}

// parseCommand reads a command off the wire.
func parseCommand(e entry) (*Command, error) {
	if e.uuid == "" {
		return nil, fmt.Errorf("entry %s has no %s", e.id, fieldUUID)
	}
	c := &Command{ID: e.uuid, Input: e.payload, Caller: contract.Caller{CommandID: e.uuid, Position: e.id, Accepted: entryTime(e.id)}}
	var roles, timeout string
	err := eachPair(e.metadata, func(name, value string) {
		switch name {
		case metaOperation:
			c.Operation = value
		case metaKey:
			c.Key = value
		case metaIdempotency:
			c.IdempotencyKey = value
		case metaUser:
			c.Caller.UserID = value
		case metaTenant:
			c.Caller.Tenant = value
		case metaSession:
			c.Caller.Session = json.RawMessage(value)
		case metaRoles:
			roles = value
		case metaSocket:
			c.Caller.Socket = value
		case metaNode:
			c.Caller.Node = value
		case metaCallerIn:
			c.Caller.Namespace = value
		case metaReplyTo:
			c.replyTo = value
		case metaTimeout:
			timeout = value
		case metaCorrelation:
			c.correlation = value
		case metaForward:
			c.forward = value != ""
		case metaTrace, metaTraceState:
			c.Trace.Set(name, value)
		}
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("entry %s: metadata: %w", e.id, err)
	case c.Operation == "":
		return nil, fmt.Errorf("command %s names no operation", c.ID)
	}
	if c.Caller.Roles, err = ParseList(roles); err != nil {
		return nil, fmt.Errorf("command %s: %s: %w", c.ID, metaRoles, err)
	}
	c.Caller.Correlation = c.correlation
	if timeout != "" {
		ms, err := strconv.ParseInt(timeout, 10, 64)
		if err != nil || ms <= 0 || ms > maxTimeout.Milliseconds() {
			return nil, fmt.Errorf("command %s: %s is not a number of milliseconds within %s", c.ID, metaTimeout, maxTimeout)
		}
		c.Timeout = time.Duration(ms) * time.Millisecond
	}
	return c, nil
}

const maxTimeout = contract.MaxTimeout

// answered tells whether the command's answer is of use: for whoever waits, or for
// its copies.
func (c *Command) answered() bool { return c.replyTo != "" || c.repeatable() }

// lane is the text that the command's partition and order hang on. What has no key
// is ordered by its socket, and without a socket it needs no order. A copy may come
// over another socket, so what has only an idempotency key is ordered by its user.
func (c *Command) lane() string {
	switch {
	case c.Key != "":
		return c.Key
	case c.IdempotencyKey != "" && c.Caller.UserID != "":
		return c.Caller.UserID
	case c.Caller.Socket != "":
		return c.Caller.Socket
	}
	return c.ID
}
