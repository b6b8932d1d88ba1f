package node

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/internal/schema"
	web "github.com/example/switchyard/transport/http"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/admin"
)

const adminUIPath = "/admin/ui/"

// NewAdminRecord is what this node remembers for the Admin UI; nil if that is off.
func NewAdminRecord(c config.Config, contract *schema.Contract) *admin.Record {
	if !c.AdminUI.On() {
		return nil
	}
	return admin.NewRecord(contract.Catalog)
}

// NewAdminUI serves the Admin UI; nil if it is off.
func NewAdminUI(c config.Config, r *admin.Record, g *socketio.Gateway, a *broker.Asker, clients *redisconn.Clients, log *slog.Logger) *admin.Server {
	ui := c.AdminUI
	if !ui.On() {
		return nil
	}
	return admin.New(admin.Config{
		User: ui.User, PasswordHash: ui.PasswordHash, Development: ui.Mode == "development", ReadOnly: bool(ui.ReadOnly),
		Origins: cors.Policy{Origins: ui.Origins},
	}, r, g, a, adminSessions{clients.Commands}, c.NodeID, a.Boot(), log)
}

// adminSessions keeps the sessions of operators in Redis, for all nodes.
type adminSessions struct{ rdb redis.Cmdable }

func (s adminSessions) Add(ctx context.Context, key string, lasts time.Duration) error {
	return s.rdb.Set(ctx, "admin:"+key, "1", lasts).Err()
}

func (s adminSessions) Has(ctx context.Context, key string) (bool, error) {
	n, err := s.rdb.Exists(ctx, "admin:"+key).Result()
	return n > 0, err
}

// mountAdminUI serves the Admin UI and its files on the admin port.
func mountAdminUI(to *web.Admin, ui *admin.Server, dir string) (closeFiles func(), err error) {
	if ui == nil {
		return func() {}, nil
	}
	to.Handle(admin.Path, ui)
	if dir == "" {
		to.Pages(adminUIPath, web.Pages{Other: http.HandlerFunc(noAdminUI)})
		return func() {}, nil
	}
	root, err := os.OpenRoot(dir) // so that no link leads out of it
	if err != nil {
		return nil, fmt.Errorf("ADMIN_UI_DIR: %w", err)
	}
	to.Pages(adminUIPath, web.Pages{Files: root.FS(), Other: http.HandlerFunc(noAdminUI)})
	return func() { _ = root.Close() }, nil
}

// noAdminUI says where the UI can be had.
func noAdminUI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = fmt.Fprintln(w, `The files of the Admin UI are not here. Get them with

  npm install --prefix admin-ui @socket.io/admin-ui@0.5.1

and set ADMIN_UI_DIR=admin-ui/node_modules/@socket.io/admin-ui/ui/dist. Or set
ADMIN_UI_ORIGINS=https://admin.socket.io and open that page: its server URL is this port's.`)
}
