package engineio_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/transport/socketio/engineio"
)

// A bounded answer knows whether it had a deadline when it was written.
type bounded struct {
	*httptest.ResponseRecorder
	deadline, written bool
}

func (b *bounded) SetWriteDeadline(t time.Time) error {
	b.deadline = !t.IsZero()
	return nil
}

func (b *bounded) Write(p []byte) (int, error) {
	b.written = b.deadline
	return b.ResponseRecorder.Write(p)
}

func (b *bounded) WriteString(s string) (int, error) { return b.Write([]byte(s)) }

// A client that reads nothing must not keep a goroutine.
func TestEveryAnswerHasADeadline(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{})
	open := s.session(polling)
	for name, tc := range map[string]struct {
		method, query, body string
		status              int
	}{
		"a handshake":              {"GET", polling, ``, 200},
		"a post":                   {"POST", open, `4x`, 200},
		"no session":               {"GET", polling + "&sid=x", ``, 400},
		"no websocket's handshake": {"GET", "EIO=4&transport=websocket", ``, 400},
	} {
		w := &bounded{ResponseRecorder: httptest.NewRecorder()}
		s.srv.ServeHTTP(w, httptest.NewRequest(tc.method, "/?"+tc.query, strings.NewReader(tc.body)))
		if w.Code != tc.status || !w.written {
			t.Errorf("%s: %d %s, with a deadline: %t", name, w.Code, w.Body, w.written)
		}
	}
}
