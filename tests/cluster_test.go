package tests

import (
	"testing"

	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// Two nodes on a Redis Cluster: while clients of both post, slots move to other nodes of
// the Cluster, and one of ours leaves.
func TestSlotsMoveAndANodeLeavesUnderLoad(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "whole nodes on a Redis Cluster")
	leaveUnderLoad(t, cluster.URL, func() {
		for _, key := range []string{"cmd:{p0}", "cmd:{p7}", "workers", "name:leaving"} {
			cluster.MoveSlot(t, key, func() {})
		}
	}, "COMMAND_TIMEOUT=20s") // for on a busy machine a move may take seconds, and commits wait for it
}

func TestJavaScriptClientOnACluster(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "the JavaScript client on a Redis Cluster")
	one, two := siotest.Launch(t, cluster.URL, "one"), siotest.Launch(t, cluster.URL, "two")
	javascript(t, "client.mjs", "polling,websocket", one.URL, two.URL)
}
