package config

import "time"

// Sockets are the limits of clients' connections, and what else Socket.IO is told.
type Sockets struct {
	Path        string   `env:"SOCKET_PATH" envDefault:"/socket.io/" doc:"where Socket.IO is mounted"`
	Transports  []string `env:"SOCKET_TRANSPORTS" envDefault:"polling,websocket" doc:"transports that clients may use"`
	Parser      string   `env:"SOCKET_PARSER" envDefault:"json" doc:"how packets are written: json, or msgpack for clients with socket.io-msgpack-parser, and no others"`
	Mounts      []string `env:"SOCKET_MOUNTS" doc:"more gateways, separated by commas: a path and the namespaces that are served there and nowhere else, with their origins and transports, like /admin.io/?namespace=/admin&origin=https://ops.example&transport=websocket"`
	AllowEIO3   bool     `env:"SOCKET_EIO3" envDefault:"false" doc:"let clients of protocol 3 in: socket.io-client 2.x"`
	Compression bool     `env:"SOCKET_COMPRESSION" envDefault:"false" doc:"compress what has 1 KiB and more; takes CPU and memory"`

	PingInterval   time.Duration `env:"PING_INTERVAL" envDefault:"25s" doc:"pause between heartbeats of a connection"`
	PingTimeout    time.Duration `env:"PING_TIMEOUT" envDefault:"20s" doc:"how long a heartbeat may stay without answer"`
	ConnectTimeout time.Duration `env:"CONNECT_TIMEOUT" envDefault:"5s" doc:"how long a connection may be without a namespace; OnConnect has its own time"`
	WriteTimeout   time.Duration `env:"WRITE_TIMEOUT" envDefault:"10s" doc:"how long one write to a client may take"`
	HeaderTimeout  time.Duration `env:"HEADER_TIMEOUT" envDefault:"5s" doc:"how long the header of a request may take to arrive"`
	IdleTimeout    time.Duration `env:"IDLE_TIMEOUT" envDefault:"75s" doc:"how long an HTTP connection is kept between requests"`

	MaxPayload        int64         `env:"MAX_PAYLOAD" envDefault:"1000000" doc:"bytes of one message, after inflation, and of one polling request"`
	MaxAttachments    int           `env:"MAX_ATTACHMENTS" envDefault:"8" doc:"binary attachments of one event"`
	AttachmentBytes   int           `env:"ATTACHMENT_BYTES" envDefault:"1000000" doc:"bytes of all attachments of one event"`
	AttachmentTimeout time.Duration `env:"ATTACHMENT_TIMEOUT" envDefault:"10s" doc:"how long the attachments of an event may take to arrive"`
	MaxNamespaces     int           `env:"MAX_NAMESPACES" envDefault:"16" doc:"namespaces of one connection"`
	ConnsPerAddress   Limit         `env:"CONNS_PER_ADDRESS" envDefault:"off" doc:"connections of one IP address, of IPv6 of one /64 network, or off; behind a load balancer set TRUSTED_PROXIES, or it counts as one address"`
	Rate              Limit         `env:"SOCKET_RATE" envDefault:"50" doc:"commands a second of one connection, all its namespaces together, or off; twice as many may come at once"`
	Unacked           Limit         `env:"SOCKET_UNACKED" envDefault:"32" doc:"commands of one connection that wait for an answer, or off"`
	QueueMessages     int           `env:"QUEUE_MESSAGES" envDefault:"4096" doc:"messages that wait for one slow client before it is cut"`
	QueueBytes        int           `env:"QUEUE_BYTES" envDefault:"4194304" doc:"bytes that wait for one slow client before it is cut"`
}

var transports = []string{"polling", "websocket"}

func (s Sockets) validate(k *checker) {
	if !isMountPath(s.Path) {
		k.wrong("SOCKET_PATH", "%q must begin and end with /, like /socket.io/", s.Path)
	}
	for _, t := range s.Transports {
		k.oneOf("SOCKET_TRANSPORTS", t, transports...)
	}
	k.oneOf("SOCKET_PARSER", s.Parser, "json", "msgpack")
	if len(s.Transports) == 0 {
		k.wrong("SOCKET_TRANSPORTS", "none is left to connect with")
	}
	s.validateMounts(k)
	between(k, "PING_INTERVAL", s.PingInterval, 100*time.Millisecond, time.Hour)
	between(k, "PING_TIMEOUT", s.PingTimeout, 100*time.Millisecond, time.Hour)
	between(k, "CONNECT_TIMEOUT", s.ConnectTimeout, 100*time.Millisecond, time.Hour)
	between(k, "WRITE_TIMEOUT", s.WriteTimeout, 100*time.Millisecond, time.Hour)
	between(k, "HEADER_TIMEOUT", s.HeaderTimeout, 100*time.Millisecond, time.Hour)
	between(k, "IDLE_TIMEOUT", s.IdleTimeout, time.Second, time.Hour)
	between(k, "ATTACHMENT_TIMEOUT", s.AttachmentTimeout, 100*time.Millisecond, time.Hour)
	between(k, "MAX_PAYLOAD", s.MaxPayload, 1024, 1<<30)
	between(k, "MAX_ATTACHMENTS", s.MaxAttachments, 1, 1000)
	between(k, "ATTACHMENT_BYTES", s.AttachmentBytes, 1024, 1<<30)
	between(k, "MAX_NAMESPACES", s.MaxNamespaces, 1, 1000)
	between(k, "CONNS_PER_ADDRESS", s.ConnsPerAddress, 0, 1<<20)
	between(k, "SOCKET_RATE", s.Rate, 0, 1_000_000)
	between(k, "SOCKET_UNACKED", s.Unacked, 0, 1_000_000)
	between(k, "QUEUE_MESSAGES", s.QueueMessages, 16, 1<<20)
	between(k, "QUEUE_BYTES", s.QueueBytes, 64<<10, 1<<30)
	if int64(s.QueueBytes) < s.MaxPayload {
		k.wrong("QUEUE_BYTES", "%d is less than MAX_PAYLOAD, %d", s.QueueBytes, s.MaxPayload)
	}
}
