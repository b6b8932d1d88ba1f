package engineio

import (
	"io"
	"net"
	"sync"
	"syscall"

	"github.com/example/switchyard/internal/rawio"
)

// A webSocket is a network connection after the handshake, which is gorilla's. All
// that follows is ours: many frames come of one system call and many leave in one,
// and a connection that is idle holds no buffer.
type webSocket struct {
	net.Conn
	conn    *Conn
	raw     syscall.RawConn // nil where there is none, as with TLS
	deflate bool            // messages may be compressed
	limit   int64           // bytes of a message

	// The rest belongs to the goroutine that reads.

	buf     []byte // what has been read and not used is buf[r:w]; nil while that is nothing
	r, w    int
	attempt func(fd uintptr) bool // try, made once
	failed  error                 // of the last try
}

func newWebSocket(c *Conn, conn net.Conn, deflate bool) *webSocket {
	s := &webSocket{Conn: conn, conn: c, deflate: deflate, limit: c.srv.cfg.MaxPayload}
	if rawio.Direct {
		if sc, ok := conn.(syscall.Conn); ok {
			if raw, err := sc.SyscallConn(); err == nil {
				s.raw = raw
				s.attempt = s.try
			}
		}
	}
	return s
}

const (
	readSize  = 16 << 10
	plainSize = 2 << 10 // of the buffer that a connection keeps which cannot tell when there is something to read
)

var readBuffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// need waits until n bytes are in the buffer, which are fewer than fit.
func (s *webSocket) need(n int) error {
	for s.w-s.r < n {
		if err := s.fill(); err != nil {
			return err
		}
	}
	return nil
}

// fill reads what there is, or waits for it.
func (s *webSocket) fill() error {
	copy(s.buf, s.buf[s.r:s.w])
	s.r, s.w = 0, s.w-s.r
	if s.raw == nil {
		if s.buf == nil {
			s.buf = make([]byte, plainSize)
		}
		n, err := s.Read(s.buf[s.w:])
		s.w += n
		if n > 0 {
			return nil // the next one has the error
		}
		return err
	}
	if s.w == 0 {
		s.release()
	}
	if err := s.raw.Read(s.attempt); err != nil {
		return err
	}
	return s.failed
}

// try reads what there is; false means that there is nothing yet.
func (s *webSocket) try(fd uintptr) bool {
	if s.buf == nil {
		s.buf = readBuffers.Get().(*[readSize]byte)[:]
	}
	n, again, err := rawio.Read(fd, s.buf[s.w:])
	if again {
		if s.w == 0 {
			s.release()
		}
		return false
	}
	if n > 0 {
		s.w += n
	} else if err == nil {
		err = io.EOF
	}
	s.failed = err
	return true
}

// release gives the buffer back.
func (s *webSocket) release() {
	if s.raw != nil && s.buf != nil {
		readBuffers.Put((*[readSize]byte)(s.buf))
		s.buf, s.r, s.w = nil, 0, 0
	}
}

// hangUp says that nothing more is sent. It goes on being read, until the client hangs up
// too or its time is over: a connection that is closed while something comes in is reset,
// and what is still on its way to the client lost.
func (s *webSocket) hangUp() {
	half, ok := s.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		_ = s.Close()
	}
}
