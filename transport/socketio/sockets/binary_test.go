package sockets_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/engineio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

const placeholder = `{"_placeholder":true,"num":%d}`

// Binary data comes as base64 in its place, and leaves as it came, over each transport.
func TestBinaryBothWays(t *testing.T) {
	t.Parallel()
	over(t, func(t *testing.T, dial func(string) *rawsio.Client) {
		srv, h, url := start(t, sockets.Config{})
		c := dial(url)
		c.Connect("/a", "")
		payload := `{"b":[` + fmt.Sprintf(placeholder, 1) + `,{"c":` + fmt.Sprintf(placeholder, 0) + `}]}`
		if got := c.CallBinary("/a", "file", payload, []byte{1, 2, 3}, []byte{}); got != `{"b":["",{"c":"AQID"}]}` {
			t.Errorf("heard %v, acknowledged %s", h.heard(), got)
		}
		p := sockets.Payload{JSON: json.RawMessage(`{"x":1,"file":{"data":"AQID"},"more":["","?",null]}`), Binary: []string{"/file/data", "/more/*"}}
		srv.Broadcast("/a", sockets.Audience{Everyone: true}, "one", p, false)
		if got := c.Expect("/a", "one"); got != `{"x":1,"file":{"data":"binary AQID"},"more":["binary ","?",null]}` {
			t.Errorf("heard %s", got)
		}
		p.Spread = true
		srv.Broadcast("/a", sockets.Audience{Everyone: true}, "several", p, false)
		if got := c.Expect("/a", "several"); got != `1,{"data":"binary AQID"},["binary ","?",null]` {
			t.Errorf("heard %s", got)
		}
	})
}

// Placeholders that do not fit what comes end the connection, and nobody hears the event.
func TestPlaceholdersThatLie(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"beyond the last": `452-/a,7["file",{"_placeholder":true,"num":0},{"_placeholder":true,"num":2}]`,
		"negative":        `452-/a,7["file",{"_placeholder":true,"num":0},{"_placeholder":true,"num":-1}]`,
		"no number":       `452-/a,7["file",{"_placeholder":true,"num":0},{"_placeholder":true,"num":"1"}]`,
		"no whole number": `452-/a,7["file",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1.0}]`,
		"too large":       `452-/a,7["file",{"_placeholder":true,"num":0},{"_placeholder":true,"num":99999999999999999999}]`,
		"none":            `452-/a,7["file",{"_placeholder":true,"num":0},{"_placeholder":true}]`,
		"twice":           `452-/a,7["file",{"_placeholder":true,"num":1},{"_placeholder":true,"num":1}]`,
		"many times":      `452-/a,7["file"` + strings.Repeat(`,{"_placeholder":true,"num":1}`, 10_000) + `]`,
		"too few":         `452-/a,7["file",{"_placeholder":true,"num":1}]`,
		"not true":        `452-/a,7["file",{"_placeholder":1,"num":1},{"_placeholder":true,"num":0}]`,
		"one in another":  `452-/a,7["file",{"_placeholder":true,"num":0,"x":{"_placeholder":true,"num":1}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, h, url := start(t, sockets.Config{})
			c := rawsio.Dial(t, url)
			c.Connect("/a", "")
			c.Send(text)
			c.SendBinary([]byte{1})
			c.SendBinary([]byte{2})
			testenv.WaitFor(t, rawsio.Patience, "the connection to end", func() bool { return srv.Connections() == 0 })
			if got := h.heard(); len(got) > 0 {
				t.Errorf("heard %.200v", got)
			}
		})
	}
}

// What only looks like a placeholder, in an event without attachments, is what it is.
func TestPlaceholdersWithoutAttachments(t *testing.T) {
	t.Parallel()
	_, _, url := start(t, sockets.Config{})
	c := rawsio.Dial(t, url)
	c.Connect("/a", "")
	if got, want := c.Call("/a", "file", `{"_placeholder":true,"num":0}`), `{"_placeholder":true,"num":0}`; got != want {
		t.Errorf("acknowledged %s", got)
	}
}

// debugLines hands over the lines of level debug.
type debugLines chan string

func (debugLines) Enabled(context.Context, slog.Level) bool { return true }
func (d debugLines) WithAttrs([]slog.Attr) slog.Handler     { return d }
func (d debugLines) WithGroup(string) slog.Handler          { return d }
func (d debugLines) Handle(_ context.Context, r slog.Record) error {
	if r.Level == slog.LevelDebug {
		d <- r.Message
	}
	return nil
}

// Nobody waits for the attachments of a client that has gone.
func TestAttachmentsOfWhoHasGone(t *testing.T) {
	t.Parallel()
	lines := make(debugLines, 10)
	srv, _, url := start(t, sockets.Config{AttachmentTimeout: testenv.Late, Engine: engineio.Config{Log: slog.New(lines)}})
	for _, goes := range []bool{true, false} {
		c := rawsio.Dial(t, url)
		c.Connect("/a", "")
		c.Send(`452-/a,["file",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
		c.SendBinary([]byte{1})
		if goes {
			c.Close()
		}
		testenv.WaitFor(t, rawsio.Patience, "it to have gone", func() bool { return srv.Connections() == 0 })
	}
	if n := len(lines); n != 1 { // of the second one, which was to come in time after the first
		t.Errorf("%d connections broke the protocol", n)
	}
}
