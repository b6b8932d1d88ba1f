// Package node is one process: what starts in which order, when it is ready, and in
// which order it shuts down so that nothing accepted is lost. It holds no logic of
// its own. Start at Node.
package node

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/internal/proxies"
	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/internal/tracing"
	web "github.com/example/switchyard/transport/http"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/admin"
)

// A Node is one process of the service, put together but not started.
type Node struct {
	Config   config.Config
	Contract *schema.Contract // nothing of the node needs it: it is for who prints it
	Log      *slog.Logger
	Redis    *redisconn.Clients
	Lanes    *broker.Lanes
	Events   broker.Bus // nil: events stay on Redis
	Auth     *auth.Authenticator
	Gateway  *broker.Gateway
	Worker   *broker.Worker
	Emitter  *emitter.Emitter
	Sockets  *socketio.Gateway
	Public   *web.Server
	Admin    *web.Admin
	AdminUI  *admin.Server // nil: there is none
	Health   *web.Health
	Tracer   *tracing.Tracer // nil: nothing is traced
	Hooks    []contract.Hook // started in this order, on nodes that run use cases
	Pages    web.Pages       // on nodes that hold sockets, below all routes
	Proxies  proxies.Trusted

	name  *name         `wire:"-"` // while it runs
	relay *broker.Relay `wire:"-"` // likewise, if there is a Bus
	hooks *hooks        `wire:"-"`
}

const (
	handlersFinish = 15 * time.Second // for what runs when the node shuts down
	spansLeave     = 3 * time.Second  // for what the collector of traces has not got yet
	eventsCome     = 5 * time.Second  // for the events that are committed to arrive; a read may have to begin anew
	clientsLeave   = 5 * time.Second  // for connections to close, and REST calls to be written
)

// gateway tells whether this node holds sockets, worker whether it runs use cases.
func (n *Node) gateway() bool { return n.Config.Role != "worker" }
func (n *Node) worker() bool  { return n.Config.Role != "gateway" }

// Handler is everything on the public port, to be mounted in somebody's own server:
// at the root, or behind a prefix that is stripped. Use Start and Stop with it.
func (n *Node) Handler() http.Handler {
	if !n.gateway() {
		return web.NewWorker(n.Health)
	}
	return n.Proxies.Middleware(n.Public.With(n.Pages))
}

// Start starts the lanes. When it returns nil, the node is ready; else nothing runs
// that Stop would have to end. It fails if another node has the same NODE_ID, and has
// not gone within 5 s, or if an OnStart of its Hooks does.
func (n *Node) Start(ctx context.Context) error {
	n.name = newName(n.Redis.Commands, n.Log, n.Config.NodeID, n.Lanes.Boot())
	if err := n.name.take(ctx, nameWait); err != nil {
		return errors.Join(err, n.closeLanes())
	}
	n.hooks = &hooks{log: n.Log, pause: leastPause}
	if n.worker() {
		if err := n.hooks.start(ctx, n.Hooks); err != nil {
			return errors.Join(err, n.closeLanes())
		}
	}
	if err := n.startLanes(ctx); err != nil {
		return errors.Join(err, n.closeLanes(), n.hooks.end(context.WithoutCancel(ctx)))
	}
	n.hooks.run()
	n.Health.Add(n.probes()...)
	n.Log.Info("ready", "node", n.Config.NodeID, "role", n.Config.Role, "boot", n.Lanes.Boot())
	return nil
}

// probes are what readiness hangs on.
func (n *Node) probes() []web.Probe {
	all := []web.Probe{{Name: "redis", Check: n.Redis.Ping}}
	if n.Events != nil {
		all = append(all, web.Probe{Name: "events", Check: n.Events.Ping})
	}
	if n.gateway() && n.Config.JWKSURL != "" {
		all = append(all, web.Probe{Name: "keys", Check: n.Auth.Ready})
	}
	if n.worker() {
		all = append(all, web.Probe{Name: "lanes", Check: n.Worker.Fresh, Advisory: true})
	}
	return all
}

func (n *Node) startLanes(ctx context.Context) error {
	if n.gateway() {
		if err := n.Sockets.Check(); err != nil {
			return err
		}
		n.Gateway.Evicted(n.Sockets.Evict)
		n.Gateway.Answering(n.AdminUI.Answering(n.Sockets.Answer))
		n.Gateway.Around(n.Sockets.Hold, n.Sockets.Release)
		if n.Events != nil {
			n.Gateway.Through(n.Config.Events, n.Events)
		}
		if err := n.Gateway.Start(ctx, n.Emitter.Handle, n.Emitter.Missed); err != nil {
			return err
		}
	}
	if n.worker() {
		if err := n.Worker.Start(ctx); err != nil {
			return err
		}
	}
	if n.Events != nil {
		n.relay = broker.NewRelay(n.Lanes, n.Config.Events, n.Events)
		n.relay.Start()
	}
	return nil
}

// Stop shuts the node down: it is no longer ready, hands over the events that are there,
// sends away the clients that wait for nothing, takes no new commands, finishes what runs,
// hands its partitions over, waits until every command has its answer, sends the rest away,
// ends its Hooks, and sends what is left of traces. Its error names what was not done in
// time. The Redis clients stay open.
func (n *Node) Stop(ctx context.Context) error {
	begin := time.Now()
	n.Health.Drain()
	n.Log.Info("draining", "node", n.Config.NodeID)
	wait(ctx, n.Config.DrainDelay)
	var errs []error
	if n.gateway() {
		n.Sockets.Refuse()
		if err := within(ctx, eventsCome, n.Gateway.CatchUp); err != nil {
			n.Log.Warn("sending clients away that may not have every event: they will ask for them where they connect again", "error", err)
		}
		n.Sockets.SendAway(ctx, n.Config.DrainSpread)
		n.Gateway.Refuse()
	}
	if n.worker() {
		errs = append(errs, within(ctx, handlersFinish, n.Worker.Drain))
	}
	if n.gateway() {
		errs = append(errs, n.Gateway.Drain(ctx)) // each command that waits ends it by its own deadline
		leave, cancel := context.WithTimeout(ctx, clientsLeave)
		n.Sockets.Shutdown(leave)
		cancel()
	}
	leave, cancel := context.WithTimeout(ctx, clientsLeave)
	n.AdminUI.Shutdown(leave)
	cancel()
	errs = append(errs, n.closeLanes(), n.hooks.end(ctx))
	closeTracing(ctx, n.Tracer)
	err := errors.Join(errs...)
	n.Log.Info("stopped", "node", n.Config.NodeID, "took", time.Since(begin).Round(time.Millisecond), "error", err)
	return err
}

// closeLanes ends what Start has begun.
func (n *Node) closeLanes() error {
	n.Gateway.Close()
	n.Worker.Close()
	if n.relay != nil {
		n.relay.Close()
	}
	err := n.Lanes.Close()
	n.name.release(context.Background())
	return err
}

func within(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return f(ctx)
}

// closeTracing sends what waits. A collector that is away costs the node some time and
// nothing else.
func closeTracing(ctx context.Context, t *tracing.Tracer) {
	ctx, cancel := context.WithTimeout(ctx, spansLeave)
	defer cancel()
	t.Close(ctx)
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Run starts the node, serves until ctx ends, and stops. That ctx ends before all is started
// is no error.
func (n *Node) Run(ctx context.Context) error {
	n.Tracer.Install()
	for _, typo := range config.Typos(os.Environ()) {
		n.Log.Warn(typo)
	}
	n.Log.Debug("settings", "config", n.Config)
	// Bind first: a taken port should not cost the other nodes a hand-over.
	servers, err := n.listen()
	if err == nil {
		err = n.Start(ctx)
		switch {
		case err == nil:
			err = errors.Join(n.serve(ctx, servers), n.Stop(context.WithoutCancel(ctx)))
		case errors.Is(err, ctx.Err()):
			n.Log.Info("asked to end before it was ready", "node", n.Config.NodeID, "error", err)
			err = nil
		}
	}
	for _, s := range servers {
		err = errors.Join(err, within(context.WithoutCancel(ctx), clientsLeave, s.Shutdown))
	}
	return err
}

// serve serves until ctx ends or a server fails.
func (n *Node) serve(ctx context.Context, servers []*server) error {
	failed := make(chan error, len(servers))
	for _, s := range servers {
		go s.serve(failed)
	}
	n.Log.Info("serving", "address", servers[0].listener.Addr().String())
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// listen binds all addresses. Its error names each that cannot be had.
func (n *Node) listen() (servers []*server, err error) {
	public, err := listen("HTTP_ADDR", n.Config.HTTPAddr, n.Handler(), n.Config.Sockets, n.Log)
	if err == nil {
		servers = append(servers, public)
	}
	if n.Config.AdminAddr != config.Off {
		admin, adminErr := listen("ADMIN_ADDR", n.Config.AdminAddr, n.Admin, n.Config.Sockets, n.Log)
		if adminErr == nil {
			servers = append(servers, admin)
		}
		err = errors.Join(err, adminErr)
	}
	return servers, err
}
