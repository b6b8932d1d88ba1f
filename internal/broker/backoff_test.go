package broker

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestAnOutageDoesNotFillTheLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	var f throttle
	for range 1000 {
		f.warn(log, "it failed")
	}
	f.logged = f.logged.Add(-time.Minute)
	f.warn(log, "it failed")
	if lines := strings.Count(out.String(), "\n"); lines != 2 || !strings.Contains(out.String(), "not_logged=999") {
		t.Errorf("%d lines:\n%s", lines, out.String())
	}
}
