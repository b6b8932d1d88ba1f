package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// memory keeps sessions in a map, or fails.
type memory struct {
	keys map[string]time.Duration
	err  error
}

func (m *memory) Add(_ context.Context, key string, lasts time.Duration) error {
	if m.err == nil {
		m.keys[key] = lasts
	}
	return m.err
}

func (m *memory) Has(_ context.Context, key string) (bool, error) {
	_, ok := m.keys[key]
	return ok, m.err
}

func hashOf(t *testing.T, password string) string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func newTestLogin(hash string, s Sessions) *login {
	return newLogin(Config{User: "root", PasswordHash: hash}, s, slog.New(slog.DiscardHandler))
}

const (
	right = `{"username":"root","password":"open sesame"}`
	here  = "192.0.2.1:1000"
)

func withSession(id string) json.RawMessage { return encoded(map[string]string{"sessionId": id}) }

func TestSessionsHoldEverywhereUntilThePasswordChanges(t *testing.T) {
	t.Parallel()
	store, hash := &memory{keys: map[string]time.Duration{}}, hashOf(t, "open sesame")
	id, ok := newTestLogin(hash, store).admit(json.RawMessage(right), here)
	if !ok || len(id) < 20 {
		t.Fatalf("the session %q, %t", id, ok)
	}
	for key, lasts := range store.keys {
		if lasts != 24*time.Hour || strings.Contains(key, id) {
			t.Errorf("%q is kept for %s", key, lasts)
		}
	}
	if again, ok := newTestLogin(hash, store).admit(withSession(id), here); !ok || again != "" {
		t.Errorf("on another node: %q %t", again, ok)
	}
	if _, ok := newTestLogin(hashOf(t, "another"), store).admit(withSession(id), here); ok {
		t.Error("after the password was changed")
	}
	store.err = errors.New("Redis is away")
	l := newTestLogin(hash, store)
	if _, ok := l.admit(withSession(id), here); ok {
		t.Error("a session that nobody can look up")
	}
	if id, ok := l.admit(json.RawMessage(right), here); !ok || id != "" {
		t.Errorf("without Redis: %q %t", id, ok)
	}
}

func TestNobodyElseGetsIn(t *testing.T) {
	t.Parallel()
	hash := hashOf(t, "open sesame")
	for _, auth := range []string{
		``, `[]`, `{}`, `"root"`, `{"sessionId":null}`, `{"sessionId":"x"}`, `{"sessionId":"` + strings.Repeat("x", 1000) + `"}`, `{"username":"root"}`,
		`{"username":"root","password":"open"}`, `{"username":"toor","password":"open sesame"}`, `{"username":"","password":"open sesame"}`,
		`{"username":"root","password":["open sesame"]}`, `{"username":"root","password":"` + strings.Repeat("x", 10_000) + `"}`,
	} {
		if session, ok := newTestLogin(hash, &memory{}).admit(json.RawMessage(auth), here); ok || session != "" {
			t.Errorf("%.60s: %q %t", auth, session, ok)
		}
	}
}

func TestGuessesAreBounded(t *testing.T) {
	t.Parallel()
	store := &memory{keys: map[string]time.Duration{}}
	l := newTestLogin(hashOf(t, "open sesame"), store)
	session, _ := l.admit(json.RawMessage(right), here)
	guess := func(address string) { l.admit(json.RawMessage(`{"username":"root","password":"guess"}`), address) }
	for range 20 {
		guess("192.0.2.2:1")
	}
	if _, ok := l.admit(json.RawMessage(right), "192.0.2.2:2"); ok {
		t.Error("there is no end to the guesses of an address")
	}
	if _, ok := l.admit(json.RawMessage(right), "192.0.2.3:1"); !ok {
		t.Error("one address keeps all others out")
	}
	for i := range 50 {
		guess("[2001:db8::" + string(rune('1'+i%9)) + "]:1")
	}
	if _, ok := l.admit(json.RawMessage(right), "192.0.2.4:1"); ok {
		t.Error("there is no end to the guesses of many addresses")
	}
	if _, ok := l.admit(withSession(session), here); !ok {
		t.Error("guesses keep out who has a session")
	}
}
