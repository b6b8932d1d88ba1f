package tests

import (
	"context"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// npmCI installs what the JavaScript clients need, once.
var npmCI = sync.OnceValues(func() ([]byte, error) {
	cmd := exec.Command("npm", "ci", "--prefer-offline", "--no-audit", "--no-fund")
	cmd.Dir = "js"
	return cmd.CombinedOutput()
})

// javascript runs a program in tests/js, or leaves the test out.
func javascript(t *testing.T, program string, args ...string) {
	t.Helper()
	const what = "the JavaScript client"
	node := testenv.Node(t, what)
	if out, err := npmCI(); err != nil {
		testenv.LeaveOut(t, what, "npm ci failed: "+err.Error()+"\n"+string(out))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, append([]string{program}, args...)...)
	cmd.Dir = "js"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %v: %v\n%s", program, args, err, out)
	}
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
