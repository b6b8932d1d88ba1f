package broker

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/example/switchyard/internal/contract"
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

	replyTo     string // boot of the gateway that waits
	correlation string // id of the command that began the chain
	forward     bool   // belongs to another partition: send it on
}

// The names in a message's metadata. Those of commands:
const (
	metaOperation   = "operation"
	metaKey         = "key"
	metaIdempotency = "idempotency_key"
	metaUser        = "user"
	metaRoles       = "roles" // JSON array
	metaSocket      = "socket"
	metaNode        = "node"
	metaReplyTo     = "reply_to"
	metaTimeout     = "timeout_ms"
	metaForward     = "forward"
	metaCorrelation = middleware.CorrelationIDMetadataKey
)

// message puts the command on the wire.
func (c *Command) message() *message.Message {
	md := message.Metadata{metaOperation: c.Operation}
	set(md, metaKey, c.Key)
	set(md, metaIdempotency, c.IdempotencyKey)
	set(md, metaUser, c.Caller.UserID)
	set(md, metaRoles, list(c.Caller.Roles))
	set(md, metaSocket, c.Caller.Socket)
	set(md, metaNode, c.Caller.Node)
	set(md, metaReplyTo, c.replyTo)
	set(md, metaCorrelation, c.correlation)
	if c.Timeout > 0 {
		md[metaTimeout] = strconv.FormatInt(c.Timeout.Milliseconds(), 10)
	}
	if c.forward {
		md[metaForward] = "true"
	}
	return newMessage(c.ID, md, c.Input)
}

// set adds a value that is not empty.
func set(md message.Metadata, name, value string) {
	if value != "" {
		md[name] = value
	}
}

// parseCommand reads a command off the wire.
func parseCommand(m *message.Message) (*Command, error) {
	md := m.Metadata
	c := &Command{
		ID: m.UUID, Operation: md[metaOperation], Key: md[metaKey], IdempotencyKey: md[metaIdempotency], Input: m.Payload,
		Caller:  contract.Caller{UserID: md[metaUser], Socket: md[metaSocket], Node: md[metaNode], CommandID: m.UUID},
		replyTo: md[metaReplyTo], correlation: md[metaCorrelation], forward: md[metaForward] != "",
	}
	if c.Operation == "" {
		return nil, fmt.Errorf("command %s names no operation", m.UUID)
	}
	var err error
	if c.Caller.Roles, err = ParseList(md[metaRoles]); err != nil {
		return nil, fmt.Errorf("command %s: %s: %w", m.UUID, metaRoles, err)
	}
	if t := md[metaTimeout]; t != "" {
		ms, err := strconv.ParseInt(t, 10, 64)
		if err != nil || ms <= 0 || ms > maxTimeout.Milliseconds() {
			return nil, fmt.Errorf("command %s: %s is not a number of milliseconds within %s", m.UUID, metaTimeout, maxTimeout)
		}
		c.Timeout = time.Duration(ms) * time.Millisecond
	}
	return c, nil
}

const maxTimeout = 24 * time.Hour

// lane is the text that the command's partition and order hang on. What has no key
// is ordered by its socket, and without a socket it needs no order.
func (c *Command) lane() string {
	switch {
	case c.Key != "":
		return c.Key
	case c.Caller.Socket != "":
		return c.Caller.Socket
	}
	return c.ID
}

// list writes a list of strings for metadata: a JSON array, "" for an empty one.
func list[T ~string](v []T) string {
	if len(v) == 0 {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "" // strings: cannot happen
	}
	return string(b)
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
