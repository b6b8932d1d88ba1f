package node

import (
	"log/slog"
	"testing"
	"time"

	"github.com/example/switchyard/internal/config"
	web "github.com/example/switchyard/transport/http"
)

// A roll that sends its clients away slowly is healthy.
func TestADrainIsOverdueOnlyAfterWhatItWasToldToWait(t *testing.T) {
	t.Parallel()
	h := web.NewHealth(slog.New(slog.DiscardHandler))
	if late, draining := overdue(config.Config{}, h); late != 0 || draining {
		t.Errorf("before: %s %t", late, draining)
	}
	h.Drain()
	h.Drain()
	if late, draining := overdue(config.Config{DrainSpread: 3 * time.Minute}, h); late != 0 || !draining {
		t.Errorf("within its time: %s %t", late, draining)
	}
	if late, draining := overdue(config.Config{}, h); late <= 0 || late > time.Minute || !draining {
		t.Errorf("after its time: %s %t", late, draining)
	}
}
