package node

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/internal/schema"
	web "github.com/example/switchyard/transport/http"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/admin"
)

// NewAdmin serves the metrics, of which some are read of the node's parts, and the Admin
// UI, if there is one.
func NewAdmin(c config.Config, m *metrics.Metrics, contract *schema.Contract, h *web.Health, r *redisconn.Clients, s *socketio.Gateway, l *broker.Lanes, g *broker.Gateway, w *broker.Worker, ui *admin.Server) (*web.Admin, func(), error) {
	m.Read(func(ctx context.Context) metrics.Reading {
		is := metrics.Reading{
			Node: c.NodeID, Role: c.Role, Version: version(),
			Connections: s.Connections(), Namespaces: s.Population(), SendQueue: s.SendQueue(), SlowConsumers: s.SlowConsumers(),
			DeclaredExceeded: contract.Limits.Refused(), CountedAlone: contract.Limits.Alone(),
			Waiting: g.Waiting(), Running: w.Running(), Hung: w.HungHandlers(), Owned: w.Owned(),
		}
		is.DrainOverdue, is.Draining = overdue(c, h)
		is.OriginRejected, is.AddressCrowded = s.Rejected()
		is.RateExceeded, is.UnackedExceeded = s.Exhausted()
		is.PublishEntries, is.PublishQueueBytes = l.Queued()
		is.Partitions, is.RedisUp = partitions(ctx, l)
		for name, p := range r.Pools() {
			is.Pools = append(is.Pools, metrics.Pool{Name: name, Used: int(p.TotalConns) - int(p.IdleConns), Idle: int(p.IdleConns), Timeouts: uint64(p.Timeouts)})
		}
		return is
	})
	a := web.NewAdmin(m)
	closeFiles, err := mountAdminUI(a, ui, c.AdminUI.Dir)
	return a, closeFiles, err
}

// overdue is how much longer the node has been shutting down than it was told to wait for
// others, and whether it is shutting down at all.
func overdue(c config.Config, h *web.Health) (time.Duration, bool) {
	since, draining := h.Draining()
	return max(since-c.DrainDelay-c.DrainSpread, 0), draining
}

// partitions are those that this node reports, see broker.Lanes.Partitions.
func partitions(ctx context.Context, l *broker.Lanes) (told []metrics.Partition, up bool) {
	all, up := l.Partitions(ctx)
	for _, p := range all {
		told = append(told, metrics.Partition{
			Number: p.Partition, Backlog: p.Backlog, DeadLetters: p.DeadLetters,
			Oldest: time.Duration(p.OldestMS) * time.Millisecond, Ownerless: p.Lease != "held",
		})
	}
	return told, up
}

// version is the commit that the program was built from, if it knows.
func version() string {
	info, known := debug.ReadBuildInfo()
	if !known {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}
