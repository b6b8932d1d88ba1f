package load

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// tick calls progress after each second until stop is called.
func (r *run) tick(progress func(Second)) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				progress(r.second())
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

func (r *run) second() Second {
	s := Second{Connections: r.open.Load(), Latency: r.answers.tick(), Delivery: r.deliveries.tick()}
	r.counts.mu.Lock()
	for _, n := range r.counts.codes {
		s.Problems += n
	}
	s.Problems, r.counts.told = s.Problems-r.counts.told, s.Problems
	r.counts.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	s.At = time.Since(r.began).Seconds()
	r.seconds = append(r.seconds, s)
	return s
}

// Progress writes each second as a line, on a terminal over the one before.
func Progress(w io.Writer, terminal bool) func(Second) {
	end := "\n"
	if terminal {
		end = "\x1b[K\r"
	}
	return func(s Second) {
		heard := ""
		if s.Delivery.Count > 0 {
			heard = fmt.Sprintf("  heard %7d/s p99 %8.2f ms", s.Delivery.Count, s.Delivery.P99)
		}
		fmt.Fprintf(w, "%4.0f s  %6d connections  %7d/s  p50 %7.2f  p99 %8.2f ms%s  problems %d%s",
			s.At, s.Connections, s.Latency.Count, s.Latency.P50, s.Latency.P99, heard, s.Problems, end)
	}
}
