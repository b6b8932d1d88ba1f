package load

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Limit is what a result must keep to: "p99<50ms", "delivery.p99<100ms", "rate>1000",
// "problems<1".
type Limit struct {
	text  string
	of    func(*Result) float64
	below bool
	bound float64
}

var measures = map[string]func(*Result) float64{
	"p50": func(r *Result) float64 { return r.Latency.P50 }, "p90": func(r *Result) float64 { return r.Latency.P90 },
	"p99": func(r *Result) float64 { return r.Latency.P99 }, "p99.9": func(r *Result) float64 { return r.Latency.P999 },
	"max":          func(r *Result) float64 { return r.Latency.Max },
	"delivery.p50": func(r *Result) float64 { return r.Delivery.P50 }, "delivery.p99": func(r *Result) float64 { return r.Delivery.P99 },
	"delivery.max": func(r *Result) float64 { return r.Delivery.Max },
	"rate":         func(r *Result) float64 { return r.Rate },
	"problems": func(r *Result) float64 {
		n := uint64(0)
		for _, of := range r.Problems {
			n += of
		}
		return float64(n)
	},
	"reconnects": func(r *Result) float64 { return float64(r.Reconnects) },
	"missed":     func(r *Result) float64 { return float64(r.Missed) },
}

// ParseLimit reads a limit: a measure, < or >, and a number or a duration.
func ParseLimit(text string) (Limit, error) {
	name, bound, below := strings.Cut(text, "<")
	if !below {
		var ok bool
		if name, bound, ok = strings.Cut(text, ">"); !ok {
			return Limit{}, fmt.Errorf("%q is no limit: write p99<50ms, or rate>1000", text)
		}
	}
	of := measures[strings.TrimSpace(name)]
	if of == nil {
		return Limit{}, fmt.Errorf("%q is no limit: it knows p50, p90, p99, p99.9, max, delivery.p50, delivery.p99, delivery.max (durations), rate, problems, reconnects and missed (numbers)", text)
	}
	bound = strings.TrimSpace(bound)
	number, err := strconv.ParseFloat(bound, 64)
	if d, wrong := time.ParseDuration(bound); wrong == nil {
		number, err = float64(d)/float64(time.Millisecond), nil
	}
	if err != nil {
		return Limit{}, fmt.Errorf("%q is no limit: %q is neither a number nor a duration", text, bound)
	}
	return Limit{text: text, of: of, below: below, bound: number}, nil
}

// Check says how a result breaks the limit; "" if it does not.
func (l Limit) Check(r *Result) string {
	got := l.of(r)
	if l.below && got < l.bound || !l.below && got > l.bound {
		return ""
	}
	return fmt.Sprintf("%s does not hold: it is %.2f", l.text, got)
}
