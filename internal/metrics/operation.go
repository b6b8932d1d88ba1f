package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/example/switchyard/internal/fault"
)

// An Operation is the numbers of one command. A nil one counts nothing.
type Operation struct {
	name      string
	answered  [len(codes)]prometheus.Counter
	handled   *Histogram
	took      [len(codes)]atomic.Pointer[Histogram] // made with the first of its code: most never come
	durations *prometheus.HistogramVec
	late      Counter
}

const (
	ok   = "ok"   // the code of a result
	none = "none" // the operation of what no command is called
)

// codes are the values of the label code. What another version of the service may answer
// comes last.
var codes = [...]string{
	ok, string(fault.Invalid), string(fault.Unauthenticated), string(fault.Forbidden), string(fault.NotFound), string(fault.Conflict),
	string(fault.Exhausted), string(fault.Internal), string(fault.Overloaded), string(fault.Unavailable), string(fault.Timeout), "other",
}

var indexes = func() map[fault.Code]int {
	all := map[fault.Code]int{}
	for i, code := range codes[1 : len(codes)-1] {
		all[fault.Code(code)] = i + 1
	}
	return all
}()

func index(code fault.Code) int {
	if code == "" {
		return 0
	}
	if i, known := indexes[code]; known {
		return i
	}
	return len(codes) - 1
}

// Answered counts what a client was told; "" is a result.
func (o *Operation) Answered(code fault.Code) {
	if o != nil {
		o.answered[index(code)].Inc()
	}
}

// Took counts how long the answer of a command that was accepted has taken.
func (o *Operation) Took(code fault.Code, d time.Duration) {
	if o == nil {
		return
	}
	i := index(code)
	h := o.took[i].Load()
	if h == nil {
		h = &Histogram{o.durations.WithLabelValues(o.name, codes[i])}
		o.took[i].Store(h)
	}
	h.Took(d)
}

// Late counts an answer that came after the caller had been told "timeout".
func (o *Operation) Late() {
	if o != nil {
		o.late.Inc()
	}
}

// Handled counts how long the handler has taken, with its retries.
func (o *Operation) Handled(d time.Duration) {
	if o != nil {
		o.handled.Took(d)
	}
}
