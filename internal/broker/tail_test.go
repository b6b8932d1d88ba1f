package broker

import (
	"errors"
	"os"
	"testing"
)

func TestBatchSize(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err   error
		bytes int
		want  int64
	}{
		"small":         {nil, 1000, 200},
		"nothing":       {nil, 0, 200},
		"middling":      {nil, largeReply / 2, 100},
		"large":         {nil, largeReply + 1, 50},
		"too late":      {os.ErrDeadlineExceeded, 0, 50},
		"another error": {errors.New("refused"), 0, 100},
	} {
		b := batchSize{now: 100, max: 256}
		if b.adapt(tc.err, tc.bytes); b.now != tc.want {
			t.Errorf("%s: %d, want %d", name, b.now, tc.want)
		}
	}
	b := batchSize{now: 2, max: 3}
	for range 3 {
		b.adapt(nil, 0)
	}
	if b.now != 3 {
		t.Errorf("it grows to %d of 3", b.now)
	}
	for range 5 {
		b.adapt(nil, largeReply+1)
	}
	if b.now != 1 {
		t.Errorf("it shrinks to %d: one entry must be read", b.now)
	}
}
