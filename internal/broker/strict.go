package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis replicates asynchronously: a failover takes back what no replica had yet. With
// Config.Strict a gateway does what a read has told it to, acknowledgements and events,
// only when a replica has it as well, and so does a relay what it forwards. What it writes itself comes after all that it has
// read in Redis' order, so it is enough that this write has arrived there.

const (
	strictWait = 100 * time.Millisecond // for a replica, in one attempt
	strictKept = time.Minute            // how long Redis keeps the key that is written
)

var errNoReplica = errors.New("no replica of Redis has taken over the newest writes (STRICT=on); is there one, and is it connected?")

// confirm waits until a replica has what was read, or ctx ends.
func (l *Lanes) confirm(ctx context.Context, t *tail, quiet *throttle) {
	wait := backoff{shared: quiet}
	for {
		err := t.replicated(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		wait.sleep(ctx, l.log, "tell clients what has come of their commands", err)
	}
}

// replicated finds out whether a replica has all that was written to the tail's streams
// until now.
func (t *tail) replicated(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, roundTripMax)
	defer cancel()
	key := "strict:{" + hashTag(t.streams[0]) + "}"
	master, err := t.reader.client(ctx, key)
	if err != nil {
		return err
	}
	var have *redis.Cmd
	_, err = master.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Set(ctx, key, "", strictKept)
		have = pipe.Do(ctx, "wait", 1, strictWait.Milliseconds()) // on the connection of the write
		return nil
	})
	var replicas int
	if err == nil {
		replicas, err = have.Int()
	}
	switch {
	case err != nil:
		return fmt.Errorf("wait for a replica: %w", err)
	case replicas < 1:
		return errNoReplica
	}
	return nil
}
