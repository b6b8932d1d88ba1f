//go:build unix

package siotest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/example/switchyard/internal/testenv"
)

// Freeze stops the process's threads, until Thaw, and returns when they stand still.
func (p *Process) Freeze() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	testenv.WaitFor(p.t, 10*time.Second, p.Name+" to stand still", p.standsStill)
}

// standsStill tells whether all threads are stopped, which those that run are only when the
// system interrupts them. Where there is no /proc it cannot be told, and is taken for granted.
func (p *Process) standsStill() bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid)) // an error is of the pattern
	for _, thread := range threads {
		stat, err := os.ReadFile(thread) // "pid (name) state …", and a name may have anything in it
		if _, state, ok := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" ")); err == nil && ok && state[0] != 'T' {
			return false
		}
	}
	return true
}

// Thaw follows Freeze.
func (p *Process) Thaw() { p.signal(syscall.SIGCONT) }
