package parity

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

var clientTransports = []string{"websocket", "polling", "polling,websocket"}

// The same conversation with each of JavaScript's clients.
func TestPayloadsOfJavaScript(t *testing.T) {
	t.Parallel()
	for client, cfg := range map[string]func(*config.Config){
		"4":       func(*config.Config) {},
		"2":       func(c *config.Config) { c.Sockets.AllowEIO3 = true },
		"msgpack": func(c *config.Config) { c.Sockets.Parser = "msgpack" },
	} {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			urls := serve(t, 2, gallerist, siotest.With(cfg))
			for _, transports := range clientTransports {
				testenv.JavaScript(t, "the JavaScript client", "../js", "payload.mjs", client, transports, urls[0], urls[1])
			}
		})
	}
}

func TestPayloadsOfPython(t *testing.T) {
	t.Parallel()
	python := testenv.Python(t, "the Python client", "socketio", "aiohttp")
	// It drops the connection without a goodbye.
	urls := serve(t, 2, gallerist, siotest.With(func(c *config.Config) {
		c.Sockets.PingInterval, c.Sockets.PingTimeout = time.Second, testenv.Late
	}))
	for _, transports := range clientTransports {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, python, "../python/payload.py", transports, urls[0], urls[1])
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("payload.py %s: %v\n%s", transports, err, out)
		}
	}
}
