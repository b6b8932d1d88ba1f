package ratelimit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/example/switchyard/internal/contract"
)

// A Counter counts for all nodes together. Package redisrate has one.
type Counter interface {
	// Take counts one command under a key, or returns how long until one can be accepted.
	Take(key string, every, full time.Duration) (wait time.Duration, err error)
}

// shared asks a counter, and spares one that does not answer.
type shared struct {
	counter Counter
	log     *slog.Logger
	now     func() time.Duration
	away    atomic.Bool  // the last call failed
	again   atomic.Int64 // when one may try again, as a Duration
}

const (
	pause   = time.Second            // between calls to a counter that does not answer
	longest = 500 * time.Millisecond // for an answer; the time of a command only begins after it
)

// The errors of take, besides the counter's.
var (
	errAway = errors.New("the shared count does not answer")
	errSlow = fmt.Errorf("no answer within %s", longest)
)

func (s *shared) take(r *contract.Rate, w who) (time.Duration, error) {
	if s.away.Load() {
		again := s.again.Load()
		if now := s.now(); int64(now) < again || !s.again.CompareAndSwap(again, int64(now+pause)) { // one tries for all
			return 0, errAway
		}
	}
	wait, err := s.ask(r, w)
	if err != nil {
		s.again.Store(int64(s.now() + pause))
		if !s.away.Swap(true) {
			s.log.Warn("rates of the cluster are held by each node alone: Redis does not answer", "rate", r.Name, "error", err)
		}
		return 0, err
	}
	if s.away.Swap(false) {
		s.log.Info("rates of the cluster are held in Redis again")
	}
	return wait, nil
}

// ask asks the counter, on a goroutine of its own: that of package redisrate shares its
// round trips, so no context ends them, and may give up after the times of two connections.
// That is much later than a client should wait.
func (s *shared) ask(r *contract.Rate, w who) (time.Duration, error) {
	type answer struct {
		wait time.Duration
		err  error
	}
	answered, name := make(chan answer, 1), key(r, w)
	go func() {
		wait, err := s.counter.Take(name, r.Every, r.Full())
		answered <- answer{wait, err}
	}()
	late := time.NewTimer(longest)
	defer late.Stop()
	select {
	case a := <-answered:
		return a.wait, a.err
	case <-late.C:
		return 0, errSlow
	}
}

// key names somebody's count. Names are clients' own, so they are hashed: a key is short,
// and tells nothing of who it is about.
func key(r *contract.Rate, w who) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%s", len(w.tenant), w.tenant, w.name))
	return "rate:" + r.Name + ":" + hex.EncodeToString(sum[:16])
}
