package tests

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/node"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/store/memstore"
	"github.com/example/switchyard/internal/testenv"
	public "github.com/example/switchyard/transport/http"
	"github.com/example/switchyard/usecases"
	"github.com/example/switchyard/usecases/chat"
	"github.com/example/switchyard/usecases/tasks"
	"github.com/example/switchyard/web"
)

// The demo page, built as it is now, in a browser on two nodes: people talk, a task is
// watched, a node goes, and nothing is missing or there twice; by keyboard, and with
// nothing that axe finds. With -artifacts its pictures are kept.
func TestPage(t *testing.T) {
	t.Parallel()
	const what = "the demo page"
	browser := testenv.Chromium(t, what)
	files := builtPage(t, what)
	pages := siotest.Prepare(func(n *node.Node) {
		n.Pages = public.Pages{Files: files, Hashed: web.Hashed, Policy: web.Policy}
	})
	stumble, service := stumbling()
	nodes := siotest.Cluster(t, 2, pages, service)
	const secret = "at least thirty-two bytes of secret"
	strict := siotest.Start(t, siotest.Redis(""), pages, siotest.With(func(cfg *config.Config) {
		cfg.AuthMode, cfg.JWTSecret = "jwt", secret
	}))
	proxy, url := testenv.NewProxy(t, nodes[0].URL)
	control := http.NewServeMux()
	control.HandleFunc("POST /stop", func(http.ResponseWriter, *http.Request) { nodes[0].Stop() })
	control.HandleFunc("POST /stumble", func(http.ResponseWriter, *http.Request) { stumble() })
	control.HandleFunc("POST /turn", func(http.ResponseWriter, *http.Request) { proxy.Turn(t, nodes[1].URL) })
	control.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		lives, err := time.ParseDuration(r.FormValue("seconds") + "s")
		claims := jwt.MapClaims{"sub": "carol", "exp": time.Now().Add(lives).Unix()}
		token, err2 := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
		if err := errors.Join(err, err2); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, token)
	})
	controls := httptest.NewServer(control)
	t.Cleanup(controls.Close)
	testenv.RunNode(t, what, "../web", "tests/page.mjs", browser, url, nodes[1].URL, strict.URL, controls.URL, t.ArtifactDir())
}

// stumbling is the service, which after a stumble fails once at reading the history.
func stumbling() (stumble func(), service siotest.Option) {
	var next atomic.Bool
	store := memstore.NewTasks()
	return func() { next.Store(true) }, siotest.Service(func(p siotest.Ports) *contract.Catalog {
		catalog := usecases.Catalog(chat.New(p.History, p.Sockets), tasks.New(store, tasks.NewWork()))
		fails := func(_ contract.Route, serve contract.Serve) contract.Serve {
			return func(ctx context.Context, in []byte) (contract.Outcome, error) {
				if next.CompareAndSwap(true, false) {
					return contract.Outcome{}, errors.New("it stumbles")
				}
				return serve(ctx, in)
			}
		}
		catalog.Use(contract.Policy{Middleware: []contract.Middleware{contract.Only(chat.Read.Operation, fails)}})
		return catalog
	})
}

// builtPage builds the page aside, and holds it to its policy: no script and no style in
// the page itself, and nothing from elsewhere.
func builtPage(t *testing.T, what string) fs.FS {
	t.Helper()
	testenv.NodeModules(t, what, "../web")
	to := t.TempDir()
	testenv.RunNode(t, what, "../web", "node_modules/typescript/bin/tsc")
	testenv.RunNode(t, what, "../web", "node_modules/vite/bin/vite.js", "build", "--outDir", to, "--emptyOutDir", "--logLevel", "warn")
	if t.Failed() {
		t.FailNow()
	}
	files := os.DirFS(to)
	page, err := fs.ReadFile(files, "index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, no := range []string{"<style", "<script>", " style=", " onclick=", "http://", "https://"} {
		if strings.Contains(string(page), no) {
			t.Errorf("the page has %q in it", no)
		}
	}
	return files
}
