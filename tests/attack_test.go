package tests

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

func placeholderAt(num string) string { return `{"_placeholder":true,"num":` + num + `}` }

// attacks are what the library under the sockets, or an earlier state of this service,
// has died, hung or leaked of.
var attacks = map[string]func(v victim){
	"malformed packets": func(v victim) {
		for _, p := range []string{"42", "421", "42/chat", "42/chat,", "421[", "45", "450-", "451-", "459999999999-[]", "43", "431", "43/chat,1[", "46", "44", "4", "", "0", "6", "b", "é",
			`42/chat,["message",{}`, `42/chat,[null]`, `42/chat,["__proto__",{}]`, `42/chat,99999999999999999999["x"]`, "42/chat," + strings.Repeat("[", 100_000), "\x00"} {
			c := v.socket("40/chat,", p, "451-/chat,[\"x\",{\"_placeholder\":true,\"num\":9}]")
			_ = c.WriteMessage(websocket.BinaryMessage, []byte{1})
			drained(c)
			url := v.session()
			v.post(url, "text/plain", strings.NewReader("40/chat,"))
			v.post(url, "text/plain", strings.NewReader(p))
		}
	},
	"heartbeat before anything": func(v victim) {
		for range 500 {
			c := v.socket("3", "2", "3", "3")
			_ = c.Close()
		}
	},
	"packets before and in one breath with CONNECT": func(v victim) {
		for range 10 {
			drained(v.socket(`42/chat,["join",{"room":"x"}]`))
			drained(v.socket("40/chat,", "40/chat,", "41/chat,", "41/chat,", `42/chat,["join",{"room":"x"}]`))
		}
	},
	"namespaces": func(v victim) {
		c := v.socket()
		for i := range 2000 {
			_ = c.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, "40/n%d,", i))
		}
		drained(c)
		drained(v.socket("40/" + strings.Repeat("a", 900_000) + ","))
	},
	"huge credentials": func(v victim) {
		auth := `{"x":[` + strings.Repeat("{},", 300_000) + `{}]}`
		var all []*websocket.Conn
		for range 20 {
			all = append(all, v.socket("40/chat,"+auth))
		}
		for _, c := range all {
			drained(c)
		}
	},
	"messages that are too long": func(v victim) {
		drained(v.socket("40/chat,", `42/chat,["message",{"room":"x","text":"`+strings.Repeat("x", 5_000_000)+`"}]`))
		if status := v.post(v.session(), "text/plain", io.MultiReader(strings.NewReader("4"), bytes.NewReader(make([]byte, 30_000_000)))); status != 413 && status != 0 {
			v.Errorf("a chunked body of 30 MB: %d", status)
		}
	},
	"attachments that never come": func(v victim) {
		var all []*websocket.Conn
		for range 50 {
			c := v.socket("40/chat,", `458-/chat,["message",{"_placeholder":true,"num":0}]`)
			for range 7 {
				_ = c.WriteMessage(websocket.BinaryMessage, make([]byte, 900_000))
			}
			all = append(all, c)
		}
		for _, c := range all {
			drained(c)
		}
	},
	"placeholders that lie": func(v victim) {
		for _, args := range []string{
			placeholderAt("9"), placeholderAt("-1"), placeholderAt("1e9"), placeholderAt(strings.Repeat("9", 100_000)), placeholderAt(`{}`), `{"_placeholder":true}`, `1`,
			strings.Repeat(placeholderAt("0")+",", 10_000) + placeholderAt("0"), // one attachment, many times
			strings.Repeat(`{"x":`, 60) + placeholderAt("0") + strings.Repeat(`}`, 60),
			strings.Repeat(`{"_placeholder":true,"num":0,"x":`, 60) + placeholderAt("0") + strings.Repeat(`}`, 60),
			strings.Repeat(`{"_placeholder":`, 60) + placeholderAt("0") + strings.Repeat(`}`, 60),
		} {
			c := v.socket("40/chat,", `451-/chat,["message",`+args+`]`)
			_ = c.WriteMessage(websocket.BinaryMessage, make([]byte, 900_000))
			drained(c)
			url := v.session()
			v.post(url, "text/plain", strings.NewReader("40/chat,"))
			v.post(url, "text/plain", strings.NewReader(`451-/chat,["message",`+args+"]\x1ebAQID\x1ebAQID"))
		}
	},
	"attachments out of turn": func(v victim) {
		for _, packets := range [][]string{
			{`450-/chat,["message",{}]`, "\x00"}, {"\x00", `451-/chat,["message",{}]`}, {`451-/chat,["message",{}]`, `451-/chat,["message",{}]`, "\x00"},
			{`451-/chat,["message",{}]`, "41/chat,", "\x00"}, {`459-/chat,["message",{}]`}, {`4599999999999999999999-/chat,["message"]`}, {`461-/chat,1[` + placeholderAt("0") + `]`, "\x00"},
		} {
			c := v.socket("40/chat,")
			for _, p := range packets {
				kind := websocket.TextMessage
				if p == "\x00" {
					kind = websocket.BinaryMessage
				}
				_ = c.WriteMessage(kind, []byte(p))
			}
			drained(c)
		}
	},
	"polling that breaks its rules": func(v victim) {
		for range 20 {
			v.post(v.session(), "application/octet-stream", strings.NewReader("4x"))
			v.post(v.session(), "text/plain", strings.NewReader("abc"))
			url := v.session()
			var both sync.WaitGroup
			for range 2 {
				both.Go(func() {
					if resp, err := (&http.Client{Timeout: rawsio.Patience}).Get(url); err != nil {
						v.Error("a poll beside another has no answer: ", err)
					} else {
						_ = resp.Body.Close()
					}
				})
			}
			both.Wait()
		}
	},
	"polls that are cut while they are answered": func(v victim) {
		for range 300 {
			url := v.session()
			v.post(url, "text/plain", strings.NewReader("40/"+strings.Repeat("A", 3000)+","))
			v.reset(url)
		}
	},
	"goodbye and hello": func(v victim) {
		for range 100 {
			c := v.socket("40/chat,", "40/tasks,", "41/chat,", "40/chat,", `42/chat,1["history",{"room":"x"}]`)
			_ = c.SetReadDeadline(time.Now().Add(rawsio.Patience))
			for {
				_, b, err := c.ReadMessage()
				if err != nil {
					v.Fatal("the connection was lost: ", err)
				}
				if bytes.HasPrefix(b, []byte("43/chat,1[")) {
					break
				}
			}
			_ = c.Close()
		}
	},
	"upgrades gone wrong": func(v victim) {
		for i := range 100 {
			url := strings.Replace("ws"+strings.TrimPrefix(v.session(), "http"), "polling", "websocket", 1)
			c, _, err := websocket.DefaultDialer.Dial(url, nil)
			if err != nil {
				v.Fatal(err)
			}
			for _, p := range [][]string{{"2probe", "5", "4x"}, {"5"}, {"2probe", "5", "5", "2"}, {"2probe"}, {}}[i%5] {
				_ = c.WriteMessage(websocket.TextMessage, []byte(p))
			}
			_ = c.Close()
		}
	},
	"pages of another site": func(v victim) {
		header := http.Header{"Origin": {"https://evil.example"}}
		if _, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(v.url, "http")+"/socket.io/?EIO=4&transport=websocket", header); err == nil || resp.StatusCode != 403 {
			v.Errorf("websocket: %v", err)
		}
		r, _ := http.NewRequest(http.MethodGet, v.url+openPolling, nil)
		r.Header = header
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			v.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != 403 || resp.Header.Get("Access-Control-Allow-Origin") != "" {
			v.Errorf("polling: %d %v", resp.StatusCode, resp.Header)
		}
	},
}

// No attack kills the node, makes it hold more than 100 MB, or keeps it from
// answering everybody else.
func TestAttacks(t *testing.T) {
	t.Parallel()
	admin := fmt.Sprint("127.0.0.1:", testenv.FreePort(t))
	// With the soft limit the collector is eager, so that garbage hardly counts.
	p := siotest.Launch(t, "", "victim", "GOMEMLIMIT=64MiB", "ADMIN_ADDR="+admin, "ATTACHMENT_TIMEOUT=1s", "PING_INTERVAL=2s", "PING_TIMEOUT=5s")
	witness := rawsio.Dial(t, p.URL)
	witness.Connect("/chat", `{"user":"witness"}`)
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			attack(victim{t, p.URL})
			if got := witness.Call("/chat", "message", `{"room":"witness","text":"alive"}`); !strings.Contains(got, `"id"`) {
				t.Errorf("the witness got %s", got)
			}
			if heap := metric(t, admin, "go_memstats_heap_inuse_bytes"); heap > 100e6 {
				t.Errorf("the heap has %.0f MB", heap/1e6)
			}
		})
	}
	testenv.WaitFor(t, 2*rawsio.Patience, "all attackers to be gone", func() bool { return metric(t, admin, "switchyard_connections") <= 1 })
}

// The same of a node whose packets are msgpack.
func TestAttacksWithMsgpack(t *testing.T) {
	t.Parallel()
	admin := fmt.Sprint("127.0.0.1:", testenv.FreePort(t))
	p := siotest.Launch(t, "", "victim", "GOMEMLIMIT=64MiB", "ADMIN_ADDR="+admin, "SOCKET_PARSER=msgpack")
	const connect = "\x82\xa4type\x00\xa3nsp\xa5/chat"
	event := func(data string) string { return "\x83\xa4type\x02\xa3nsp\xa5/chat\xa4data" + data }
	for range 3 {
		for _, b := range []string{
			"", "\x00", "\xc1", "40/chat,", "\xdf\xff\xff\xff\xff", "\xdd\xff\xff\xff\xff", event("\xdb\xff\xff\xff\xff"), event("\x91\xc6\xff\xff\xff\xff"),
			strings.Repeat("\x91", 900_000), strings.Repeat("\x81\xa1a", 300_000), event("\x91" + strings.Repeat("\x91", 900_000)),
			event("\xdd\x00\x0d\xbb\xa0" + strings.Repeat("\xc2", 900_000)), event("\xdb\x00\x0d\xbb\xa0" + strings.Repeat("\x01", 900_000)),
			event("\x92\xa7message" + strings.Repeat("\xc4\x00", 9)), event("\xdc\x40\x00\xa7message" + strings.Repeat("\xc4\x00", 0x3fff)),
			"\x82\xa4type\x05\xa3nsp\xa5/chat", "\x82\xa4type\x09\xa3nsp\xa5/chat", "\x82\xa4type\xff\xa3nsp\xa5/chat", "\x82\xa4type\x02\xa3nsp\x01", "\x82\xa4type\x02\xa3nsp\xa1,",
			"\x83\xa4type\x02\xa3nsp\xa5/chat\xa2id\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "\x83\xa4type\x00\xa3nsp\xa5/chat\xa4data\x91\x01",
		} {
			c := victim{t, p.URL}.socket()
			for _, message := range []string{connect, b, event("\x92\xa7message\x80")} {
				_ = c.WriteMessage(websocket.BinaryMessage, []byte(message))
			}
			drained(c)
		}
	}
	if heap := metric(t, admin, "go_memstats_heap_inuse_bytes"); heap > 100e6 {
		t.Errorf("the heap has %.0f MB", heap/1e6)
	}
	testenv.WaitFor(t, 2*rawsio.Patience, "all attackers to be gone", func() bool { return metric(t, admin, "switchyard_connections") == 0 })
}
