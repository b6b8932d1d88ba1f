package broker

import (
	"fmt"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/tracing"
)

// A completion is a command that has run, with what is to be committed for it.
type completion struct {
	p        *partition
	entry    string   // its stream entry, which the commit deletes
	command  *Command // nil for an entry that is none
	replyTo  string
	messages []*message.Message
	reply    *message.Message // that travels on the first event; nil: it is one of the messages, or there is none
	keeps    []toKeep         // of the messages
	copies   *copies          // of a command with an idempotency key; else nil
	outcome  string           // the value of their record; "" for none
	key      string           // which orders it; none: nothing does
	dead     *message.Message // for the dead letters
	since    time.Duration    // when it had run, since the process began
	hung     *job             // whose handler has not returned
	passed   func()           // of a suspect; else nil

	process, commit *tracing.Span
	problem         string // that the command has come to, for its span
}

// A toKeep is one message of a completion that is to be kept.
type toKeep struct {
	message int // its index
	log     string
	most    string // a number
	place   int    // index of log among the partition's keys, as Lua counts; while it is committed
}

func (j *job) completion() *completion {
	return &completion{p: j.p, entry: j.entry.id, command: j.command, replyTo: j.command.replyTo, key: j.command.lane(), copies: j.copies, passed: j.passed, process: j.span}
}

// with adds what the command has brought about, less an answer that nobody waits for.
func (c *completion) with(messages []*message.Message, dead *message.Message) *completion {
	c.committing(messages, dead)
	if c.replyTo == "" {
		messages = slices.DeleteFunc(messages, isReply)
	}
	c.messages, c.reply = together(messages)
	c.dead = dead
	for i, m := range c.messages {
		if keep := m.Metadata[metaKeep]; keep != "" {
			c.keeps = append(c.keeps, toKeep{message: i, log: m.Metadata[metaLog], most: keep})
			delete(m.Metadata, metaKeep)
			delete(m.Metadata, metaLog)
		}
	}
	return c
}

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

// size is about how many bytes it takes to commit it.
func (c *completion) size() int {
	n := len(c.outcome)
	if c.dead != nil {
		n += len(c.dead.Payload)
	}
	if c.reply != nil {
		n += len(c.reply.Payload)
	}
	return n + sizeOf(c.messages)
}

func sizeOf(messages []*message.Message) (n int) {
	for _, m := range messages {
		n += len(m.Payload)
		for k, v := range m.Metadata {
			n += len(k) + len(v)
		}
	}
	return n
}

func (c *completion) String() string {
	if c.command == nil {
		return fmt.Sprintf("entry %s of %s", c.entry, c.p.commands)
	}
	return fmt.Sprintf("%s %s", c.command.Operation, c.command.ID)
}
