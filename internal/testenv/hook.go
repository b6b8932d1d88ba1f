package testenv

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// A Hook is around all that a client sends: a pipeline, or a command as a pipeline of one.
// It passes on what it wants to by next. Give it to AddHook.
type Hook func(ctx context.Context, cmds []redis.Cmder, next redis.ProcessPipelineHook) error

var _ redis.Hook = Hook(nil)

// DialHook changes nothing.
func (h Hook) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook is for single commands.
func (h Hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	one := func(ctx context.Context, cmds []redis.Cmder) error { return next(ctx, cmds[0]) }
	return func(ctx context.Context, cmd redis.Cmder) error { return h(ctx, []redis.Cmder{cmd}, one) }
}

// ProcessPipelineHook is for pipelines.
func (h Hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { return h(ctx, cmds, next) }
}
