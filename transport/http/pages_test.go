package http_test

import (
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/schema"
	web "github.com/example/switchyard/transport/http"
)

//go:embed pages_test.go
var embedded embed.FS

func servePages(t *testing.T, p web.Pages) http.Handler {
	t.Helper()
	c, err := schema.Compile(contract.NewCatalog(routes(contract.HTTP{Method: "POST", Path: "/v1/boards/{board}"})))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	s, err := web.New(c, &lanes{}, auth.New(auth.Config{Mode: auth.None}), cors.Policy{}, sockets{}, web.NewHealth(log), nil, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	return s.With(p)
}

// site is a directory with what must be served, and what must not.
func site(t *testing.T) fs.FS {
	t.Helper()
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret.txt")
	for name, text := range map[string]string{
		"index.html": "<h1>home</h1>", "app.mjs": "export {}", "font.woff2": "f", "docs/index.html": "docs", "50%?#/index.html": "odd", "empty/x.txt": "x",
		".env": "secret", ".git/config": "secret", "docs/.hidden": "secret", "livez": "not this",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root.FS()
}

func TestStaticFiles(t *testing.T) {
	t.Parallel()
	h := servePages(t, web.Pages{Files: site(t)})
	for name, tc := range map[string]struct {
		method, path string
		status       int
		header, want string // a header, and what it is
		body         string
	}{
		"index":                  {"GET", "/", 200, "Content-Type", "text/html; charset=utf-8", "<h1>home</h1>"},
		"no frames":              {"GET", "/", 200, "Content-Security-Policy", "frame-ancestors 'self'", ""},
		"index by name":          {"GET", "/index.html", 200, "Cache-Control", "no-cache", "<h1>home</h1>"},
		"script":                 {"GET", "/app.mjs", 200, "Content-Type", "text/javascript; charset=utf-8", "export {}"},
		"font":                   {"GET", "/font.woff2", 200, "Content-Type", "font/woff2", "f"},
		"head":                   {"HEAD", "/app.mjs", 200, "Content-Length", "9", ""},
		"index of a directory":   {"GET", "/docs/", 200, "X-Content-Type-Options", "nosniff", "docs"},
		"directory":              {"GET", "/docs?a=b", 307, "Location", "./docs/?a=b", ""},
		"no listing":             {"GET", "/empty/", 404, "Cache-Control", "no-store", `"code":"not_found"`},
		"odd directory":          {"GET", "/50%25%3F%23", 307, "Location", "./50%25%3F%23/", ""},
		"no listing either":      {"GET", "/empty", 404, "Location", "", `"code":"not_found"`},
		"file as a directory":    {"GET", "/app.mjs/", 404, "", "", `"code":"not_found"`},
		"dotfile":                {"GET", "/.env", 404, "", "", `"code":"not_found"`},
		"dot directory":          {"GET", "/.git/config", 404, "", "", `"code":"not_found"`},
		"dotfile below":          {"GET", "/docs/.hidden", 404, "", "", `"code":"not_found"`},
		"link that leads out":    {"GET", "/link.txt", 404, "", "", `"code":"not_found"`},
		"path that leads out":    {"GET", "/docs/../../secret.txt", 404, "", "", `"code":"not_found"`},
		"encoded":                {"GET", "/%2e%2e/secret.txt", 404, "", "", `"code":"not_found"`},
		"encoded slash":          {"GET", "/docs%2f.hidden", 404, "", "", `"code":"not_found"`},
		"another origin":         {"GET", "//evil.example/docs", 404, "Location", "", `"code":"not_found"`},
		"nul":                    {"GET", "/app.mjs%00", 404, "", "", `"code":"not_found"`},
		"post":                   {"POST", "/app.mjs", 405, "Allow", "GET, HEAD", `"code":"invalid"`},
		"delete of nothing":      {"DELETE", "/nothing", 404, "", "", `"code":"not_found"`},
		"health comes first":     {"GET", "/livez", 200, "", "", "ok\n"},
		"a route's other method": {"GET", "/v1/boards/b1", 405, "Allow", "POST", `"code":"invalid"`},
	} {
		w := request(h, tc.method, tc.path, "")
		if w.Code != tc.status || tc.header != "" && w.Header().Get(tc.header) != tc.want || !strings.Contains(w.Body.String(), tc.body) {
			t.Errorf("%s: %d %v %s", name, w.Code, w.Header(), w.Body)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: told a secret", name)
		}
	}
}

func TestStaticFilesAreAskedAbout(t *testing.T) {
	t.Parallel()
	h := servePages(t, web.Pages{Files: site(t)})
	w := request(h, "GET", "/app.mjs", "")
	if w = request(h, "GET", "/app.mjs", "", "If-Modified-Since", w.Header().Get("Last-Modified")); w.Code != http.StatusNotModified {
		t.Errorf("a directory: %d", w.Code)
	}
	h = servePages(t, web.Pages{Files: embedded})
	for range 2 { // the second knows the tag
		w = request(h, "GET", "/pages_test.go", "")
		if w.Code != 200 || !strings.Contains(w.Body.String(), "package http_test") {
			t.Errorf("embedded: %d", w.Code)
		}
		if w = request(h, "GET", "/pages_test.go", "", "If-None-Match", w.Header().Get("ETag")); w.Code != http.StatusNotModified {
			t.Errorf("embedded: %d %v", w.Code, w.Header())
		}
	}
}

func TestStaticFilesWithAHashAndAPolicy(t *testing.T) {
	t.Parallel()
	h := servePages(t, web.Pages{Files: site(t), Hashed: "docs/", Policy: "default-src 'none'"})
	for path, want := range map[string]string{"/docs/": "public, max-age=31536000, immutable", "/": "no-cache", "/nothing": "no-store"} {
		w := request(h, "GET", path, "")
		policy := w.Header().Get("Content-Security-Policy")
		if got := w.Header().Get("Cache-Control"); got != want || (policy == "default-src 'none'") != (w.Code == 200) {
			t.Errorf("%s: %d %q %q", path, w.Code, got, policy)
		}
	}
}

// Socket.IO, then REST, then files, then the other handler, then a problem.
func TestOrderOfWhatIsServed(t *testing.T) {
	t.Parallel()
	everything := fstest.MapFS{}
	for _, name := range []string{"socket.io/index.html", "v1/boards/b1", "file.txt", "livez"} {
		everything[name] = &fstest.MapFile{Data: []byte("a file")}
	}
	other := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("the other")) })
	for _, tc := range []struct{ method, path, want string }{
		{"GET", "/socket.io/", "404 page not found"}, {"POST", "/v1/boards/b1", `{"board":"b1"}`}, {"GET", "/livez", "ok"},
		{"GET", "/file.txt", "a file"}, {"GET", "/else", "the other"}, {"POST", "/else", "the other"},
	} {
		h := servePages(t, web.Pages{Files: everything, Other: other})
		if w := request(h, tc.method, tc.path, ""); !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s %s: %d %s, want %s", tc.method, tc.path, w.Code, w.Body, tc.want)
		}
	}
	if w := request(servePages(t, web.Pages{}), "GET", "/file.txt", ""); w.Code != 404 || !strings.Contains(w.Body.String(), `"code":"not_found"`) {
		t.Errorf("nothing: %d %s", w.Code, w.Body)
	}
}
