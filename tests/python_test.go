package tests

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// The nodes are processes of their own, since this client ends without a goodbye: a
// node waits for a client that vanished between two polls when it stops, and says so.
func TestPythonClient(t *testing.T) {
	t.Parallel()
	python := testenv.Python(t, "the Python client", "socketio", "aiohttp")
	url := testenv.Redis(t)
	one, two := siotest.Launch(t, url, "one"), siotest.Launch(t, url, "two")
	for _, transports := range []string{"websocket", "polling", "polling,websocket"} {
		t.Run(transports, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, python, "python/client.py", transports, one.URL, two.URL)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("client.py %s: %v\n%s", transports, err, out)
			}
		})
	}
}
