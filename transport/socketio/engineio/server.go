package engineio

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// A Server holds the connections of this node. Mount it as an http.Handler.
type Server struct {
	cfg      Config
	handler  Handler
	upgrader websocket.Upgrader
	slow     atomic.Uint64
	refused  atomic.Uint64 // handshakes, by Config.Allow
	crowded  atomic.Uint64 // likewise, because their address has too many
	writers  writers

	mu        sync.Mutex
	conns     map[string]*Conn // by session id
	addresses map[string]int   // IP address -> connections; empty without a bound
}

// New makes a server.
func New(cfg Config, h Handler) *Server {
	cfg.setDefaults()
	return &Server{
		cfg: cfg, handler: h, conns: map[string]*Conn{}, addresses: map[string]int{}, writers: newWriters(),
		upgrader: websocket.Upgrader{
			WriteBufferSize: 1024, WriteBufferPool: &sync.Pool{}, // for the handshake alone; reads have the HTTP server's
			EnableCompression: cfg.Compression, HandshakeTimeout: cfg.WriteTimeout,
			CheckOrigin: func(*http.Request) bool { return true }, // Config.Allow has decided
			Error:       func(w http.ResponseWriter, _ *http.Request, _ int, _ error) { reject(w, badRequest) },
		},
	}
}

// A rejection is the answer to a request that cannot be served.
type rejection struct {
	status  int
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// The codes are the protocol's.
var (
	unknownTransport = rejection{http.StatusBadRequest, 0, "Transport unknown"}
	unknownSession   = rejection{http.StatusBadRequest, 1, "Session ID unknown"}
	badMethod        = rejection{http.StatusBadRequest, 2, "Bad handshake method"}
	badRequest       = rejection{http.StatusBadRequest, 3, "Bad request"}
	tooLarge         = rejection{http.StatusRequestEntityTooLarge, 3, "Payload too large"}
	unknownProtocol  = rejection{http.StatusBadRequest, 5, "Unsupported protocol version"}
	tooMany          = rejection{http.StatusTooManyRequests, 4, "Too many connections from this address"}
)

func forbidden(err error) rejection { return rejection{http.StatusForbidden, 4, err.Error()} }

func reject(w http.ResponseWriter, r rejection) {
	bound(w)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(r.status)
	_ = json.NewEncoder(w).Encode(r) // the client may have gone
}

const shortAnswer = 10 * time.Second // for a client to take an answer of a few bytes

// bound bounds how long a short answer may take to leave.
func bound(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(shortAnswer)) // not every server can
}

// ServeHTTP serves every request of every connection.
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	eio3 := q.Get("EIO") == "3"
	if q.Get("EIO") != "4" && (!eio3 || !srv.cfg.AllowEIO3) {
		reject(w, unknownProtocol)
		return
	}
	transport := q.Get("transport")
	if !slices.Contains(srv.cfg.Transports, transport) {
		reject(w, unknownTransport)
		return
	}
	if (transport == WebSocket) != websocket.IsWebSocketUpgrade(r) {
		reject(w, badRequest)
		return
	}
	if !q.Has("sid") {
		srv.handshake(w, r, q, eio3)
		return
	}
	c := srv.conn(q.Get("sid"))
	switch {
	case c == nil:
		reject(w, unknownSession)
	case transport == WebSocket:
		c.serveUpgrade(w, r)
	case r.Method == http.MethodGet:
		c.servePoll(w, r)
	case r.Method == http.MethodPost:
		c.servePost(w, r)
	default:
		reject(w, badRequest)
	}
}

// handshake opens a connection.
func (srv *Server) handshake(w http.ResponseWriter, r *http.Request, q url.Values, eio3 bool) {
	if r.Method != http.MethodGet {
		reject(w, badMethod)
		return
	}
	if srv.cfg.Allow != nil {
		if err := srv.cfg.Allow(r); err != nil {
			srv.refused.Add(1)
			w.Header().Set("Connection", "close") // the next attempt may reach another node
			reject(w, forbidden(err))
			return
		}
	}
	host := network(r.RemoteAddr)
	if !srv.reserve(host) {
		srv.crowded.Add(1)
		reject(w, tooMany)
		return
	}
	c := newConn(srv, r, q, eio3, host)
	upgrades := []string{}
	if q.Get("transport") == WebSocket {
		ws, err := srv.upgrader.Upgrade(w, r, nil)
		if err != nil { // answered by the upgrader
			srv.release(host)
			return
		}
		c.attach(ws, r)
	} else if slices.Contains(srv.cfg.Transports, WebSocket) {
		upgrades = append(upgrades, WebSocket)
	}
	c.open(upgrades)
	if c.ws != nil {
		go c.read(c.ws)
		return
	}
	c.servePoll(w, r)
}

func (srv *Server) conn(id string) *Conn {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return srv.conns[id]
}

// network is what counts as one address: of IPv6 a network of /64, which is what one
// customer of a provider has at least.
func network(address string) string {
	ap, err := netip.ParseAddrPort(address)
	if err != nil { // not TCP
		return address
	}
	a := ap.Addr().Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a, 64).Masked().String()
}

// reserve counts a connection of an address; false means that it has too many.
func (srv *Server) reserve(host string) bool {
	if srv.cfg.ConnsPerAddress == 0 {
		return true
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.addresses[host] >= srv.cfg.ConnsPerAddress {
		return false
	}
	srv.addresses[host]++
	return true
}

func (srv *Server) release(host string) {
	if srv.cfg.ConnsPerAddress == 0 {
		return
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.addresses[host]--; srv.addresses[host] == 0 {
		delete(srv.addresses, host)
	}
}

func (srv *Server) add(c *Conn) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.conns[c.id] = c
}

func (srv *Server) remove(c *Conn) {
	srv.mu.Lock()
	delete(srv.conns, c.id)
	srv.mu.Unlock()
	srv.release(c.host)
}

// Connections counts the open connections.
func (srv *Server) Connections() int {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return len(srv.conns)
}

// Polling counts the open connections that long polling carries.
func (srv *Server) Polling() int {
	n := 0
	for _, c := range srv.All() {
		if c.Transport() == Polling {
			n++
		}
	}
	return n
}

// SlowConsumers counts the connections that were cut because their queue was full.
func (srv *Server) SlowConsumers() uint64 { return srv.slow.Load() }

// Rejected counts the connections that were refused by Config.Allow, and because their
// address had too many.
func (srv *Server) Rejected() (refused, crowded uint64) {
	return srv.refused.Load(), srv.crowded.Load()
}

// Queued is how many bytes wait for clients to take them.
func (srv *Server) Queued() (bytes int) {
	for _, c := range srv.All() {
		bytes += c.queued()
	}
	return bytes
}

// All returns the open connections.
func (srv *Server) All() []*Conn {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	all := make([]*Conn, 0, len(srv.conns))
	for _, c := range srv.conns {
		all = append(all, c)
	}
	return all
}

// openPacket tells the client what it needs to know.
func (srv *Server) openPacket(id string, upgrades []string) *Frame {
	b, err := json.Marshal(struct {
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int64    `json:"maxPayload"`
	}{id, upgrades, milliseconds(srv.cfg.PingInterval), milliseconds(srv.cfg.PingTimeout), srv.cfg.MaxPayload})
	if err != nil {
		panic(err) // strings and numbers: cannot happen
	}
	return newFrame(opText, string(packetOpen), string(b))
}

func milliseconds(d time.Duration) int64 { return int64(d / time.Millisecond) }

// newID makes a session id, which is as good as a password for its session.
func newID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails, says crypto/rand
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// recovered turns a panic of a Receiver into a log line: one client's packet must not
// end the node. Use it with defer.
func (srv *Server) recovered() {
	if v := recover(); v != nil {
		srv.cfg.Log.Error("recovered from a panic", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	}
}
