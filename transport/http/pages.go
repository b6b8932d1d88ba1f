package http

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/example/switchyard/internal/fault"
)

// Pages are what is served where neither Socket.IO nor a REST route nor health is: first
// files, then another handler. Where there is neither, it is a problem.
type Pages struct {
	// Files are served by their paths, a directory by its index.html. There are no
	// listings, and nothing whose name begins with a dot. os.Root.FS and embed.FS are
	// such files.
	Files fs.FS

	// Hashed is how the names of files begin that never change, since they have a hash of
	// their content in them: "assets/". Browsers ask for them once. "": none do.
	Hashed string

	// Policy is the Content-Security-Policy of the files; "" for none.
	Policy string

	// Other is asked for whatever else there is. A body must have come within 10 s, as
	// everywhere; how long a client may take to take the answer is for Other to say, by
	// http.ResponseController.
	Other http.Handler
}

// pages are Pages that are served.
type pages struct {
	Pages
	tags sync.Map // of files that have no time, like those of embed.FS: name -> its ETag
}

// withPages serves pages where the mux has no route, and answers with a problem where
// there is none either.
func withPages(mux *http.ServeMux, p *pages) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refusal, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r) // which sets the path's values
			return
		}
		said := &headOnly{header: http.Header{}}
		refusal.ServeHTTP(said, r) // sets Allow
		if said.status == http.StatusMethodNotAllowed {
			w.Header()["Allow"] = said.header["Allow"]
			refuse(w, said.status)
			return
		}
		if !p.serve(w, r) {
			refuse(w, http.StatusNotFound)
		}
	})
}

// headOnly keeps the status and the header of an answer and lets its body go.
type headOnly struct {
	header http.Header
	status int
}

func (h *headOnly) Header() http.Header         { return h.header }
func (h *headOnly) WriteHeader(status int)      { h.status = status }
func (h *headOnly) Write(b []byte) (int, error) { return len(b), nil }

// serve serves a page; false means that there is none.
func (p *pages) serve(w http.ResponseWriter, r *http.Request) bool {
	if p.Files != nil && p.file(w, r) {
		return true
	}
	if p.Other != nil {
		unhurried(p.Other).ServeHTTP(w, r)
		return true
	}
	return false
}

const fileTimeout = 5 * time.Minute // for a client to take a file

// file serves a file; false means that there is none.
func (p *pages) file(w http.ResponseWriter, r *http.Request) bool {
	name := strings.TrimPrefix(r.URL.Path, "/")
	directory := name == "" || strings.HasSuffix(name, "/")
	if directory {
		name += "index.html"
	}
	if !fs.ValidPath(name) || hidden(name) {
		return false
	}
	f, err := p.Files.Open(name)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return false
	case info.IsDir() && !directory:
		return p.redirect(w, r, name)
	case !info.Mode().IsRegular():
		return false
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed)
		return true
	}
	content, err := seekable(f)
	if err != nil {
		refuse(w, http.StatusInternalServerError)
		return true
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache") // kept, and asked about each time: a new version is seen at once
	if p.Hashed != "" && strings.HasPrefix(name, p.Hashed) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if p.Policy != "" {
		h.Set("Content-Security-Policy", p.Policy)
	}
	if kind := contentType(name); kind != "" {
		h.Set("Content-Type", kind)
	}
	if info.ModTime().IsZero() {
		if tag := p.tag(name, content); tag != "" {
			h.Set("ETag", tag)
		}
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(fileTimeout)) // not every server can
	http.ServeContent(w, r, name, info.ModTime(), content)
	return true
}

// redirect sends a browser to a directory's own path, so that what its page names
// beside itself is found; only if it has a page.
func (p *pages) redirect(w http.ResponseWriter, r *http.Request, name string) bool {
	if info, err := fs.Stat(p.Files, path.Join(name, "index.html")); err != nil || !info.Mode().IsRegular() {
		return false
	}
	to := (&url.URL{Path: "./" + path.Base(name) + "/"}).EscapedPath() // relative: we may be mounted behind a prefix
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusTemporaryRedirect)
	return true
}

// hidden tells whether any part of a path begins with a dot.
func hidden(name string) bool { return strings.HasPrefix(name, ".") || strings.Contains(name, "/.") }

// types are those that not every machine knows.
var types = map[string]string{
	".ico": "image/x-icon", ".map": "application/json", ".md": "text/markdown; charset=utf-8", ".txt": "text/plain; charset=utf-8",
	".webmanifest": "application/manifest+json", ".woff": "font/woff", ".woff2": "font/woff2",
}

// contentType is by the file's name; "" leaves it to what is in it.
func contentType(name string) string {
	ext := strings.ToLower(path.Ext(name))
	if kind, ok := types[ext]; ok {
		return kind
	}
	return mime.TypeByExtension(ext)
}

// seekable is a file from which parts can be served.
func seekable(f fs.File) (io.ReadSeeker, error) {
	if s, ok := f.(io.ReadSeeker); ok {
		return s, nil
	}
	all, err := io.ReadAll(f)
	return bytes.NewReader(all), err
}

// tag is the ETag of a file that never changes, read once.
func (p *pages) tag(name string, content io.ReadSeeker) string {
	if tag, ok := p.tags.Load(name); ok {
		return tag.(string)
	}
	sum := sha256.New()
	_, err := io.Copy(sum, content)
	_, seekErr := content.Seek(0, io.SeekStart)
	if errors.Join(err, seekErr) != nil {
		return ""
	}
	tag := `"` + hex.EncodeToString(sum.Sum(nil)[:16]) + `"`
	p.tags.Store(name, tag)
	return tag
}

// refuse answers with a problem of a status that the path alone gives.
func refuse(w http.ResponseWriter, status int) {
	var problem fault.Problem
	switch status {
	case http.StatusMethodNotAllowed:
		problem = fault.ProblemOf(fault.New(fault.Invalid, "this path does not take this method"), "")
		problem.Status, problem.Title = status, http.StatusText(status)
	case http.StatusInternalServerError:
		problem = fault.ProblemOf(errors.New("a file cannot be read"), "")
	default:
		problem = fault.ProblemOf(fault.New(fault.NotFound, "nothing is served on this path"), "")
	}
	w.Header().Set("Content-Type", fault.ContentType)
	w.WriteHeader(problem.Status)
	_, _ = w.Write(problem.JSON()) // the client may have gone: nobody is left to tell
}
