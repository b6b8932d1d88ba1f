package engineio

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// probeGrace is how long a poll that comes in the middle of an upgrade waits for its
// end before it is answered with nothing.
const probeGrace = 100 * time.Millisecond

// wakePoll wakes the poll that waits, if there is one; c.mu is held.
func (c *Conn) wakePoll() {
	select {
	case c.wake <- struct{}{}:
	default: // there is a token already, or no polling
	}
}

// servePoll answers with what is queued, or waits for it.
func (c *Conn) servePoll(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	overlap, gone := c.polling, c.state == closed || c.ws != nil
	yield := !c.probed // a poll that waits when an upgrade begins is to end at once
	if !gone && !overlap {
		c.polling = true
	}
	c.mu.Unlock()
	if gone || overlap {
		if !gone {
			c.fail(TransportError, "two polls at once")
		}
		reject(w, badRequest)
		return
	}
	var grace <-chan time.Time
	if !yield {
		grace = time.After(probeGrace)
	}
	for {
		body, next := c.poll(yield)
		switch next {
		case answer, answerLast:
			err := c.respond(w, r, body)
			if err != nil || next == answerLast {
				c.finish(TransportError)
			}
			return
		case refuse:
			reject(w, badRequest)
			return
		}
		select {
		case <-c.wake:
		case <-grace:
			yield = true
		case <-r.Context().Done():
			c.finish(TransportError)
			return
		}
	}
}

// What becomes of a poll.
type next byte

const (
	wait next = iota
	answer
	answerLast // and the connection ends
	refuse
)

// poll takes the body of the answer to a poll, which is over unless it has to wait. One that
// yields ends for an upgrade, with nothing.
func (c *Conn) poll(yield bool) (body []byte, n next) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = answer
	switch {
	case c.state != open && c.reason == TransportClose: // the client closed it with a packet of its own
		body, n = noopFrame.appendPayload(nil, c.eio3), answerLast
	case c.state == open && c.ws == nil && c.queue.waiting() == 0 && c.probed && yield: // a websocket waits to take over
		body = noopFrame.appendPayload(nil, c.eio3)
	case c.state == closed:
		body = goodbyeFrame.appendPayload(nil, c.eio3)
	case c.ws != nil: // it has taken over
		n = refuse
	case c.state == open && c.queue.waiting() == 0:
		return nil, wait
	default:
		if c.queue != nil {
			for _, f := range c.queue.frames {
				body = f.appendPayload(body, c.eio3)
			}
			c.queue.free()
			c.queue = nil
		}
		switch {
		case c.state == closing && len(body) == 0:
			body, n = goodbyeFrame.appendPayload(nil, c.eio3), answerLast
		case c.state == closing: // official clients close before they hand over what came with the goodbye: it has a poll of its own
			c.timer.Reset(min(lastPoll+time.Duration(len(body))*time.Second/slowPoll, c.srv.cfg.WriteTimeout))
		}
	}
	// Before the answer leaves: the client's next poll may come while it still does.
	c.polling = false
	return body, n
}

// respond writes the answer to a poll; an error means that it may be lost.
func (c *Conn) respond(w http.ResponseWriter, r *http.Request, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("Cache-Control", "no-store")
	rc := http.NewResponseController(w)
	if err := rc.SetWriteDeadline(time.Now().Add(c.srv.cfg.WriteTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if c.srv.cfg.Compression && len(body) >= compressFrom && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		h.Add("Vary", "Accept-Encoding")
		z := gzip.NewWriter(w)
		if _, err := z.Write(body); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
	} else {
		h.Set("Content-Length", strconv.Itoa(len(body)))
		if _, err := w.Write(body); err != nil {
			return err
		}
	}
	if err := rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil // net/http ends the deadline
}

// servePost takes the packets that a client sends.
func (c *Conn) servePost(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	overlap, gone := c.posting, c.state != open || c.ws != nil
	if !gone && !overlap {
		c.posting = true
	}
	c.mu.Unlock()
	if gone {
		reject(w, badRequest)
		return
	}
	if overlap {
		c.fail(TransportError, "two posts at once")
		reject(w, badRequest)
		return
	}
	rejected := c.receive(w, r)
	c.mu.Lock()
	c.posting = false
	c.mu.Unlock()
	if rejected != nil {
		reject(w, *rejected)
		return
	}
	bound(w)
	h := w.Header()
	h.Set("Content-Type", "text/html") // as other servers do: a browser asked for text/plain might offer a download
	h.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ok") // a client that does not hear it ends the connection
}

// receive reads and handles the body of a post; what is wrong with it ends the
// connection, since something is missing from then on.
func (c *Conn) receive(w http.ResponseWriter, r *http.Request) *rejection {
	binary := strings.HasPrefix(r.Header.Get("Content-Type"), "application/octet-stream")
	if binary && !c.eio3 {
		c.fail(TransportError, "a binary body")
		return &badRequest
	}
	if r.ContentLength > c.srv.cfg.MaxPayload {
		c.fail(TransportError, "a body that is too long")
		return &tooLarge
	}
	rc := http.NewResponseController(w)
	if err := rc.SetReadDeadline(time.Now().Add(c.srv.cfg.PingTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		c.fail(TransportError, "a request that cannot be bounded")
		return &badRequest
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, c.srv.cfg.MaxPayload))
	if err != nil {
		c.fail(TransportError, "a body that is too long, or not whole")
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			return &tooLarge
		}
		return &badRequest
	}
	if err := rc.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		c.fail(TransportError, "a request that cannot be bounded")
		return &badRequest
	}
	packets, ok := split(body, c.eio3, binary)
	if !ok {
		c.fail(ParseError, "a malformed body")
		return &badRequest
	}
	c.handling.Lock()
	defer c.handling.Unlock()
	for _, p := range packets {
		if p.binary {
			c.message(p.data, true)
		} else if !c.text(p.data) {
			return &badRequest
		}
	}
	return nil
}
