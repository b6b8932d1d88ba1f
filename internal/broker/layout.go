package broker

import "slices"

// arguments lays out one run as lua/complete.lua wants it.
func (c *committer) arguments(run []*chunk) (keys []string, args []any) {
	args = append(make([]any, 0, 6+24*len(run)),
		maxEvents, maxReplies, keepReplies.Milliseconds(), c.w.cfg.IdempotencyTTL.Milliseconds(), seriesName(), c.w.deadLettersKept())
	for _, k := range run {
		if k.refused != nil {
			k = &chunk{p: k.p, number: k.number} // no commands: the number is made void
		}
		l := layout{lanes: c.w.Lanes, keys: keys, args: args, own: len(keys)}
		l.chunk(k)
		keys, args = l.keys, l.args
	}
	return keys, args
}

// A layout appends the keys and arguments of one partition.
type layout struct {
	lanes *Lanes
	keys  []string
	args  []any
	own   int // index of the partition's first key
}

func (l *layout) chunk(k *chunk) {
	l.keys = append(l.keys, k.p.owner, k.p.commands, k.p.events)
	head := len(l.args)
	l.args = append(l.args, l.lanes.boot, k.p.epoch, k.number, 0, 0, len(k.done), 0, 0)
	replies := l.replies(k)
	for _, done := range k.done {
		l.args = append(l.args, done.entry)
	}
	var messages int
	l.args, messages = appendDead(l.args, k)
	buries := messages > 0
	for _, done := range k.done {
		messages += l.messages(done)
	}
	if buries {
		l.keys = append(l.keys, deadStream(k.p.number))
	}
	streams := len(l.keys)
	for _, done := range k.done {
		if done.outcome != "" {
			l.keys, l.args = append(l.keys, done.copies.record), append(l.args, done.outcome)
		}
	}
	l.args[head+3], l.args[head+4], l.args[head+6], l.args[head+7] = streams-l.own, replies, messages, len(l.keys)-streams
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

// messages appends the messages of one command, each followed by where it is kept, and
// returns the number of both.
func (l *layout) messages(done *completion) int {
	n := len(done.messages) + len(done.keeps)
	keeps, reply := done.keeps, done.reply
	for i, m := range done.messages {
		stream := 3
		switch destination(m) {
		case toCommands:
			stream = 2
		case toReply:
			stream = l.stream(l.lanes.replyStream(done.p.number, done.replyTo))
		}
		var metadata, payload []byte
		if reply != nil && isEvent(m) {
			metadata, payload = encodeWithReply(m, reply)
			reply = nil
		} else {
			metadata, payload = encode(m)
		}
		l.args = append(l.args, stream, m.UUID, metadata, payload)
		if len(keeps) > 0 && keeps[0].message == i {
			l.args = append(l.args, -l.stream(keeps[0].log), done.entry, keeps[0].most, "")
			keeps = keeps[1:]
		}
	}
	return n
}

// stream is the index of a stream among the partition's keys, as Lua counts; it adds
// one that is not there.
func (l *layout) stream(name string) int {
	i := slices.Index(l.keys[l.own:], name)
	if i < 0 {
		i = len(l.keys) - l.own
		l.keys = append(l.keys, name)
	}
	return i + 1
}
