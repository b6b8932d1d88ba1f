package broker

import (
	"slices"
	"unsafe"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/msgpack"
)

// arguments lays out one run as lua/commit.lua wants it.
func (c *committer) arguments(run []*chunk) (keys []string, args []any) {
	args = append(make([]any, 0, 6+24*len(run)),
		maxEvents, maxReplies, keepReplies.Milliseconds(), c.w.cfg.IdempotencyTTL.Milliseconds(), seriesName(), c.w.deadLettersKept())
	for _, k := range run {
		if k.refused != nil {
			k = &chunk{p: k.p, number: k.number} // no commands: the number is made void
		}
		l := layout{lanes: c.w.Lanes, keys: keys, args: args, scratch: c.scratch, own: len(keys)}
		l.chunk(k)
		keys, args, c.scratch = l.keys, l.args, l.scratch
	}
	return keys, args
}

// A layout appends the keys and arguments of one partition.
type layout struct {
	lanes   *Lanes
	keys    []string
	args    []any
	scratch []byte // metadata that args share
	own     int    // index of the partition's first key
}

func (l *layout) chunk(k *chunk) {
	l.keys = append(l.keys, k.p.owner, k.p.commands, k.p.events)
	head := len(l.args)
	l.args = append(l.args, l.lanes.boot, k.p.epoch, k.number, 0, 0, 0, len(k.done), 0, 0)
	replies, logs := l.replies(k), l.logs(k)
	for _, done := range k.done {
		l.args = append(l.args, done.entry)
	}
	messages := len(l.args)
	for _, done := range k.done {
		if done.dead != nil {
			l.args = append(l.args, 0, done.dead.UUID, l.metadata(done.dead, nil), []byte(done.dead.Payload))
		}
	}
	buries := len(l.args) > messages
	for _, done := range k.done {
		l.messages(done)
	}
	messages = len(l.args) - messages
	if buries {
		l.keys = append(l.keys, deadStream(k.p.number))
	}
	streams := len(l.keys)
	for _, done := range k.done {
		if done.outcome != "" {
			l.keys, l.args = append(l.keys, done.copies.record), append(l.args, done.outcome)
		}
	}
	l.args[head+3], l.args[head+4], l.args[head+5] = streams-l.own, replies, logs
	l.args[head+7], l.args[head+8] = messages, len(l.keys)-streams
}

// replies appends the reply streams, each once, and returns their number.
func (l *layout) replies(k *chunk) int {
	first := len(l.keys)
	for _, done := range k.done {
		if !slices.ContainsFunc(done.messages, isForGateway) {
			continue
		}
		if name := l.lanes.replyStream(k.p.number, done.replyTo); !slices.Contains(l.keys[first:], name) {
			l.keys = append(l.keys, name)
		}
	}
	return len(l.keys) - first
}

// logs appends the streams in which events are kept, each once with its length, and
// returns their number.
func (l *layout) logs(k *chunk) int {
	first := len(l.keys)
	for _, done := range k.done {
		for i, keep := range done.keeps {
			at := slices.Index(l.keys[first:], keep.log)
			if at < 0 {
				at = len(l.keys) - first
				l.keys, l.args = append(l.keys, keep.log), append(l.args, keep.most)
			}
			done.keeps[i].place = first + at - l.own + 1
		}
	}
	return len(l.keys) - first
}

// messages appends the messages of one command.
func (l *layout) messages(done *completion) {
	keeps, reply := done.keeps, done.reply
	for i, m := range done.messages {
		var on *message.Message
		if isEvent(m) {
			on, reply = reply, nil
		}
		metadata := l.metadata(m, on)
		if len(keeps) > 0 && keeps[0].message == i {
			l.args = append(l.args, keeps[0].place, m.UUID, metadata, []byte(m.Payload), done.entry)
			keeps = keeps[1:]
		} else {
			l.args = append(l.args, l.place(done, m), m.UUID, metadata, []byte(m.Payload))
		}
	}
}

// metadata encodes a message's metadata, and with it the reply that travels on it, if any.
func (l *layout) metadata(m, reply *message.Message) []byte {
	from := len(l.scratch)
	if reply != nil {
		l.scratch = appendWithReply(l.scratch, m, reply)
	} else {
		l.scratch = appendMetadata(l.scratch, m.Metadata)
	}
	return l.scratch[from:len(l.scratch):len(l.scratch)]
}

// place is the index of a message's stream among the partition's keys, as Lua counts.
func (l *layout) place(done *completion, m *message.Message) int {
	switch destinationOf(m) {
	case toCommands:
		return 2
	case toReply:
		return slices.Index(l.keys[l.own:], l.lanes.replyStream(done.p.number, done.replyTo)) + 1
	}
	return 3
}

// A destination is the kind of stream that a message goes to.
type destination int

const (
	toReply destination = iota
	toEvents
	toCommands
)

// destinationOf tells where a message that a command brought about is committed to.
// Its metadata says it: commands name an operation, events a namespace. A reply that
// changes rooms or the session goes with the events, in the order of the lane.
func destinationOf(m *message.Message) destination {
	switch {
	case m.Metadata[metaOperation] != "":
		return toCommands
	case m.Metadata[MetaNamespace] != "", m.Metadata[metaJoin] != "", m.Metadata[metaLeave] != "", m.Metadata[metaSession] != "":
		return toEvents
	}
	return toReply
}

func isForGateway(m *message.Message) bool { return destinationOf(m) == toReply }

// appendWithReply is appendMetadata for an event on which a reply travels.
func appendWithReply(b []byte, m, reply *message.Message) []byte {
	md, r := m.Metadata, reply.Metadata
	on := [...]pair{
		{metaReplyTo, r[metaReplyTo]}, {metaCode, r[metaCode]}, {metaJoin, r[metaJoin]}, {metaLeave, r[metaLeave]}, {metaSession, r[metaSession]},
		{metaReply, unsafe.String(unsafe.SliceData(reply.Payload), len(reply.Payload))}, // which nobody changes
	}
	n := len(md)
	for _, p := range on {
		if p.value != "" {
			n++
		}
	}
	b = appendTexts(msgpack.AppendMap(b, n), md)
	for _, p := range on {
		if p.value != "" {
			b = msgpack.AppendText(msgpack.AppendText(b, p.name), p.value)
		}
	}
	return b
}
