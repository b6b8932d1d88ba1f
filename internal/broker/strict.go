package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Redis replicates asynchronously: a failover takes back what no replica had yet. With
// Config.Strict a gateway, and a relay, take what a read has brought only when a replica
// has it as well. They write after it, and wait until the write has arrived there: it
// comes after all that was read, in the order of the Redis that was read from.
//
// So it goes over the connection of the read, and before the read's time is up. Another
// connection may lead to a replica that was promoted meanwhile, whose own replicas say
// nothing of what was read. What is not confirmed is dropped, and read again from where
// the address leads then.

const (
	strictWait = 500 * time.Millisecond // for a replica
	strictKept = time.Minute            // how long Redis keeps the key that is written
)

var errNoReplica = errors.New("no replica of Redis has taken over the newest writes (STRICT=on); is there one, and is it connected?")

// confirm waits until a replica has what was read just now from a stream, and from those
// in its slot.
func (r *reader) confirm(ctx context.Context, stream string) error {
	key := replicaKey(hashTag(stream))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), roundTripMax) // the read may have taken all of its time
	defer cancel()
	raw, err := r.link.do(ctx, nil,
		[]any{"set", key, "", "px", strictKept.Milliseconds()},
		[]any{"wait", 1, strictWait.Milliseconds()})
	if err == nil {
		err = replicated(string(raw))
	}
	if err != nil {
		r.close() // a Redis without a replica may be one that the address has left
		return fmt.Errorf("wait for a replica: %w", err)
	}
	return nil
}

// replicated reads the replies to SET and WAIT.
func replicated(raw string) error {
	set, wait, _ := strings.Cut(strings.TrimSuffix(raw, "\r\n"), "\r\n")
	switch {
	case set != "+OK":
		return replyError(strings.TrimPrefix(set, "-"))
	case !strings.HasPrefix(wait, ":"):
		return replyError(strings.TrimPrefix(wait, "-"))
	case wait == ":0":
		return errNoReplica
	}
	return nil
}
