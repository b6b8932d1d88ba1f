package tests

import (
	"testing"

	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// javascript runs a program in tests/js, or leaves the test out.
func javascript(t *testing.T, program string, args ...string) {
	t.Helper()
	testenv.JavaScript(t, "the JavaScript client", "js", program, args...)
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

// Packets in msgpack, where the settings say so: the conversation is the same.
func TestJavaScriptClientWithMsgpack(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t)
	one, two := siotest.Launch(t, url, "packed1", "SOCKET_PARSER=msgpack"), siotest.Launch(t, url, "packed2", "SOCKET_PARSER=msgpack")
	for _, transports := range []string{"websocket", "polling", "polling,websocket"} {
		t.Run(transports, func(t *testing.T) {
			javascript(t, "client.mjs", transports, one.URL, two.URL, "msgpack")
		})
	}
}

// Clients of protocol 3 are let in where the settings say so.
func TestJavaScriptClientOfProtocol3(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t)
	one, two := siotest.Launch(t, url, "old1", "SOCKET_EIO3=true"), siotest.Launch(t, url, "old2", "SOCKET_EIO3=true")
	for _, transports := range []string{"websocket", "polling", "polling,websocket"} {
		t.Run(transports, func(t *testing.T) {
			javascript(t, "client2.mjs", transports, one.URL, two.URL)
		})
	}
}
