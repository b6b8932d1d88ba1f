package logging

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// A line for each failure is right until everything fails: so of warnings and errors of one
// kind the first lines of each while are logged, and the others counted. How many they were
// is told by the first line of anything after that while.
const (
	floodLines = 100              // of one kind
	floodEvery = 10 * time.Second // within so much time
	floodKinds = 1000             // that are told apart; beyond that the rest counts as one
	floodText  = 200              // bytes of a name that are looked at
)

// A kind is what lines have in common that are alike.
type kind struct{ component, text, operation string }

// others is the kind of what is not told apart.
var others = kind{text: "others"}

// kindOf is the kind of a component's line.
func kindOf(component string, r slog.Record) kind {
	k := kind{component: component, text: r.Message[:min(len(r.Message), floodText)]}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "operation" {
			k.operation = a.Value.String()
			k.operation = k.operation[:min(len(k.operation), floodText)]
		}
		return k.operation == ""
	})
	return k
}

// floods are the kinds of a logger.
type floods struct {
	mu     sync.Mutex
	kinds  map[kind]*flood
	due    time.Time // when the first of those ends of which lines were left out; zero: of none
	looked time.Time // for room, when last
}

// A flood is how much there was of one kind.
type flood struct {
	since        time.Time
	logged, left int
	level        slog.Level // the worst of those that were left out
}

func newFloods() *floods { return &floods{kinds: map[kind]*flood{}} }

// pass tells whether a line is logged.
func (f *floods) pass(k kind, level slog.Level, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.of(k, now)
	if now.Sub(one.since) >= floodEvery && one.left == 0 {
		*one = flood{since: now}
	}
	if one.logged < floodLines {
		one.logged++
		return true
	}
	if one.left == 0 || level > one.level {
		one.level = level
	}
	one.left++
	f.ends(one)
	return false
}

// ended forgets what has ended of which lines were left out, and returns what is to be
// logged of it.
func (f *floods) ended(now time.Time) (told []slog.Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.due.IsZero() || now.Before(f.due) {
		return nil
	}
	f.due = time.Time{}
	for k, one := range f.kinds {
		switch {
		case one.left == 0:
		case now.Sub(one.since) < floodEvery:
			f.ends(one)
		default:
			r := slog.NewRecord(now, one.level, "lines were left out that are like others", 0)
			r.AddAttrs(slog.String(component, k.component), slog.String("like", k.text), slog.String("operation", k.operation), slog.Int("left_out", one.left))
			told = append(told, r)
			delete(f.kinds, k)
		}
	}
	return told
}

// ends has one looked at when it ends.
func (f *floods) ends(one *flood) {
	if end := one.since.Add(floodEvery); f.due.IsZero() || end.Before(f.due) {
		f.due = end
	}
}

// of finds a kind. Those that have long been silent make room for others.
func (f *floods) of(k kind, now time.Time) *flood {
	if one := f.kinds[k]; one != nil {
		return one
	}
	if len(f.kinds) >= floodKinds && now.Sub(f.looked) >= time.Second {
		f.looked = now
		for k, one := range f.kinds {
			if now.Sub(one.since) >= floodEvery && one.left == 0 {
				delete(f.kinds, k)
			}
		}
	}
	if len(f.kinds) >= floodKinds {
		if k = others; f.kinds[k] != nil {
			return f.kinds[k]
		}
	}
	one := &flood{since: now}
	f.kinds[kind{strings.Clone(k.component), strings.Clone(k.text), strings.Clone(k.operation)}] = one
	return one
}
