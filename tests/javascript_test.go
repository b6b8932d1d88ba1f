package tests

import (
	"sync"
	"testing"
	"time"

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

// A node that ends has acknowledged to its clients what it has done, also to those that
// close before they look at what came with the end.
func TestJavaScriptClientOfANodeThatEnds(t *testing.T) {
	t.Parallel()
	testenv.NodeModules(t, "the JavaScript client", "js")
	url := testenv.Redis(t)
	staying := siotest.Launch(t, url, "staying", "SOCKET_RATE=off")
	for _, transport := range []string{"websocket", "polling"} {
		t.Run(transport, func(t *testing.T) {
			leaving := siotest.Launch(t, url, "leaving-"+transport, "SOCKET_RATE=off")
			var client sync.WaitGroup
			defer client.Wait()
			client.Go(func() { javascript(t, "drain.mjs", transport, leaving.URL, staying.URL) })
			testenv.WaitFor(t, 30*time.Second, "load", func() bool {
				return len(kept(t, staying.URL, "drained-"+transport+"-0")) > 20
			})
			leaving.Terminate()
		})
	}
}
