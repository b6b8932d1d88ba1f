package client

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// separator is between the packets of one body.
const separator = '\x1e'

// A polling transport asks for what there is, and posts what is to be sent.
type polling struct {
	link    *link
	ctx     context.Context
	cancel  context.CancelFunc
	url     string
	silence time.Duration
	most    int    // bytes of one body that the server takes
	body    []byte // what is left of the last answer
}

func (l *link) newPolling() *polling {
	to := l.address(Polling, "")
	p := &polling{link: l, url: to.String(), silence: l.opts.timeout}
	p.ctx, p.cancel = context.WithCancel(l.ctx)
	return p
}

// opened begins to use what the server said.
func (p *polling) opened(h handshake) {
	to := p.link.address(Polling, h.SID)
	p.url, p.silence, p.most = to.String(), h.silence(), h.MaxPayload
}

func (p *polling) name() string { return Polling }

func (p *polling) close() { p.cancel() }

func (p *polling) read() (data []byte, binary bool, err error) {
	for len(p.body) == 0 {
		if p.body, err = p.request(p.ctx, http.MethodGet, nil, p.silence); err != nil {
			return nil, false, err
		}
	}
	data, p.body, _ = bytes.Cut(p.body, []byte{separator})
	if len(data) == 0 || data[0] != 'b' {
		return data, false, nil
	}
	if data, err = base64.StdEncoding.AppendDecode(nil, data[1:]); err != nil {
		return nil, false, fmt.Errorf("%w: an attachment that is not base64", ErrProtocol)
	}
	return data, true, nil
}

func (p *polling) write(batch []message) error {
	var body []byte
	add := func(packet []byte) error {
		if len(body) > 0 && p.most > 0 && len(body)+1+len(packet) > p.most {
			if err := p.post(body); err != nil {
				return err
			}
			body = nil
		}
		if len(body) > 0 {
			body = append(body, separator)
		}
		body = append(body, packet...)
		return nil
	}
	for _, m := range batch {
		parts := [][]byte{m.text}
		for _, a := range m.attachments {
			parts = append(parts, base64.StdEncoding.AppendEncode([]byte{'b'}, a))
		}
		if m.last {
			parts = append(parts, []byte{engineClose})
		}
		for _, part := range parts {
			if len(part) == 0 {
				continue
			}
			if err := add(part); err != nil {
				return err
			}
		}
	}
	return p.post(body)
}

func (p *polling) post(body []byte) error {
	_, err := p.request(p.ctx, http.MethodPost, body, writeTimeout)
	return err
}

// request makes one request; its answer has at most as many bytes as the buffer.
func (p *polling) request(ctx context.Context, method string, body []byte, within time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var repeated atomic.Bool
	if method == http.MethodGet {
		ctx = once(ctx, func() {
			repeated.Store(true)
			cancel()
		})
	}
	r, err := http.NewRequestWithContext(ctx, method, p.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range p.link.opts.header {
		r.Header[name] = values
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	if host := p.link.opts.header.Get("Host"); host != "" {
		r.Host = host
	}
	resp, err := p.link.web.Do(r)
	if err == nil {
		defer resp.Body.Close()
	}
	switch {
	case repeated.Load():
		return nil, errors.New("a connection broke before the answer to a poll")
	case err != nil:
		return nil, err
	}
	most := int64(p.link.opts.bytes)
	b, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %.200q", resp.Status, b)
	case int64(len(b)) > most:
		return nil, fmt.Errorf("%w: an answer of more than %d bytes, see Buffer", ErrProtocol, most)
	case len(b) == 0:
		return nil, errors.New("an empty answer")
	}
	return b, nil
}

// once has stop called before a request is sent again: net/http does that with a GET whose
// connection breaks before the answer, and that of a poll may be lost with all that it brings.
func once(ctx context.Context, stop func()) context.Context {
	var written atomic.Bool
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { written.Store(true) },
		GotConn: func(httptrace.GotConnInfo) {
			if written.Load() {
				stop()
			}
		},
	})
}
