// Package rawio reads and writes sockets without telling Go's scheduler.
//
// Around each system call the scheduler makes ready to give the thread's work to another
// one, in case the call takes long, and wakes a monitor that looks every 20 us whether it
// does. A service that waits for its sockets thousands of times a second keeps that
// monitor awake for ever: it was a tenth of all CPU time, and acknowledgements were 10 to
// 15 % fewer. But a socket that Go has made never blocks, so the calls take as long as
// copying does. What else the monitor is for, see watch.go.
//
// Only what is read and written all the time is worth it: the clients' websockets (Read
// and Write) and the connections to Redis (Wrap). One call of the other kind now and then
// wakes the monitor as well, and it takes milliseconds to fall asleep.
package rawio

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
)

// Wrap makes a connection read and write like this, on Linux, if it is one of TCP or of a
// unix socket and nothing around one, as with TLS. Others it leaves as they are.
func Wrap(c net.Conn) net.Conn {
	var socket syscall.Conn
	switch c := c.(type) {
	case *net.TCPConn:
		socket = c
	case *net.UnixConn:
		socket = c
	}
	if socket == nil || runtime.GOOS != "linux" {
		return c
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return c // it is closed already, and says so
	}
	return &conn{Conn: c, raw: raw}
}

type conn struct {
	net.Conn
	raw syscall.RawConn
}

// Read reads what there is, or waits for it.
func (c *conn) Read(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	waited := c.raw.Read(func(fd uintptr) bool {
		var again bool
		n, again, err = Read(fd, b)
		return !again
	})
	switch {
	case waited != nil:
		return 0, named("read", waited)
	case err != nil:
		return 0, c.failed("read", err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write writes all of b.
func (c *conn) Write(b []byte) (written int, err error) {
	waited := c.raw.Write(func(fd uintptr) bool {
		for written < len(b) && err == nil {
			var n int
			var again bool
			if n, again, err = Write(fd, b[written:]); again {
				err = nil
				return false
			}
			written += n
		}
		return true
	})
	switch {
	case waited != nil:
		return written, named("write", waited)
	case err != nil:
		return written, c.failed("write", err)
	}
	return written, nil
}

func (c *conn) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError(op, err)}
}

// named calls what failed as package net does.
func named(op string, err error) error {
	var wrapped *net.OpError
	if errors.As(err, &wrapped) {
		wrapped.Op = op // it was "raw-"
	}
	return err
}

// SyscallConn is for who looks whether the connection is still open, as go-redis does
// before each use: it reads only when there is something to be seen.
func (c *conn) SyscallConn() (syscall.RawConn, error) { return glance{c.raw}, nil }

type glance struct{ syscall.RawConn }

// Read calls f unless there is surely nothing to read. It does not wait.
func (g glance) Read(f func(fd uintptr) bool) error {
	return g.RawConn.Read(func(fd uintptr) bool {
		if !silent(fd) {
			f(fd)
		}
		return true
	})
}
