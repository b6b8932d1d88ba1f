package sockets

import (
	"bytes"
	"io"
	"net/http"

	enginepacket "github.com/zishang520/engine.io-go-parser/packet"
	"github.com/zishang520/engine.io/v2/engine"
	"github.com/zishang520/engine.io/v2/events"
	"github.com/zishang520/engine.io/v2/transports"
	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io/v2/socket"

	"github.com/example/switchyard/transport/socketio/engineio"
)

// A libraryConn is a connection as the library sees it: its engine.Socket. Of its
// events the library listens to "data" and "close".
type libraryConn struct {
	events.EventEmitter
	conn *conn
}

var _ engine.Socket = (*libraryConn)(nil)

// connOf finds our connection of a socket of the library.
func connOf(lib *socket.Socket) *conn { return lib.Conn().(*libraryConn).conn }

// noRequest is the first request of every connection for the library, which would
// keep it for as long as the connection lives. Only its own Handshake reads it; ours
// is made of what engineio keeps.
var noRequest = func() *types.HttpContext {
	r, err := http.NewRequest(http.MethodGet, "/", nil)
	if err != nil {
		panic(err) // constants: cannot happen
	}
	ctx := types.NewHttpContext(nowhere{}, r)
	ctx.Flush() // ends the goroutine that comes with it
	return ctx
}()

// nowhere is the answer to no request.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}

func (l *libraryConn) Id() string                  { return l.conn.engine.ID() }
func (l *libraryConn) Protocol() int               { return l.conn.engine.Protocol() }
func (l *libraryConn) RemoteAddress() string       { return l.conn.engine.Address() }
func (l *libraryConn) Request() *types.HttpContext { return noRequest }

// ReadyState is "open" as long as something can be sent.
func (l *libraryConn) ReadyState() string {
	if l.conn.engine.Open() {
		return "open"
	}
	return "closed"
}

// Write sends one of the packets that the library makes: CONNECT, CONNECT_ERROR,
// DISCONNECT.
func (l *libraryConn) Write(data io.Reader, _ *enginepacket.Options, _ engine.SendCallback) engine.Socket {
	b, err := io.ReadAll(data)
	if err != nil {
		l.conn.srv.log.Error("cannot encode a packet", "error", err)
		return l
	}
	if len(b) > 0 && (b[0] == packetConnect || b[0] == packetConnectError) {
		defer l.conn.pend(-1)
	}
	b = l.conn.fromSlot(b)
	frame := engineio.Text(string(b))
	if l.conn.srv.cfg.Parser == ParserMsgpack {
		if frame, err = toMsgpack(b); err != nil {
			l.conn.srv.log.Error("cannot encode a packet", "error", err)
			return l
		}
	}
	if s := l.conn.connecting(b); s != nil {
		s.tell(frame)
	} else {
		l.conn.engine.Send(false, frame)
	}
	return l
}

// connecting is the socket that a packet tells CONNECT to; nil if it is another packet.
func (c *conn) connecting(b []byte) *Socket {
	if len(b) == 0 || b[0] != packetConnect {
		return nil
	}
	if len(b) == 1 || b[1] != '/' {
		return c.socket([]byte("/"))
	}
	namespace, _, _ := bytes.Cut(b[1:], []byte(","))
	return c.socket(namespace)
}

// Send is Write.
func (l *libraryConn) Send(data io.Reader, o *enginepacket.Options, f engine.SendCallback) engine.Socket {
	return l.Write(data, o, f)
}

// Close closes the connection after what was sent.
func (l *libraryConn) Close(bool) { l.conn.engine.Close() }

// The rest of engine.Socket is between the library's engine and its transports,
// which we do not have.

func (l *libraryConn) Construct(string, engine.BaseServer, transports.Transport, *types.HttpContext, int) {
}
func (l *libraryConn) MaybeUpgrade(transports.Transport) {}
func (l *libraryConn) SetReadyState(string)              {}
func (l *libraryConn) Transport() transports.Transport   { return nil }
func (l *libraryConn) Upgraded() bool                    { return false }
func (l *libraryConn) Upgrading() bool                   { return false }
