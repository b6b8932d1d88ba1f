package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// A History reads what the lanes keep of events. For each event and key there is a
// stream in the partition of the key, whose entries have the positions of the commands
// that raised them. Who changes the number of partitions moves it (repartition.go).
//
// The commit that announces such an event writes it. A handler that wrote such a history
// itself would wait for a round trip of its own, and its message could be there
// although the command has failed, or be told before it is there.
type History struct {
	lanes *Lanes
	rdb   redis.Cmdable
}

var _ contract.History = (*History)(nil)

// NewHistory makes a history that reads over a client of its own.
func NewHistory(l *Lanes, rdb redis.Cmdable) *History { return &History{l, rdb} }

const fieldKept = "payload" // as lua/commit.lua writes it

// Before returns the events before a position, the newest last.
func (h *History) Before(ctx context.Context, e contract.EventSpec, key, position string, limit int) ([]contract.Kept, error) {
	if limit < 1 { // to Redis it is an error, or no limit
		return nil, nil
	}
	if err := h.lanes.settled(ctx, key); err != nil {
		return nil, fault.Transient(err)
	}
	end := "+"
	if position != "" {
		end = "(" + position
	}
	kept, err := keptIn(h.rdb.XRevRangeN(ctx, h.key(e, key), end, "-", int64(limit)).Result())
	slices.Reverse(kept)
	return kept, err
}

// After returns the events after a position, the newest last.
func (h *History) After(ctx context.Context, e contract.EventSpec, key, position string, limit int) ([]contract.Kept, error) {
	if limit < 1 {
		return nil, nil
	}
	if err := h.lanes.settled(ctx, key); err != nil {
		return nil, fault.Transient(err)
	}
	return keptIn(h.rdb.XRangeN(ctx, h.key(e, key), "("+position, "+", int64(limit)).Result())
}

func (h *History) key(e contract.EventSpec, key string) string {
	return historyKey(h.lanes.partition(key), e, key)
}

// nowhere tells whether Redis refuses the ends of a range, of which clients choose one.
func nowhere(err error) bool {
	return redis.HasErrorPrefix(err, "Invalid stream ID") || redis.HasErrorPrefix(err, "invalid start ID") || redis.HasErrorPrefix(err, "invalid end ID")
}

// keptIn makes events of the entries of a history.
func keptIn(found []redis.XMessage, err error) ([]contract.Kept, error) {
	switch {
	case nowhere(err): // no command has such a position, or there is none beyond it
		return nil, nil
	case err != nil:
		return nil, fault.Transient(fmt.Errorf("read what was kept: %w", err))
	}
	kept := make([]contract.Kept, len(found))
	for i, entry := range found {
		payload, _ := entry.Values[fieldKept].(string)
		kept[i] = contract.Kept{Position: entry.ID, Payload: json.RawMessage(payload)}
	}
	return kept, nil
}
