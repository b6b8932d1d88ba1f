package siotest

import (
	"bytes"
	"sync"
	"testing"
)

// A logBook keeps the end of what a node logs, for tests that fail.
type logBook struct {
	mu   sync.Mutex
	text []byte
	cut  bool
}

const keptLog = 64 << 10 // bytes of each node, at least

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text = append(l.text, p...); len(l.text) > 2*keptLog {
		l.text, l.cut = append(l.text[:0], l.text[len(l.text)-keptLog:]...), true
	}
	return len(p), nil
}

// String is what was kept.
func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut { // the first line may lack its beginning
		_, text, _ := bytes.Cut(l.text, []byte("\n"))
		return "…\n" + string(text)
	}
	return string(l.text)
}

// print shows it, if the test has failed.
func (l *logBook) print(t testing.TB, name string) {
	if t.Failed() {
		t.Logf("log of %s:\n%s", name, l)
	}
}
