package broker

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

// A scripted is a publisher whose goroutine is the test.
type scripted struct {
	*Publisher
	t        *testing.T
	now      time.Time
	refused  int
	answered []error
}

func newScripted(t *testing.T, rdb redis.UniversalClient, limit int) *scripted {
	return &scripted{
		Publisher: &Publisher{line: &line{rdb: rdb, log: slog.New(slog.DiscardHandler)}, backlogs: newBacklogs(2, limit), wake: make(chan struct{}, 1)}, t: t, now: time.Now(),
	}
}

func (s *scripted) add(partition, n int) {
	for range n {
		s.addCommand(partition, "id", nil, nil, time.Time{}, func(err error) {
			s.answered = append(s.answered, err)
			if errors.Is(err, errBacklog) && errors.Is(err, ErrNotSent) {
				s.refused++
			}
		})
	}
}

// step is what run does when it is woken, some time after the last step; it returns
// the partitions that were measured.
func (s *scripted) step(after time.Duration) (measured []string, full bool) {
	s.now = s.now.Add(after)
	batch := s.wanted(s.next(nil), s.now)
	ask, full := s.toMeasure(batch, s.now)
	for _, b := range ask {
		measured = append(measured, b.stream)
	}
	slices.Sort(measured)
	s.send(batch, ask)
	return measured, full
}

func (s *scripted) want(what string, got, want any) {
	s.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestABacklogIsFullAtItsLimit(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	s := newScripted(t, rdb, 10)
	length := func() int64 { return rdb.XLen(t.Context(), commandStream(0)).Val() }
	s.add(0, 12) // not sent yet: they count all the same
	s.want("refused at once", s.refused, 2)
	s.add(1, 1)
	s.want("refused by another partition", s.refused, 2)
	s.step(0)
	s.want("length", length(), 10)
	s.add(0, 1)
	for range 3 { // nobody waits for these, and no gateway sends them
		if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: commandStream(0), Values: []string{"a", "b"}}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	s.want("refused", s.refused, 3)
	s.step(time.Millisecond)
	s.want("length with what is never refused", length(), 13)
	measured, full := s.step(time.Millisecond)
	s.want("measured again within no time", measured, "[]")
	s.want("full", full, true)

	if err := rdb.XTrimMaxLen(t.Context(), commandStream(0), 8).Err(); err != nil {
		t.Fatal(err)
	}
	s.add(0, 1)
	s.want("refused while nothing is known of the room", s.refused, 4)
	measured, _ = s.step(probeEvery)
	s.want("probed", measured, "[cmd:{p0}]")
	s.add(0, 3)
	s.want("refused when there is room for two", s.refused, 5)
	s.step(time.Millisecond)
	s.want("length", length(), 10)

	// Nobody sends anything, so it is measured now and then.
	s.step(time.Millisecond)
	measured, _ = s.step(2 * probeEvery)
	s.want("probed when nobody was refused", measured, "[]")
	if err := rdb.Del(t.Context(), commandStream(0)).Err(); err != nil {
		t.Fatal(err)
	}
	measured, _ = s.step(probeIdle)
	s.want("probed after a while", measured, "[cmd:{p0}]")
	s.add(0, 10)
	s.want("refused after that", s.refused, 5)
}

// Another gateway fills the partition: a batch that adds to it learns of that.
func TestABacklogIsMeasuredWithABatchOnceInAWhile(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	s := newScripted(t, rdb, 100)
	for i, tc := range []struct {
		add   int
		after time.Duration
		want  string
	}{
		{1, 0, "[cmd:{p0}]"}, {1, time.Millisecond, "[]"}, {1, measureEvery, "[cmd:{p0}]"}, {0, measureEvery, "[]"},
		{21, time.Millisecond, "[cmd:{p0}]"}, {1, time.Millisecond, "[cmd:{p0}]"}, // a quarter of the limit
	} {
		s.add(0, tc.add)
		measured, _ := s.step(tc.after)
		s.want(fmt.Sprint("step ", i), measured, tc.want)
	}
	for range 80 {
		if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: commandStream(0), Values: []string{"a", "b"}}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	s.add(0, 1)
	s.step(time.Millisecond)
	s.add(0, 1)
	s.want("refused after somebody else has filled it", s.refused, 1)
}

type failing struct {
	err     error
	written bool // before it fails
}

// write does with a command's arguments what a connection does.
func write(c redis.Cmder) {
	for _, arg := range c.Args() {
		if m, ok := arg.(encoding.BinaryMarshaler); ok {
			_, _ = m.MarshalBinary()
		}
	}
}

func (f *failing) fail(ctx context.Context, cmds []redis.Cmder, next redis.ProcessPipelineHook) error {
	if f.err == nil {
		return next(ctx, cmds)
	}
	for _, c := range cmds {
		if f.written {
			write(c)
		}
		c.SetErr(f.err)
	}
	return f.err
}

// What surely was not sent does not count, what may have been does, until it is known.
func TestABacklogAfterErrors(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	f := &failing{err: redis.ErrPoolTimeout}
	rdb.AddHook(testenv.Hook(f.fail))
	s := newScripted(t, rdb, 4)
	s.add(0, 4)
	s.step(0)
	s.add(0, 3)
	s.want("refused after four were not sent", s.refused, 0)
	f.err, f.written = errors.New("connection reset"), true
	s.step(0)
	s.add(0, 2)
	s.want("refused after three may have been", s.refused, 1)
	f.err = nil
	s.step(probeEvery)
	s.add(0, 4)
	s.want("refused once it is known that there is one", s.refused, 2)
}

func TestACommandThatWaitedTooLongGivesItsPlaceBack(t *testing.T) {
	t.Parallel()
	s := newScripted(t, nil, 1)
	told := false
	s.addCommand(0, "id", nil, nil, s.now.Add(-time.Second), func(error) { told = true })
	if left := s.wanted(s.next(nil), s.now); len(left) > 0 || !told {
		t.Errorf("%d are sent, told %t", len(left), told)
	}
	s.add(0, 1)
	s.want("refused", s.refused, 0)
	if errBacklog.Code != fault.Overloaded || errBacklog.RetryAfter == 0 {
		t.Error(errBacklog)
	}
}
