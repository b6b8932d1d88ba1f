package rawsio

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gorilla/websocket"
)

// A partial is a packet of which attachments are still to come.
type partial struct {
	packet string
	left   int
	num    int
}

// text is a message of a websocket as polling has it: binary data is "b" and base64.
func text(kind int, b []byte) string {
	if kind == websocket.BinaryMessage {
		return "b" + base64.StdEncoding.EncodeToString(b)
	}
	return string(b)
}

// whole puts attachments in place of their placeholders, as "binary AQID", and returns
// the packet when it is whole, or "".
func (c *Client) whole(packet string) string {
	switch {
	case strings.HasPrefix(packet, "b") && c.partial != nil:
		p := c.partial
		placeholder := fmt.Sprintf(`{"_placeholder":true,"num":%d}`, p.num)
		if !strings.Contains(p.packet, placeholder) {
			p.packet = "" // breaks the protocol: nobody hears it
		}
		p.packet = strings.Replace(p.packet, placeholder, fmt.Sprintf(`"binary %s"`, packet[1:]), 1)
		p.num, p.left = p.num+1, p.left-1
		if p.left > 0 {
			return ""
		}
		c.partial = nil
		return p.packet
	case strings.HasPrefix(packet, "45"), strings.HasPrefix(packet, "46"):
		var n int
		if _, err := fmt.Sscanf(packet[2:], "%d-", &n); err != nil || n == 0 {
			return ""
		}
		_, rest, _ := strings.Cut(packet, "-")
		c.partial = &partial{packet: "4" + string(packet[1]-'5'+'2') + rest, left: n}
		return ""
	}
	return packet
}

func values(args []json.RawMessage) string {
	all := make([]string, len(args))
	for i, arg := range args {
		all[i] = string(arg)
	}
	return strings.Join(all, ",")
}

// SendBinary sends binary data: an attachment of what was sent before.
func (c *Client) SendBinary(b []byte) {
	c.t.Helper()
	if err := c.sendBinary(b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *Client) sendBinary(b []byte) error {
	if c.raw == nil {
		return c.send(text(websocket.BinaryMessage, b))
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.raw.WriteMessage(websocket.BinaryMessage, b)
}

// CallBinary sends an event with attachments, whose placeholders are in the payload, and
// waits for its acknowledgement.
func (c *Client) CallBinary(ns, event, payload string, attachments ...[]byte) string {
	c.t.Helper()
	wait := c.begin(len(attachments), ns, event, payload)
	for _, a := range attachments {
		c.SendBinary(a)
	}
	return wait()
}
