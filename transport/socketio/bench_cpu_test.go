package socketio_test

import (
	"syscall"
	"testing"
	"time"
)

// measured runs what a benchmark measures, and reports CPU time besides, which a
// machine that is busy with other things changes less.
func measured(b *testing.B, f func()) {
	b.Helper()
	before := cpu(b)
	b.ResetTimer()
	f()
	b.StopTimer()
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
