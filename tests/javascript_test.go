package tests

import (
	"testing"

	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// javascript runs a program in tests/js, or leaves the test out.
func javascript(t *testing.T, program string, args ...string) {
	t.Helper()
	testenv.JavaScript(t, "js", program, args...)
}

func TestJavaScriptClient(t *testing.T) {
	t.Parallel()
	nodes := siotest.Cluster(t, 2)
	for _, transports := range []string{"websocket", "polling", "polling,websocket"} {
		t.Run(transports, func(t *testing.T) {
			javascript(t, "client.mjs", transports, nodes[0].URL, nodes[1].URL)
		})
	}
}

// Clients of protocol 3 are let in where the settings say so.
func TestJavaScriptClientOfProtocol3(t *testing.T) {
	t.Parallel()
	p := siotest.Launch(t, "", "old", "SOCKET_EIO3=true")
	for _, transports := range []string{"websocket", "polling", "polling,websocket"} {
		t.Run(transports, func(t *testing.T) {
			javascript(t, "client2.mjs", transports, p.URL)
		})
	}
}
