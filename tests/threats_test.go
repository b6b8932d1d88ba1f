package tests

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// These are the rows of docs/security.md that no other test proves, each against a whole
// node. What is meant to break or exhaust a node is in attack_test.go.

const openWebSocket = "/socket.io/?EIO=4&transport=websocket"

// opening is the status of a request that would open a connection.
func opening(t *testing.T, url, path string, header http.Header) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header.Clone()
	if path == openWebSocket {
		for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
			r.Header.Set(name, value)
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if allowed := resp.Header.Get("Access-Control-Allow-Origin"); allowed != "" {
		t.Errorf("%s %v: %s may read it", path, header, allowed)
	}
	return resp.StatusCode
}

// A page of another site opens no connection in its visitors' names, and reads nothing.
func TestPagesOfOtherSitesOpenNoConnection(t *testing.T) {
	t.Parallel()
	url := siotest.Start(t, siotest.Redis("")).URL
	host := strings.TrimPrefix(url, "http://")
	for origin, ours := range map[string]bool{
		url: true, "https://evil.example": false, "null": false, "http://evil." + host: false, "http://" + host + ".evil.example": false,
		"http://127.0.0.1:1": false, "http://" + host + "@evil.example": false, "file://": false, "//" + host + "#evil": false,
	} {
		for path, opened := range map[string]int{openPolling: 200, openWebSocket: 101} {
			if !ours {
				opened = 403
			}
			if got := opening(t, url, path, http.Header{"Origin": {origin}, "Cookie": {"session=1"}}); got != opened {
				t.Errorf("%s of %s: %d", path, origin, got)
			}
		}
	}
}

// Who is slow on purpose holds nothing for long: each of them is cut, though it goes on
// sending.
func TestSlowClientsAreCut(t *testing.T) {
	t.Parallel()
	p := siotest.Launch(t, "", "victim", "HEADER_TIMEOUT=500ms", "CONNECT_TIMEOUT=500ms", "PING_INTERVAL=500ms", "PING_TIMEOUT=500ms", "IDLE_TIMEOUT=1s")
	host := strings.TrimPrefix(p.URL, "http://")
	upgrade := "GET " + openWebSocket + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	handshake := upgrade + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	for name, tc := range map[string]struct{ first, then string }{
		"says nothing":                   {"", ""},
		"a header that does not end":     {"GET / HTTP/1.1\r\nHost: " + host + "\r\n", "X-A: b\r\n"},
		"a handshake that does not end":  {upgrade, "X-A: b\r\n"},
		"a body that does not end":       {"POST /v1/rooms/lobby/messages HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{", " "},
		"a post that does not end":       {"POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 100000\r\n\r\n", " "},
		"no CONNECT":                     {handshake, ""},
		"a frame that does not end":      {handshake + "\x81\xfe\x7f\xff\x00\x00\x00\x00", "4"},
		"frames without end of message":  {handshake, "\x01\x81\x00\x00\x00\x00a"},
		"an idle connection":             {"GET /livez HTTP/1.1\r\nHost: " + host + "\r\n\r\n", ""},
		"a heartbeat and no CONNECT":     {handshake, "\x81\x81\x00\x00\x00\x003"},
		"control frames and no messages": {handshake, "\x89\x80\x00\x00\x00\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", host)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			cut := make(chan struct{})
			go func() {
				defer close(cut)
				_, _ = io.Copy(io.Discard, conn) // until the node ends it
			}()
			_, _ = io.WriteString(conn, tc.first)
			for deadline := time.After(2 * rawsio.Patience); ; { // bodies have 10 s
				select {
				case <-cut:
					return
				case <-deadline:
					t.Fatal("it is still connected")
				case <-time.After(50 * time.Millisecond):
					_, _ = io.WriteString(conn, tc.then) // that it is cut shows above
				}
			}
		})
	}
}

// X-Forwarded-For says who a client is only if a trusted proxy sent it.
func TestForwardedAddressesCountFromTrustedProxiesAlone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		trusted []string
		clients []string // X-Forwarded-For
		want    []int
	}{
		"of a proxy":    {[]string{"127.0.0.0/8", "::1"}, []string{"192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3, 192.0.2.1", "nonsense, 192.0.2.2"}, []int{200, 200, 429, 429, 429}},
		"of a stranger": {nil, []string{"192.0.2.1", "192.0.2.2"}, []int{200, 429}},
	} {
		url := siotest.Start(t, siotest.Redis(""), siotest.With(func(c *config.Config) { c.TrustedProxies, c.Sockets.ConnsPerAddress = tc.trusted, 1 })).URL
		for i, client := range tc.clients {
			if got := opening(t, url, openPolling, http.Header{"X-Forwarded-For": {client}}); got != tc.want[i] {
				t.Errorf("%s: %s: %d, want %d", name, client, got, tc.want[i])
			}
		}
	}
}

// Answers do not tell which rooms there are, and nobody hears a room without being in it.
func TestRoomsCannotBeFoundOut(t *testing.T) {
	t.Parallel()
	url := siotest.Start(t, siotest.Redis("")).URL
	sam, mallory := rawsio.Dial(t, url), rawsio.Dial(t, url)
	sam.Connect("/chat", `{"user":"sam","roles":["staff"]}`)
	mallory.Connect("/chat", `{"user":"mallory"}`)
	for _, room := range []string{"staff-here", "lobby"} {
		sam.Call("/chat", "join", `{"room":"`+room+`"}`)
		sam.Call("/chat", "message", `{"room":"`+room+`","text":"secret"}`)
	}
	for _, tc := range []struct{ event, payload string }{
		{"join", `{"room":"staff-%s"}`}, {"leave", `{"room":"staff-%s"}`}, {"history", `{"room":"staff-%s"}`}, {"members", `{"room":"staff-%s"}`},
		{"message", `{"room":"staff-%s","text":"x"}`}, {"typing", `{"room":"staff-%s"}`}, {"kick", `{"room":"staff-%s","user":"sam"}`},
	} {
		here, gone := mallory.Call("/chat", tc.event, fmt.Sprintf(tc.payload, "here")), mallory.Call("/chat", tc.event, fmt.Sprintf(tc.payload, "gone"))
		if !strings.Contains(here, `"code":"forbidden"`) || here != gone {
			t.Errorf("%s: %s where there is one, else %s", tc.event, here, gone)
		}
	}
	for _, name := range []string{"room:lobby", "user:sam", `lobby\u0000`, "LOBBY", "lob*"} { // how it is indexed is nobody's name
		mallory.Call("/chat", "join", `{"room":"`+name+`"}`)
	}
	sam.Call("/chat", "message", `{"room":"lobby","text":"secret"}`)
	mallory.Call("/chat", "join", `{"room":"lobby"}`) // what she hears of that comes after all that was said there before
	for heard := ""; !strings.Contains(heard, `"room":"lobby"`); {
		heard = mallory.Expect("/chat", "member.joined") // maybe of a room above
	}
	for _, e := range mallory.Events() {
		if strings.Contains(string(e.Payload), "secret") {
			t.Errorf("mallory heard %s", e.Payload)
		}
	}
}

// What clients send is data, whatever it looks like: to Redis, to the lanes, to JavaScript.
func TestNothingIsInjected(t *testing.T) {
	t.Parallel()
	url := siotest.Start(t).URL
	alice, bob := rawsio.Dial(t, url), rawsio.Dial(t, url)
	alice.Connect("/chat", `{"user":"{\"rooms\":[\"private\"]}","__proto__":{"roles":["staff"]},"constructor":1}`)
	bob.Connect("/chat", `{"user":"bob"}`)
	bob.Call("/chat", "join", `{"room":"private"}`)
	for _, payload := range []string{
		`{"room":"lobby","text":"x","__proto__":{"admin":true}}`, `{"room":"lobby","text":"x","constructor":{}}`, `{"room":"lobby","text":"x","_to":"bob"}`,
		`{"room":"lobby","text":"x","_cause":"c"}`, `{"room":"lobby","text":"x","metadata":{"rooms":["private"]}}`, `{"room":"lobby","room":"private","text":"x"}`,
		`{"room":"lobby","text":"x","ROOM":"private"}`,
	} {
		if got := alice.Call("/chat", "message", payload); !strings.Contains(got, `"code":"invalid"`) {
			t.Errorf("%s: %s", payload, got)
		}
	}
	for _, event := range []string{"__proto__", "constructor", "toString", "connect", "disconnect", "departed", "chat.departed"} {
		if got := alice.Call("/chat", event, `{}`); !strings.Contains(got, `"kind":"error"`) {
			t.Errorf("%s: %s", event, got)
		}
	}
	if _, refused := alice.TryConnect("/__proto__", "{}"); !strings.Contains(refused, "Invalid namespace") {
		t.Errorf("a namespace: %s", refused)
	}
	alice.Call("/chat", "join", `{"room":"lobby"}`)
	alice.Expect("/chat", "member.joined")
	for _, text := range []string{
		`\r\n*1\r\n$8\r\nFLUSHALL\r\n`, `\u0000\u001e\u2028`, `\u0082\u00a5rooms\u00aa[\"private\"]`, `\"},\"rooms\":[\"private\"]`, `{{.}} ${x} %s %n`, `42/chat,[\"join\",{\"room\":\"private\"}]`,
	} {
		alice.Call("/chat", "message", `{"room":"lobby","text":"`+text+`","client_id":"`+text+`"}`)
		heard := alice.Expect("/chat", "message.posted")
		var sent, got struct{ Text string }
		err := errors.Join(json.Unmarshal([]byte(`{"text":"`+text+`"}`), &sent), json.Unmarshal([]byte(heard), &got))
		if err != nil || got != sent {
			t.Errorf("%q became %q: %v", sent.Text, got.Text, err)
		}
	}
	alice.Call("/chat", "message", `{"room":"private","text":"fence"}`)
	if got := bob.Expect("/chat", "message.posted"); !strings.Contains(got, "fence") {
		t.Errorf("bob heard %s", got)
	}
	deep := strings.Repeat("[", 100_000)
	if got := (victim{t, url}).post(url+"/v1/rooms/lobby/messages", "application/json", strings.NewReader(`{"text":`+deep)); got != 400 {
		t.Errorf("deep JSON over REST: %d", got)
	}
}

// A message that is small on the wire and large afterwards is refused while it inflates.
func TestDecompressionBombs(t *testing.T) {
	t.Parallel()
	admin := fmt.Sprint("127.0.0.1:", testenv.FreePort(t))
	p := siotest.Launch(t, "", "victim", "SOCKET_COMPRESSION=true", "GOMEMLIMIT=64MiB", "ADMIN_ADDR="+admin)
	bomb, err := websocket.NewPreparedMessage(websocket.TextMessage, make([]byte, 64<<20))
	if err != nil {
		t.Fatal(err)
	}
	dialer := websocket.Dialer{EnableCompression: true}
	for range 3 {
		c, _, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(p.URL, "http")+openWebSocket, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.WritePreparedMessage(bomb) // cut while it sends, or after
		_ = c.SetReadDeadline(time.Now().Add(rawsio.Patience))
		for err = nil; err == nil; {
			_, _, err = c.ReadMessage()
		}
		if network := net.Error(nil); errors.As(err, &network) && network.Timeout() {
			t.Error("it is still connected")
		}
		_ = c.Close()
	}
	if heap := metric(t, admin, "go_memstats_heap_inuse_bytes"); heap > 100e6 {
		t.Errorf("the heap has %.0f MB", heap/1e6)
	}
	packed := http.Header{"Content-Encoding": {"gzip"}, "Content-Type": {"application/json"}}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/v1/rooms/lobby/messages", strings.NewReader("\x1f\x8b{}"))
	r.Header = packed
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 400 {
		t.Errorf("a body that claims to be packed: %d", resp.StatusCode)
	}
}
