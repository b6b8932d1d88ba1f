package broker

import (
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
	forwardScript  = redis.NewScript(forwardSource)
	ownScript      = redis.NewScript(ownSource)
	beatScript     = redis.NewScript(beatSource)
	completeScript = redis.NewScript(completeSource)
	replayScript   = redis.NewScript(replaySource)
	rosterScript   = redis.NewScript(rosterSource)
	gatewaysScript = redis.NewScript(gatewaysSource)
	departScript   = redis.NewScript(departSource)
)
