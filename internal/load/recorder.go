package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A recorder keeps how long things took: of the whole run, and of the last second. Safe
// for concurrent use.
type recorder struct {
	mu     sync.Mutex
	from   time.Time // of what counts for the whole
	until  time.Time // of the last, and not before the end of the load
	whole  *hdrhistogram.Histogram
	second *hdrhistogram.Histogram
}

// Latencies from 1 µs to 10 minutes, to three digits.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 600_000_000, 3) }

func newRecorder() *recorder { return &recorder{whole: newHistogram(), second: newHistogram()} }

func (r *recorder) begin(from time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.from, r.until = from, from
	r.whole.Reset()
	r.second.Reset()
}

func (r *recorder) add(at time.Time, took time.Duration) {
	us := min(max(took.Microseconds(), 1), r.whole.HighestTrackableValue())
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.second.RecordValue(us) // which is within its bounds
	if at.Before(r.from) {
		return
	}
	_ = r.whole.RecordValue(us)
	if at.After(r.until) {
		r.until = at
	}
}

// over says when the load ended. What comes after that still counts.
func (r *recorder) over(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.After(r.until) {
		r.until = at
	}
}

// tick is the last second, and begins another.
func (r *recorder) tick() Latency {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := latencyOf(r.second)
	r.second.Reset()
	return l
}

// all is the whole run, how long it took, and the curve of its percentiles.
func (r *recorder) all() (l Latency, took time.Duration, curve []Point) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range [...]float64{0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 100} {
		if r.whole.TotalCount() > 0 {
			curve = append(curve, Point{Percentile: p, MS: ms(r.whole.ValueAtQuantile(p))})
		}
	}
	return latencyOf(r.whole), r.until.Sub(r.from), curve
}

// A Latency is how long so many took, in milliseconds.
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

// A Point says how long all but a part took.
type Point struct {
	Percentile float64 `json:"percentile"`
	MS         float64 `json:"ms"`
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	return Latency{
		Count: h.TotalCount(), Mean: h.Mean() / 1000, P50: ms(h.ValueAtQuantile(50)), P90: ms(h.ValueAtQuantile(90)),
		P99: ms(h.ValueAtQuantile(99)), P999: ms(h.ValueAtQuantile(99.9)), Max: ms(h.Max()),
	}
}

func ms(us int64) float64 { return float64(us) / 1000 }
