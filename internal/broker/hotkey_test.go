package broker

import (
	"cmp"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

func TestEntryIDsAreComparedAsNumbers(t *testing.T) {
	t.Parallel()
	ids := []string{"0-0", "0-1", "9-10", "10-2", "10-9", "10-10", "1700000000000-0", "1700000000001-0"}
	for i, a := range ids {
		for j, b := range ids {
			if got := compareIDs(a, b); got != cmp.Compare(i, j) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
}

// A readModel is a partition's stream, its reader, and a pool that the test works off.
type readModel struct {
	*partition
	w      *Worker
	rnd    *rand.Rand
	stream []entry
	at     int // number of the next entry
	sent   map[string][]string
	ran    map[string][]string
}

func (m *readModel) send(key string) {
	m.at++
	id := fmt.Sprintf("%d-%d", m.at/10, m.at%10)
	c := &Command{Operation: "x", Key: key}
	m.stream = append(m.stream, entry{id: id, uuid: id, metadata: string(c.encoded())})
	m.sent[key] = append(m.sent[key], id)
}

// read is one turn of the worker's reader.
func (m *readModel) read(count int) {
	if m.open.Load() >= partitionWindow {
		return
	}
	from := m.from()
	var found []entry
	for _, e := range m.stream {
		if compareIDs(e.id, from) > 0 && len(found) < count {
			found = append(found, e)
		}
	}
	// What runs while the read is on its way is deleted from the stream, and found.
	m.run(m.rnd.IntN(3))
	m.w.took(m.partition, from, found)
}

// run runs the first command of some keys, but of a key that is blocked.
func (m *readModel) run(n int, blocked ...string) {
	for key, q := range m.keys {
		if n--; n < 0 {
			return
		}
		if len(q.waiting) == 0 || slices.Contains(blocked, key) {
			continue
		}
		id := q.waiting[0].entry.id
		q.waiting = q.waiting[1:]
		m.ran[key] = append(m.ran[key], id)
		m.stream = slices.DeleteFunc(m.stream, func(e entry) bool { return e.id == id })
		m.w.finished(m.partition, nil)
		if len(q.waiting) == 0 && m.rnd.IntN(2) == 0 {
			delete(m.keys, key)
		}
	}
}

// Whatever the order of reads and runs: each command of each key runs once, in order.
func TestEveryKeyIsReadInOrderAndOnce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		l := &Lanes{cfg: Config{Partitions: 1, InFlight: 1000}, log: slog.New(slog.DiscardHandler)}
		w := &Worker{Lanes: l, room: make(chan struct{}, 1), idle: make(chan struct{}, 1)}
		w.pool, w.commits = newPool(0, nil), newCommitter(w) // without goroutines
		m := &readModel{partition: newPartition(0), w: w, rnd: rnd, sent: map[string][]string{}, ran: map[string][]string{}}
		keys := []string{"a", "b", "c", "d", "e", "f", "g"}
		hot := 1 + rnd.IntN(len(keys)-1)
		for range 500 {
			switch rnd.IntN(3) {
			case 0:
				for range rnd.IntN(8) {
					m.send(keys[rnd.IntN(hot)])
				}
			case 1:
				m.send(keys[rnd.IntN(len(keys))])
			}
			if rnd.IntN(2) == 0 {
				m.read(1 + rnd.IntN(128))
			}
			m.run(rnd.IntN(3), keys[0])
			for key, q := range m.keys {
				if len(q.waiting) > keyWindow {
					t.Fatalf("seed %d: %d commands of %s wait", seed, len(q.waiting), key)
				}
			}
		}
		for turns := 0; len(m.stream) > 0; turns++ {
			if m.read(1 + rnd.IntN(128)); turns > 100_000 {
				t.Fatalf("seed %d: %d commands are never read", seed, len(m.stream))
			}
			m.run(3)
		}
		if diff := gocmp.Diff(m.sent, m.ran); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
		for range 4 {
			m.read(10)
		}
		if len(m.behind) > 0 {
			t.Errorf("seed %d: still behind: %v", seed, m.behind)
		}
	}
}
