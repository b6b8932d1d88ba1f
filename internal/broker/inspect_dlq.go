package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// A DeadLetter is one command that failed by accident, or an entry that was no command.
type DeadLetter struct {
	Ref       string            `json:"ref"` // "<partition>/<entry>", which names it
	At        time.Time         `json:"at"`
	CommandID string            `json:"command_id"`
	Operation string            `json:"operation"` // "" for what was no command
	Origin    string            `json:"origin"`    // stream
	Entry     string            `json:"entry"`     // its id there
	Reason    string            `json:"reason"`
	Attempts  int               `json:"attempts"`
	Metadata  map[string]string `json:"metadata"` // of the command itself
	Payload   string            `json:"payload"`

	partition int
	id        string // in the dlq
}

// ErrNoDeadLetter says that a dead letter is not there, or no longer.
var ErrNoDeadLetter = errors.New("there is no such dead letter: it may have been replayed or dropped, by hand or because DLQ_MAX was reached; see `yard dlq list`")

const pageOfDead = 100

// EachDeadLetter hands over the dead letters partition by partition, the oldest first,
// until do fails. It may replay and drop those it sees: what dies again meanwhile is not
// seen again.
func (i *Inspector) EachDeadLetter(ctx context.Context, do func(DeadLetter) error) error {
	page := batchSize{now: pageOfDead, max: pageOfDead}
	for p := range i.partitions {
		end, err := i.rdb.XRevRangeN(ctx, deadStream(p), "+", "-", 1).Result()
		if err != nil {
			return fmt.Errorf("read %s: %w", deadStream(p), err)
		}
		for after := "-"; len(end) > 0; {
			asked := page.now
			found, err := i.rdb.XRangeN(ctx, deadStream(p), after, end[0].ID, asked).Result()
			if err != nil {
				if page.adapt(err, 0); page.now < asked && ctx.Err() == nil {
					continue // with fewer: they may be large, and the connection slow
				}
				return fmt.Errorf("read %s: %w", deadStream(p), err)
			}
			for _, m := range found {
				if err := do(newDeadLetter(p, m)); err != nil {
					return err
				}
				after = "(" + m.ID
			}
			if int64(len(found)) < asked {
				break
			}
		}
	}
	return nil
}

var errFound = errors.New("found")

// DeadLetter finds one by its ref or by its command's id; of several the oldest.
func (i *Inspector) DeadLetter(ctx context.Context, name string) (d DeadLetter, err error) {
	p, id, isRef := strings.Cut(name, "/")
	if n, bad := strconv.Atoi(p); isRef && bad == nil && n >= 0 && n < i.partitions {
		found, err := i.rdb.XRangeN(ctx, deadStream(n), id, id, 1).Result()
		switch {
		case nowhere(err):
			return d, fmt.Errorf("find dead letter %q, which is no <partition>/<entry>: %w", name, err)
		case err != nil:
			return d, fmt.Errorf("find dead letter %q: %w", name, err)
		case len(found) == 0:
			return d, ErrNoDeadLetter
		}
		return newDeadLetter(n, found[0]), nil
	}
	err = i.EachDeadLetter(ctx, func(one DeadLetter) error {
		if one.CommandID == name {
			d = one
			return errFound
		}
		return nil
	})
	switch {
	case errors.Is(err, errFound):
		return d, nil
	case err != nil:
		return d, err
	}
	return d, ErrNoDeadLetter
}

func newDeadLetter(p int, m redis.XMessage) DeadLetter {
	text := func(field string) string { s, _ := m.Values[field].(string); return s }
	d := DeadLetter{
		Ref: strconv.Itoa(p) + "/" + m.ID, At: entryTime(m.ID).UTC(), CommandID: text(fieldUUID), Payload: text(fieldPayload),
		Metadata: map[string]string{}, partition: p, id: m.ID,
	}
	err := eachPair(text(fieldMetadata), func(name, value string) {
		switch name {
		case metaDeadOrigin:
			d.Origin = value
		case metaDeadEntry:
			d.Entry = value
		case metaDeadReason:
			d.Reason = value
		case metaDeadAttempts:
			d.Attempts, _ = strconv.Atoi(value)
		default:
			d.Metadata[name] = value
		}
	})
	if err != nil {
		d.Reason = "this is no dead letter: " + err.Error()
		d.Metadata = map[string]string{}
	}
	d.Operation = d.Metadata[metaOperation]
	return d
}

// Replay moves a dead letter back to the backlog, where it runs once more under its
// id. Nobody waits for it any more.
func (i *Inspector) Replay(ctx context.Context, d DeadLetter) error {
	if d.Operation == "" {
		return fmt.Errorf("dead letter %s was no command, so it cannot be replayed: drop it, or have its sender send it right", d.Ref)
	}
	e := entry{id: d.id, uuid: d.CommandID, payload: []byte(d.Payload)}
	var pairs []pair
	for name, value := range d.Metadata {
		switch {
		case name == metaReplyTo, name == metaTimeout, name == metaForward, strings.HasPrefix(name, deadPrefix):
		default:
			pairs = append(pairs, pair{name, value})
		}
	}
	e.metadata = string(encodePairs(pairs))
	c, err := parseCommand(e)
	if err != nil {
		return fmt.Errorf("dead letter %s cannot be replayed: %w; drop it, or have its sender send it right", d.Ref, err)
	}
	if partitionOf(c.lane(), i.partitions) != d.partition { // PARTITIONS was another number
		e.metadata = string(encodePairs(append(pairs, pair{metaForward, "true"})))
	}
	moved, err := replayScript.Run(ctx, i.rdb, []string{deadStream(d.partition), commandStream(d.partition)},
		d.id, d.CommandID, e.metadata, d.Payload).Int()
	if err != nil {
		return fmt.Errorf("replay dead letter %s: %w", d.Ref, err)
	}
	if moved == 0 {
		return ErrNoDeadLetter
	}
	return nil
}

// Drop deletes a dead letter.
func (i *Inspector) Drop(ctx context.Context, d DeadLetter) error {
	n, err := i.rdb.XDel(ctx, deadStream(d.partition), d.id).Result()
	if err != nil {
		return fmt.Errorf("drop dead letter %s: %w", d.Ref, err)
	}
	if n == 0 {
		return ErrNoDeadLetter
	}
	return nil
}
