//go:build unix

package siotest

import "syscall"

// Freeze stops the process's threads, until Thaw.
func (p *Process) Freeze() { p.signal(syscall.SIGSTOP) }

// Thaw follows Freeze.
func (p *Process) Thaw() { p.signal(syscall.SIGCONT) }
