// Package web is the page at /: a client like any other, embedded if it was built into dist;
// else a hint says what is served here. It never knows more of the service than what the
// contract tells.
//
// Start at Files; to serve pages from elsewhere, at node.Pages.
package web

import (
	"embed"
	"io/fs"
)

// What was built. The folder is in the repository, what is in it is not.
//
//go:embed all:dist
var dist embed.FS

//go:embed hint
var hint embed.FS

// Files are the page, or the hint if it was not built.
func Files() (fs.FS, error) {
	built, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(built, "index.html"); err != nil {
		return fs.Sub(hint, "hint")
	}
	return built, nil
}

const (
	// Hashed is where a build puts what has a hash of its content in its name, as Vite does.
	Hashed = "assets/"

	// Policy is what the page may do: run its own script, look as its own style sheet
	// says, and talk to where it came from.
	Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"require-trusted-types-for 'script'; trusted-types 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
