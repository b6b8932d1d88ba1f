package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// An Inspector is the lanes' side of the operator: it reads what is in Redis, without a
// node of its own, and moves or drops dead letters. The rest it leaves as it is.
type Inspector struct {
	rdb        redis.UniversalClient
	partitions int
}

// Inspect asks Redis how many partitions there are.
func Inspect(ctx context.Context, rdb redis.UniversalClient) (*Inspector, error) {
	n, err := Partitions(ctx, rdb)
	if err != nil {
		return nil, err
	}
	return &Inspector{rdb, n}, nil
}

// Emitter announces events from outside.
func (i *Inspector) Emitter() *Emitter { return &Emitter{i.rdb, i.partitions} }

// A PartitionState is one partition at one moment.
type PartitionState struct {
	Partition   int    `json:"partition"`
	Backlog     int64  `json:"backlog"`   // commands accepted and not completed
	OldestMS    int64  `json:"oldest_ms"` // age of the oldest; 0 for none
	Node        string `json:"node"`      // the last owner
	Boot        string `json:"boot"`
	Epoch       int64  `json:"epoch"`
	Lease       string `json:"lease"`    // "held", "lapsed" or "free"
	LeaseMS     int64  `json:"lease_ms"` // that it has left; below 0 since it lapsed
	Events      int64  `json:"events"`   // kept
	DeadLetters int64  `json:"dead_letters"`
}

// Partitions looks at all partitions. One that Redis has no answer of is left out and named
// by the error; where Redis does not answer at all, there are none.
func (i *Inspector) Partitions(ctx context.Context) ([]PartitionState, error) {
	return i.look(ctx, func(PartitionState) bool { return true })
}

// look is Partitions for those that are wanted: only of them the oldest command is asked for.
func (i *Inspector) look(ctx context.Context, wanted func(PartitionState) bool) ([]PartitionState, error) {
	all, now, err := i.states(ctx)
	all = slices.DeleteFunc(all, func(s PartitionState) bool { return !wanted(s) })
	all, failed := i.ages(ctx, all, now)
	return all, errors.Join(err, failed)
}

// states is what can be told without the entries, at the time that it returns.
func (i *Inspector) states(ctx context.Context) (all []PartitionState, now time.Time, err error) {
	n := i.partitions
	pipe := i.rdb.Pipeline()
	clock := pipe.Time(ctx)
	lengths, owners := make([][3]*redis.IntCmd, n), make([]*redis.SliceCmd, n)
	for p := range n {
		for k, stream := range []string{commandStream(p), eventStream(p), deadStream(p)} {
			lengths[p][k] = pipe.XLen(ctx, stream)
		}
		owners[p] = pipe.HMGet(ctx, ownerKey(p), "node", "boot", "epoch", "until")
	}
	_, first := pipe.Exec(ctx)
	if now, err = clock.Result(); err != nil {
		now = time.Now() // of a Cluster, another node may have been asked for it
	}
	var failed []error
	for p := range n {
		if err := cmp.Or(lengths[p][0].Err(), lengths[p][1].Err(), lengths[p][2].Err(), owners[p].Err()); err != nil {
			failed = append(failed, fmt.Errorf("look at partition %d: %w", p, err))
			continue
		}
		s := PartitionState{Partition: p, Backlog: lengths[p][0].Val(), Events: lengths[p][1].Val(), DeadLetters: lengths[p][2].Val()}
		s.owned(owners[p].Val(), now)
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, now, fmt.Errorf("look at %d partitions: %w", n, first) // each has failed for the same reason
	}
	return all, now, errors.Join(failed...)
}

// owned takes the fields of the owner's key.
func (s *PartitionState) owned(fields []any, now time.Time) {
	own := make([]string, 4)
	for k, v := range fields {
		own[k], _ = v.(string)
	}
	s.Node, s.Boot = own[0], own[1]
	s.Epoch, _ = strconv.ParseInt(own[2], 10, 64)
	until, err := strconv.ParseInt(own[3], 10, 64)
	if err != nil {
		s.Lease = "free"
		return
	}
	s.LeaseMS = until - now.UnixMilli()
	s.Lease = "held"
	if s.LeaseMS < 0 {
		s.Lease = "lapsed"
	}
}

// ages asks how old the oldest commands are. A partition without an answer is left out.
func (i *Inspector) ages(ctx context.Context, all []PartitionState, now time.Time) (told []PartitionState, err error) {
	oldest := runScripts(ctx, i.rdb, laneStartScript, len(all), func(k int) ([]string, []any) {
		return []string{commandStream(all[k].Partition)}, nil
	})
	var failed []error
	for k, s := range all {
		id, err := oldest[k].Text()
		if err != nil && !errors.Is(err, redis.Nil) {
			failed = append(failed, fmt.Errorf("look at the oldest command of partition %d: %w", s.Partition, err))
			continue
		}
		if s.Backlog > 0 && err == nil {
			s.OldestMS = max(now.Sub(entryTime(id)).Milliseconds(), 0)
		}
		told = append(told, s)
	}
	return told, errors.Join(failed...)
}

// A WorkerState is one worker node.
type WorkerState struct {
	Node       string `json:"node"`
	Boot       string `json:"boot"`
	BeatMS     int64  `json:"beat_ms"` // since its last beat; -1: it has none, and is gone
	Partitions []int  `json:"partitions"`
}

// Workers lists the nodes that run commands: those that beat, and those that are gone
// and have left partitions behind.
func (i *Inspector) Workers(ctx context.Context) ([]WorkerState, error) {
	parts, err := i.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	beats, err := i.rdb.ZRangeWithScores(ctx, workersKey, 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("list the workers: %w", err)
	}
	now, err := i.rdb.Time(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("ask Redis for the time: %w", err)
	}
	all := []WorkerState{}
	for _, b := range beats {
		boot, _ := b.Member.(string)
		all = append(all, newWorkerState(boot, max(now.UnixMilli()-int64(b.Score), 0)))
	}
	for _, p := range parts {
		if p.Lease == "free" {
			continue
		}
		at := slices.IndexFunc(all, func(w WorkerState) bool { return w.Boot == p.Boot })
		if at < 0 {
			at = len(all)
			all = append(all, newWorkerState(p.Boot, -1))
		}
		all[at].Partitions = append(all[at].Partitions, p.Partition)
	}
	slices.SortFunc(all, func(a, b WorkerState) int { return strings.Compare(a.Boot, b.Boot) })
	return all, nil
}

func newWorkerState(boot string, beat int64) WorkerState {
	return WorkerState{Node: nodeOf(boot), Boot: boot, BeatMS: beat, Partitions: []int{}}
}

// A LaneEntry is one entry of a lane.
type LaneEntry struct {
	Stream   string            `json:"stream"`
	Entry    string            `json:"entry"`
	At       time.Time         `json:"at"`
	ID       string            `json:"id"` // of the message
	Metadata map[string]string `json:"metadata"`
	Payload  string            `json:"payload"`
	Error    string            `json:"error,omitempty"` // why it is no message; the payload is then its fields
}

func laneEntry(stream string, e entry) LaneEntry {
	l := LaneEntry{Stream: stream, Entry: strings.Clone(e.id), At: entryTime(e.id).UTC()}
	m, err := decode(e)
	if err != nil {
		l.Error, l.Payload = bounded(err.Error()), string(rawFields(e))
		return l
	}
	l.ID, l.Metadata, l.Payload = m.UUID, m.Metadata, string(m.Payload)
	return l
}

// Lanes that can be tailed.
var laneStreams = map[string]func(int) string{"cmd": commandStream, "evt": eventStream, "dlq": deadStream}

// Tail hands over what comes to a lane of all partitions, "cmd", "evt" or "dlq", until
// ctx ends or see fails; with everything also what is there. A command that is
// completed before it is read is not seen.
func (i *Inspector) Tail(ctx context.Context, lane string, everything bool, see func(LaneEntry) error) error {
	name, ok := laneStreams[lane]
	if !ok {
		return fmt.Errorf("there is no lane %q: tail cmd, evt or dlq", lane)
	}
	streams := make([]string, i.partitions)
	for p := range streams {
		streams[p] = name(p)
	}
	t := newTail(i.rdb, streams)
	if !everything {
		if _, err := t.seekEnd(ctx); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var turn sync.Mutex
	eachTail(t.bySlot(), func(t *tail) {
		if err := follow(ctx, t, &turn, see); err != nil {
			stop(fmt.Errorf("tail lane %s: %w", lane, err))
		}
	})
	if err := context.Cause(ctx); !errors.Is(err, ctx.Err()) {
		return err
	}
	return nil
}

// follow hands over what a tail brings until ctx ends or see fails. The mutex is held
// while see runs.
func follow(ctx context.Context, t *tail, turn *sync.Mutex, see func(LaneEntry) error) error {
	defer t.reader.close()
	for ctx.Err() == nil {
		all, err := t.next(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
		case redis.HasErrorPrefix(err, "MOVED "): // where a slot is now is soon known, see elsewhere
			sleep(ctx, migratingPoll)
		default:
			return err
		}
		for _, f := range all {
			for _, e := range f.entries {
				turn.Lock()
				err := ctx.Err()
				if err == nil {
					err = see(laneEntry(t.streams[f.stream], e))
				}
				turn.Unlock()
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}
