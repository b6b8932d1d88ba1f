package broker

import (
	"context"
	_ "embed"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/lease.lua
	leaseSource string
	//go:embed lua/worker_beat.lua
	workerBeatSource string
	//go:embed lua/gateway_beat.lua
	gatewayBeatSource string
	//go:embed lua/commit.lua
	commitSource string
	//go:embed lua/forward.lua
	forwardSource string
	//go:embed lua/replay.lua
	replaySource string
	//go:embed lua/roster.lua
	rosterSource string
	//go:embed lua/depart.lua
	departSource string
	//go:embed lua/group.lua
	groupSource string
	//go:embed lua/lane_start.lua
	laneStartSource string
	//go:embed lua/lane_end.lua
	laneEndSource string
	//go:embed lua/oldest_event.lua
	oldestEventSource string
)

var (
	leaseScript       = redis.NewScript(leaseSource)
	workerBeatScript  = redis.NewScript(workerBeatSource)
	gatewayBeatScript = redis.NewScript(gatewayBeatSource)
	commitScript      = redis.NewScript(commitSource)
	forwardScript     = redis.NewScript(forwardSource)
	replayScript      = redis.NewScript(replaySource)
	rosterScript      = redis.NewScript(rosterSource)
	departScript      = redis.NewScript(departSource)
	groupScript       = redis.NewScript(groupSource)
	laneStartScript   = redis.NewScript(laneStartSource)
	laneEndScript     = redis.NewScript(laneEndSource)
	oldestEventScript = redis.NewScript(oldestEventSource)
)

// runScripts runs a script several times in one round trip; each run has its own error.
// A Redis that does not know the script gets its text: a Redis Cluster has several, and
// one may be new, so nothing is loaded beforehand.
func runScripts(ctx context.Context, rdb redis.UniversalClient, script *redis.Script, n int, call func(i int) (keys []string, args []any)) []*redis.Cmd {
	cmds := make([]*redis.Cmd, n)
	pipe := rdb.Pipeline()
	for i := range cmds {
		keys, args := call(i)
		cmds[i] = script.EvalSha(ctx, pipe, keys, args...)
	}
	_, _ = pipe.Exec(ctx)
	for i, cmd := range cmds {
		if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			keys, args := call(i)
			cmds[i] = script.Eval(ctx, pipe, keys, args...)
		}
	}
	if pipe.Len() > 0 {
		_, _ = pipe.Exec(ctx)
	}
	return cmds
}
