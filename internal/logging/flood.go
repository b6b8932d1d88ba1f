package logging

import (
	"strings"
	"sync"
	"time"
)

// A line for each failure is right until everything fails: so of warnings and errors with
// one text the first lines of each while are logged, and the others counted.
const (
	floodLines = 100              // of one text
	floodEvery = 10 * time.Second // within so much time
	floodTexts = 1000             // that are told apart; beyond that the rest counts as one
	floodText  = 200              // bytes of a text that are looked at
)

// floods are the texts of a logger.
type floods struct {
	mu    sync.Mutex
	texts map[string]*flood
}

// A flood is how much there was of one text.
type flood struct {
	since           time.Time
	logged, skipped int
}

func newFloods() *floods { return &floods{texts: map[string]*flood{}} }

// pass tells whether a line is logged, and how many before it were not.
func (f *floods) pass(text string, now time.Time) (skipped int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.of(text[:min(len(text), floodText)], now)
	if now.Sub(one.since) >= floodEvery {
		skipped = one.skipped
		*one = flood{since: now}
	}
	if one.logged >= floodLines {
		one.skipped++
		return 0, false
	}
	one.logged++
	return skipped, true
}

// of finds a text. Those that have long been silent make room for others.
func (f *floods) of(text string, now time.Time) *flood {
	if one := f.texts[text]; one != nil {
		return one
	}
	if len(f.texts) >= floodTexts {
		for text, one := range f.texts {
			if now.Sub(one.since) >= floodEvery {
				delete(f.texts, text)
			}
		}
	}
	if len(f.texts) >= floodTexts {
		if text = ""; f.texts[text] != nil {
			return f.texts[text]
		}
	}
	one := &flood{since: now}
	f.texts[strings.Clone(text)] = one
	return one
}
