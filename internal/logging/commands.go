package logging

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// Commands is a middleware that logs one line each time a command runs: who sent what,
// what came of it, and how long that took; a logger of New adds which command it is. Put it into the policy of whatever is to be
// logged; with a logger that does not log the level it costs nothing.
//
// Of the input, what may be secret is left out: fields with the tag secret:"true", and
// those whose names contain password, token and the like. The rest is cut to 1 KiB. It is
// still what people have said to each other: think before you keep it.
func Commands(log *slog.Logger, level slog.Level) contract.Middleware {
	return func(r contract.Route, next contract.Serve) contract.Serve {
		if !log.Enabled(context.Background(), level) {
			return next
		}
		secret := secretsOf(r.In)
		return func(ctx context.Context, input []byte) (out contract.Outcome, err error) {
			began, code := time.Now(), string(fault.Internal) // unless it returns
			defer func() {
				by := contract.CallerFrom(ctx)
				log.LogAttrs(ctx, level, "a command has run",
					slog.String("operation", by.Operation), slog.String("namespace", by.Namespace),
					slog.String("user", printable(by.UserID)), slog.String("tenant", printable(by.Tenant)), slog.String("socket", by.Socket), slog.String("node", by.Node),
					slog.String("code", code), slog.Duration("duration", time.Since(began)), slog.String("input", secret.redact(input)))
			}()
			out, err = next(ctx, input)
			code = codeOf(err)
			return out, err
		}
	}
}

// codeOf is "ok", or the code of the problem that an error becomes.
func codeOf(err error) string {
	var f *fault.Fault
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &f):
		return string(f.Code)
	case errors.Is(err, context.DeadlineExceeded):
		return string(fault.Timeout)
	}
	return string(fault.Internal)
}
