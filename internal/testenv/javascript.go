package testenv

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// JavaScript runs a program in a folder with a package.json, or leaves the test out.
func JavaScript(t testing.TB, what, dir, program string, args ...string) {
	t.Helper()
	NodeModules(t, what, dir)
	RunNode(t, what, dir, program, args...)
}

// NodeModules installs what the package.json in a folder names, or leaves the test out.
func NodeModules(t testing.TB, what, dir string) {
	t.Helper()
	Node(t, what)
	installing.Lock()
	defer installing.Unlock()
	if err := install(dir); err != nil {
		LeaveOut(t, what, err.Error())
	}
}

// RunNode runs a program in a folder, or leaves the test out.
func RunNode(t testing.TB, what, dir, program string, args ...string) {
	t.Helper()
	node := Node(t, what)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, append([]string{program}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %v: %v\n%s", program, args, err, out)
	}
}

var installing sync.Mutex

const installFolder = ".install-" // and more, while npm works in it

// install puts node_modules there, once for each package-lock.json. Tests of other
// packages may do the same at the same time: it is made aside, and moved when it is whole.
func install(dir string) error {
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return err
	}
	modules := filepath.Join(dir, "node_modules")
	made := filepath.Join(modules, ".made-of")
	if old, err := os.ReadFile(made); err == nil && bytes.Equal(old, lock) {
		return nil
	}
	aside, err := os.MkdirTemp(dir, installFolder)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(aside) }() // what is left is ignored by git
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(aside, name), b, 0o600)
		}
		if err != nil {
			return err
		}
	}
	cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = aside
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci failed: %w\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(aside, "node_modules", ".made-of"), lock, 0o600); err != nil {
		return err
	}
	if old, err := os.ReadFile(made); err == nil && bytes.Equal(old, lock) {
		return nil // somebody was faster
	}
	if err := os.RemoveAll(modules); err != nil {
		return err
	}
	return os.Rename(filepath.Join(aside, "node_modules"), modules)
}
