package sockets

import (
	"sync"

	enginepacket "github.com/zishang520/engine.io-go-parser/packet"
	"github.com/zishang520/engine.io/v2/transports"
	"github.com/zishang520/engine.io/v2/types"
)

type pollingBuilder struct{ transports.PollingBuilder }

func (*pollingBuilder) New(ctx *types.HttpContext) transports.Transport {
	p := &polling{Polling: transports.MakePolling()}
	p.Prototype(p)
	p.Construct(ctx)
	return p
}

// A polling transport holds back the answer to its handshake until the connection
// is wired: a client that has its session id may send at once.
type polling struct {
	transports.Polling

	mu      sync.Mutex
	started bool
	held    []*enginepacket.Packet
}

func (p *polling) Send(packets []*enginepacket.Packet) {
	if !p.hold(packets) {
		p.Polling.Send(packets)
	}
}

func (p *polling) hold(packets []*enginepacket.Packet) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started {
		return false
	}
	p.held = append(p.held, packets...)
	p.SetWritable(false)
	return true
}

func (p *polling) start() {
	p.mu.Lock()
	p.started = true
	held := p.held
	p.held = nil
	p.mu.Unlock()
	if len(held) > 0 {
		p.Polling.Send(held)
	}
}
