package broker

import (
	"context"
	_ "embed"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/own.lua
var ownSource string

//go:embed lua/beat.lua
var beatSource string

//go:embed lua/complete.lua
var completeSource string

//go:embed lua/group.lua
var groupSource string

//go:embed lua/first.lua
var firstSource string

//go:embed lua/newest.lua
var newestSource string

//go:embed lua/oldest.lua
var oldestSource string

//go:embed lua/forward.lua
var forwardSource string

//go:embed lua/replay.lua
var replaySource string

//go:embed lua/roster.lua
var rosterSource string

//go:embed lua/gateways.lua
var gatewaysSource string

//go:embed lua/depart.lua
var departSource string

var (
	groupScript    = redis.NewScript(groupSource)
	firstScript    = redis.NewScript(firstSource)
	newestScript   = redis.NewScript(newestSource)
	oldestScript   = redis.NewScript(oldestSource)
	forwardScript  = redis.NewScript(forwardSource)
	ownScript      = redis.NewScript(ownSource)
	beatScript     = redis.NewScript(beatSource)
	completeScript = redis.NewScript(completeSource)
	replayScript   = redis.NewScript(replaySource)
	rosterScript   = redis.NewScript(rosterSource)
	gatewaysScript = redis.NewScript(gatewaysSource)
	departScript   = redis.NewScript(departSource)
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
