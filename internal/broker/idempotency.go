package broker

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/fault"
)

// Commands of one user, operation, key and idempotency key are copies: a client tries
// again. They have one lane, so they run one after the other. The first that comes to
// an outcome has it recorded by its own commit: the digest of its input, its reply and
// its changes of the caller's rooms. The others are answered with that and not run.
// Recorded are results and the faults that the state of things gave (see final), not
// accidents, timeouts, and what asks for another try: after those a copy runs.
//
// The records of all copies that a read has found are looked up in one round trip,
// after the read. Other lanes do not wait for it, also when it fails. Copies that are
// under way in a partition at the same time share one lookup and the outcome in memory,
// from before the lookup until the last of them is committed. So a copy is either read
// before an earlier one's commit was known, and sees the outcome in memory, or its
// lookup comes after that commit, and finds the record. A bounded history of recent
// outcomes would not do: a copy can wait behind something slow in its lane while any
// number of others are committed. A new owner starts with nothing in memory and looks
// up after it has taken the partition, when the old one can commit no more. An outcome
// in memory may be replayed before it is committed, because a partition's completions
// are committed in order, or not at all.

// copies are those that a partition has read and not yet finished.
type copies struct {
	record string // its key in Redis
	lane   string

	open  int  // how many; at zero they are forgotten. Guarded by the partition's mu
	known bool // the record was looked up: they may run. Guarded by the partition's mu

	// outcome is the record's value; "" while none of the copies has come to one. The
	// lookup writes it before known is set, then the copy whose turn it is.
	outcome string
}

// join adds a command to its copies. first tells that their record must be looked up.
func (p *partition) join(c *Command) (s *copies, first bool) {
	record := c.record(p.number)
	p.mu.Lock()
	defer p.mu.Unlock()
	if s = p.copies[record]; s == nil {
		s, first = &copies{record: record, lane: c.lane()}, true
		p.copies[record] = s
	}
	s.open++
	return s, first
}

// part takes a command out of its copies, after its commit: whoever joins them later
// finds the record.
func (p *partition) part(s *copies) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.open--; s.open == 0 {
		delete(p.copies, s.record)
	}
}

// found lets copies run, and returns their queue if it has waited for that.
func (p *partition) found(s *copies, outcome string) *keyQueue {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.outcome, s.known = outcome, true
	if q := p.keys[s.lane]; q != nil && q.stalled && q.waiting[0].ready() {
		q.stalled = false
		return q
	}
	return nil
}

// repeatable tells whether a command has an identity that its copies share. Without a
// user nobody knows whose copies they are.
func (c *Command) repeatable() bool {
	return c.IdempotencyKey != "" && c.Caller.UserID != "" && !c.forward
}

// record names the record of a command and its copies. The command's key is part of
// it, because copies with another one may be in another partition; and so is the dynamic
// namespace, since what is sent to another is something else.
func (c *Command) record(partition int) string {
	b := make([]byte, 0, 256)
	for _, s := range [...]string{c.Caller.UserID, c.Operation, c.Key, c.IdempotencyKey} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	b = append(b, c.Caller.Namespace...)
	sum := sha256.Sum256(b)
	name := append(make([]byte, 0, 64), recordPrefix(partition)...)
	return string(base64.RawURLEncoding.AppendEncode(name, sum[:16]))
}

// digest is the same for inputs that mean the same: the order of members, white space
// and escapes do not count. Not every client writes an input twice in the same way.
func digest(input []byte) string {
	var v any
	d := json.NewDecoder(bytes.NewReader(input))
	d.UseNumber()
	if d.Decode(&v) == nil {
		if b, err := json.Marshal(v); err == nil {
			input = b
		}
	}
	sum := sha256.Sum256(input)
	return string(sum[:16])
}

// newRecord is the record of a command that has run: the digest of its input and its
// reply. There is none if the reply is no outcome.
func newRecord(input string, reply *message.Message) string {
	md := reply.Metadata
	if !final(fault.Code(md[metaCode])) {
		return ""
	}
	return string(encodePairs([]pair{
		{metaInput, input}, {metaCode, md[metaCode]}, {metaJoin, md[metaJoin]}, {metaLeave, md[metaLeave]}, {metaSession, md[metaSession]}, {metaReply, string(reply.Payload)},
	}))
}

// final tells whether an answer is what every copy should get. A result is, and a
// fault that the state of things gave. What asks for another try is not, nor what
// says that nothing was done or that nobody knows.
func final(code fault.Code) bool {
	switch code {
	case "", fault.Invalid, fault.Forbidden, fault.NotFound, fault.Conflict:
		return true
	}
	return false
}

var errOtherInput = fault.New(fault.Conflict, "this idempotency key was used with another input")

// once runs a command with an idempotency key, unless one of its copies has: then its
// outcome is replayed. That one's commit comes before this one's in any case. It
// returns what is to be committed and the record, "" for none.
func (w *Worker) once(j *job) (messages []*message.Message, record string) {
	input := digest(j.command.Input) // middleware may change it later
	if j.copies.outcome != "" {
		messages = w.replay(j, input)
	} else {
		messages = w.execute(j)
		if reply := slices.IndexFunc(messages, isReply); reply >= 0 && !j.transient {
			record = newRecord(input, messages[reply])
			j.copies.outcome = record
		}
	}
	return messages, record
}

// replay answers with what was recorded. Events and follow-ups are not raised again,
// but the rooms change again: the caller may have come back on another socket.
func (w *Worker) replay(j *job, input string) []*message.Message {
	c := j.command
	var recorded string
	reply := newMessage(c.ID, message.Metadata{}, nil)
	set(reply.Metadata, metaReplyTo, c.replyTo)
	traced(reply, c)
	err := eachPair(j.copies.outcome, func(name, value string) {
		switch name {
		case metaInput:
			recorded = value
		case metaReply:
			reply.Payload = []byte(value)
		case metaCode, metaJoin, metaLeave, metaSession:
			set(reply.Metadata, name, value)
		}
	})
	if err == nil && recorded == "" {
		err = errors.New("it names no input")
	}
	switch {
	case err != nil:
		return w.failed(j, fmt.Errorf("read the outcome of an earlier attempt, %s (delete it to let the command run): %w", j.copies.record, err))
	case recorded != input:
		return w.failed(j, errOtherInput)
	}
	w.metrics.Replayed.Inc()
	return []*message.Message{reply}
}
