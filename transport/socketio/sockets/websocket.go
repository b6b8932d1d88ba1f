package sockets

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	enginepacket "github.com/zishang520/engine.io-go-parser/packet"
	"github.com/zishang520/engine.io/v2/events"
	"github.com/zishang520/engine.io/v2/transports"
	"github.com/zishang520/engine.io/v2/types"
)

type websocketBuilder struct{ transports.WebSocketBuilder }

func (*websocketBuilder) New(ctx *types.HttpContext) transports.Transport {
	w := &ws{Transport: transports.MakeTransport(), conn: ctx.Websocket.Conn, srv: serverOf(ctx), upgrade: ctx.Query().Has("sid")}
	w.Prototype(w)
	w.Construct(ctx)
	w.SetWritable(true) // always: the queue takes what the peer does not
	w.conn.SetPingHandler(func(data string) error {
		w.enqueue(wsFrame(opPong, []byte(data)))
		return nil
	})
	// A close frame of the peer ends the read loop; our answer goes through the queue.
	w.conn.SetCloseHandler(func(int, string) error { return nil })
	return w
}

// A ws is one websocket: gorilla's connection for reading, and a queue of finished
// frames for writing, because gorilla's writer takes one frame a system call.
type ws struct {
	transports.Transport
	srv     *Server
	conn    *websocket.Conn
	upgrade bool // of a connection that began with polling
	begin   sync.Once

	// direct gets the Socket.IO packets once the connection is wired to them; before,
	// they take the library's way. Only the reading goroutine touches it after start.
	direct func(packet []byte)

	mu      sync.Mutex
	queue   [][]byte
	bytes   int
	writing bool // a goroutine drains the queue
	closing bool // nothing more is queued; closed when the queue is empty
	slow    bool // closed because the queue was full
}

const (
	writeDeadline = 10 * time.Second // for one batch of frames to leave
	writeBatch    = 64 << 10         // bytes put together for one system call
)

func (w *ws) Name() string          { return transports.WEBSOCKET }
func (w *ws) HandlesUpgrades() bool { return true }

// Once starts the reading of an upgrade when the library has attached its last
// listener, the one for errors: read before, the client's probe would be lost.
func (w *ws) Once(event events.EventName, listeners ...events.Listener) error {
	err := w.Transport.Once(event, listeners...)
	if w.upgrade && event == "error" {
		w.start(nil)
	}
	return err
}

// start begins to read. direct may be nil.
func (w *ws) start(direct func([]byte)) {
	w.begin.Do(func() {
		w.direct = direct
		go w.read()
	})
}

func (w *ws) read() {
	defer w.DoClose(nil)
	defer w.OnClose() // does nothing where the library knows already
	defer w.srv.recovered("read a connection")
	for {
		kind, r, err := w.conn.NextReader()
		var b []byte
		if err == nil {
			b, err = io.ReadAll(r)
		}
		if err != nil {
			w.ended(err)
			return
		}
		switch {
		case kind == websocket.TextMessage && len(b) > 0 && b[0] == '4' && w.direct != nil:
			w.direct(b[1:])
		case kind == websocket.TextMessage:
			w.OnData(types.NewStringBuffer(b))
		default:
			w.OnData(types.NewBytesBuffer(b))
		}
	}
}

// ended tells the library why there is nothing more to read.
func (w *ws) ended(err error) {
	var closed *websocket.CloseError
	var network net.Error
	if errors.As(err, &closed) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		w.OnClose()
		return
	}
	w.OnError("read", err)
}

// Send queues the packets that the library itself sends.
func (w *ws) Send(packets []*enginepacket.Packet) {
	for _, p := range packets {
		encoded, err := w.Parser().EncodePacket(p, w.SupportsBinary())
		if err != nil {
			w.srv.cfg.Log.Error("cannot encode a packet", "error", err)
			continue
		}
		op := byte(opText)
		if _, text := encoded.(*types.StringBuffer); !text {
			op = opBinary
		}
		w.enqueue(wsFrame(op, encoded.Bytes()))
	}
	w.Emit("drain")
}

// enqueue queues a finished frame, which is not copied. A peer that takes too little
// of what it is sent is cut.
func (w *ws) enqueue(frame []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing {
		return
	}
	w.queue = append(w.queue, frame)
	w.bytes += len(frame)
	if len(w.queue) > w.srv.cfg.QueueMessages || w.bytes > w.srv.cfg.QueueBytes {
		w.closing, w.slow, w.queue, w.bytes = true, true, nil, 0
		w.conn.NetConn().Close()
		return
	}
	w.wake()
}

// wake makes sure that somebody drains the queue; w.mu is held.
func (w *ws) wake() {
	if !w.writing {
		w.writing = true
		go w.write()
	}
}

// busy tells whether something waits to be written.
func (w *ws) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) > 0
}

func (w *ws) tooSlow() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.slow
}

var batches = sync.Pool{New: func() any { b := make([]byte, 0, writeBatch); return &b }}

// write drains the queue: small frames are put together for one system call.
func (w *ws) write() {
	conn := w.conn.NetConn()
	batch := batches.Get().(*[]byte)
	defer batches.Put(batch)
	for {
		frames, last := w.next()
		if len(frames) == 0 {
			if last {
				conn.Close()
			}
			return
		}
		err := conn.SetWriteDeadline(time.Now().Add(writeDeadline))
		for len(frames) > 0 && err == nil {
			b := (*batch)[:0]
			for len(frames) > 0 && (len(b) == 0 || len(b)+len(frames[0]) <= cap(b)) {
				if len(b) == 0 && len(frames[0]) > cap(b) { // too long to be put together
					b, frames = frames[0], frames[1:]
					break
				}
				b, frames = append(b, frames[0]...), frames[1:]
			}
			_, err = conn.Write(b)
		}
		if err != nil {
			conn.Close() // the read loop sees it and tells the library
			return
		}
	}
}

// next takes all that waits. Nothing means that this writer is done, and last that
// the connection is too.
func (w *ws) next() (frames [][]byte, last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	frames, w.queue, w.bytes = w.queue, nil, 0
	if len(frames) == 0 {
		w.writing = false
	}
	return frames, w.closing
}

// DoClose closes the connection once everything that waits was written.
func (w *ws) DoClose(done types.Callable) {
	w.mu.Lock()
	if !w.closing {
		w.queue = append(w.queue, wsFrame(opClose, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")))
		w.closing = true
		w.wake()
	}
	w.mu.Unlock()
	if done != nil {
		done()
	}
}
