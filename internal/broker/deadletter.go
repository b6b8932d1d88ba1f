package broker

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
)

const maxReason = 500 // bytes of a dead letter's reason, and of a log line's

// deadCommand is the dead letter of a command that failed by accident: what was sent,
// so that it can be sent again.
func deadCommand(j *job, err error) *message.Message {
	md, bad := parseMetadata(j.entry.metadata)
	if bad != nil {
		md = message.Metadata{} // it was parsed before: cannot happen
	}
	return deadLetter(md, j.p, j.entry, j.command.ID, j.entry.payload, err, max(j.attempts, 1))
}

// deadEntry is the dead letter of an entry that is no command. None of it can be relied
// on, so all of it is the payload.
func deadEntry(p *partition, e entry, err error) *message.Message {
	id := e.uuid
	if id == "" {
		id = e.id
	}
	return deadLetter(message.Metadata{}, p, e, id, rawFields(e), err, 1)
}

func deadLetter(md message.Metadata, p *partition, e entry, id string, payload []byte, err error, attempts int) *message.Message {
	md[metaDeadOrigin] = p.commands
	md[metaDeadEntry] = e.id
	md[metaDeadReason] = reason(err)
	md[metaDeadAttempts] = strconv.Itoa(attempts)
	return newMessage(id, md, payload)
}

// rawFields is an entry as JSON: an array of pairs, since a name may come twice. What
// JSON cannot say is an object with its base64.
func rawFields(e entry) []byte {
	pairs := [][2]any{}
	e.eachField(func(name, value string) { pairs = append(pairs, [2]any{inJSON(name), inJSON(value)}) })
	b, err := json.Marshal(pairs)
	if err != nil {
		return []byte("[]") // strings: cannot happen
	}
	return b
}

func inJSON(s string) any {
	if utf8.ValidString(s) {
		return s
	}
	return map[string]string{"base64": base64.StdEncoding.EncodeToString([]byte(s))}
}

var stackRE = regexp.MustCompile(`(?s),? *(stacktrace: *)?\n?goroutine \d+ \[.*`)

// reason is an error as text: for operators, who need no stack.
func reason(err error) string {
	var recovered middleware.RecoveredPanicError // of Watermill's Recoverer
	if errors.As(err, &recovered) {
		return bounded(fmt.Sprintf("panic: %v", recovered.V))
	}
	return bounded(stackRE.ReplaceAllString(bounded16k(fmt.Sprint(err)), "")) // Sprint, since Error itself may panic
}

// bounded is a text for a log line or a reason: valid, and not too long.
func bounded(s string) string {
	if len(s) > maxReason {
		s = s[:maxReason-len("…")] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// bounded16k keeps an error of many megabytes from being searched.
func bounded16k(s string) string { return s[:min(len(s), 16<<10)] }

// logged is an error as the end of a log line.
func logged(err error) []any {
	args := []any{"error", reason(err)}
	var p *panicError
	if errors.As(err, &p) {
		args = append(args, "stack", string(p.stack[:min(len(p.stack), 4<<10)]))
	}
	return args
}

// deadLetters says when some must be looked at.
type deadLetters struct {
	filling, overflown throttle
}

// count notes a chunk that was committed.
func (d *deadLetters) count(w *Worker, k *chunk, r commitResult) {
	for _, done := range k.done {
		if done.dead != nil {
			w.metrics.DeadLetters.Inc()
		}
	}
	if kept := int64(w.deadLettersKept()); r.kept*5 >= kept*4 {
		d.filling.error(w.log, "dead letters fill their lane, and then the oldest are dropped: look at them with `yard dlq list`, and replay or drop them",
			"partition", k.p.number, "dead_letters", r.kept, "limit", kept)
	}
	if r.dropped > 0 {
		w.metrics.DroppedDeadLetters.Add(float64(r.dropped))
		d.overflown.error(w.log, "dropped the oldest dead letters of a lane that is full", "partition", k.p.number, "dropped", r.dropped)
	}
}

// deadLettersKept is about how many one partition keeps.
func (l *Lanes) deadLettersKept() int { return max(l.cfg.DeadLetters/max(l.cfg.Partitions, 1), 1) }
