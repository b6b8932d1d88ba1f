package auth_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/fault"
)

// A provider publishes keys as an identity provider does. It answers inside the test,
// without a network, so that the test's time can be a synctest bubble's.
type provider struct {
	mu      sync.Mutex
	keys    []jose.JSONWebKey
	down    bool
	answer  func(http.ResponseWriter, *http.Request) // in place of keys
	fetches int
}

func (p *provider) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetches++
	w := httptest.NewRecorder()
	switch {
	case p.down:
		return nil, errors.New("connection refused")
	case p.answer != nil:
		p.answer(w, r)
	default:
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: p.keys})
	}
	return w.Result(), nil
}

func public(kid, alg string, key any) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: alg, Use: "sig"}
}

var signing = sync.OnceValue(func() (k struct {
	rsa, weak *rsa.PrivateKey
	ec        *ecdsa.PrivateKey
	ed        ed25519.PrivateKey
}) {
	k.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	k.weak, _ = rsa.GenerateKey(rand.Reader, 1024)
	k.ec, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, k.ed, _ = ed25519.GenerateKey(rand.Reader)
	return k
})

func signed(t *testing.T, method jwt.SigningMethod, kid string, key any, claims jwt.MapClaims) string {
	t.Helper()
	all := jwt.MapClaims{"sub": "alice", "exp": time.Now().Add(24 * time.Hour).Unix(), "iss": "https://id.example", "aud": []string{"chat", "mail"}}
	for name, value := range claims {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	token := jwt.NewWithClaims(method, all)
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func asks(t *testing.T, p *provider, log *bytes.Buffer) func(token string) error {
	t.Helper()
	out := slog.New(slog.DiscardHandler)
	if log != nil {
		out = slog.New(slog.NewTextHandler(log, nil))
	}
	a := auth.New(auth.Config{Mode: auth.JWT, KeysURL: "https://me:hunter2@id.example/keys", Issuer: "https://id.example", Audience: "chat", Log: out, Through: p})
	return func(token string) error {
		_, _, err := a.Handshake(handshakeAuth(t, token), nil)
		return err
	}
}

var refused, unavailable = fault.New(fault.Unauthenticated, ""), fault.New(fault.Unavailable, "")

func TestTokensOfAProvider(t *testing.T) {
	t.Parallel()
	k := signing()
	ask := asks(t, &provider{keys: []jose.JSONWebKey{
		public("r", "RS256", k.rsa.Public()), public("any", "", k.rsa.Public()), public("e", "ES256", k.ec.Public()), public("d", "EdDSA", k.ed.Public()),
		public("weak", "", k.weak.Public()), {Key: k.rsa.Public(), KeyID: "enc", Use: "enc"}, {Key: []byte(secret), KeyID: "oct"},
	}}, nil)
	der, err := x509.MarshalPKIXPublicKey(k.rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	published := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	now := time.Now()
	for name, tc := range map[string]struct {
		token string
		want  error
	}{
		"RS256":            {signed(t, jwt.SigningMethodRS256, "r", k.rsa, nil), nil},
		"PS384":            {signed(t, jwt.SigningMethodPS384, "any", k.rsa, nil), nil},
		"ES256":            {signed(t, jwt.SigningMethodES256, "e", k.ec, nil), nil},
		"EdDSA":            {signed(t, jwt.SigningMethodEdDSA, "d", k.ed, nil), nil},
		"no kid":           {signed(t, jwt.SigningMethodES256, "", k.ec, nil), nil},
		"their clock":      {signed(t, jwt.SigningMethodES256, "e", k.ec, jwt.MapClaims{"nbf": now.Add(5 * time.Second).Unix()}), nil},
		"one audience":     {signed(t, jwt.SigningMethodES256, "e", k.ec, jwt.MapClaims{"aud": "chat"}), nil},
		"none":             {signed(t, jwt.SigningMethodNone, "e", jwt.UnsafeAllowNoneSignatureType, nil), refused},
		"PEM as secret":    {signed(t, jwt.SigningMethodHS256, "r", published, nil), refused},
		"DER as secret":    {signed(t, jwt.SigningMethodHS256, "r", der, nil), refused},
		"N as secret":      {signed(t, jwt.SigningMethodHS256, "", k.rsa.N.Bytes(), nil), refused},
		"published secret": {signed(t, jwt.SigningMethodHS256, "oct", []byte(secret), nil), refused},
		"other algorithm":  {signed(t, jwt.SigningMethodPS256, "r", k.rsa, nil), refused},
		"other key's kid":  {signed(t, jwt.SigningMethodES256, "r", k.ec, nil), refused},
		"weak key":         {signed(t, jwt.SigningMethodRS256, "weak", k.weak, nil), refused},
		"encryption key":   {signed(t, jwt.SigningMethodRS256, "enc", k.rsa, nil), refused},
		"expired":          {signed(t, jwt.SigningMethodES256, "e", k.ec, jwt.MapClaims{"exp": now.Add(-time.Second).Unix()}), refused},
		"no end":           {signed(t, jwt.SigningMethodES256, "e", k.ec, jwt.MapClaims{"exp": nil}), refused},
		"not yet":          {signed(t, jwt.SigningMethodES256, "e", k.ec, jwt.MapClaims{"nbf": now.Add(10 * time.Minute).Unix()}), refused},
		"other issuer":     {signed(t, jwt.SigningMethodES256, "e", k.ec, jwt.MapClaims{"iss": "https://evil.example"}), refused},
		"no issuer":        {signed(t, jwt.SigningMethodES256, "e", k.ec, jwt.MapClaims{"iss": nil}), refused},
		"other audience":   {signed(t, jwt.SigningMethodES256, "e", k.ec, jwt.MapClaims{"aud": "mail"}), refused},
		"no audience":      {signed(t, jwt.SigningMethodES256, "e", k.ec, jwt.MapClaims{"aud": nil}), refused},
		"too long":         {signed(t, jwt.SigningMethodES256, "e", k.ec, jwt.MapClaims{"x": strings.Repeat("x", 20_000)}), refused},
		"changed":          {signed(t, jwt.SigningMethodES256, "e", k.ec, nil)[:200] + "AAAA", refused},
	} {
		if err := ask(tc.token); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysComeAndGo(t *testing.T) {
	t.Parallel()
	k := signing()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &provider{down: true}
		ask := asks(t, p, &log)
		old, fresh := signed(t, jwt.SigningMethodRS256, "old", k.rsa, nil), signed(t, jwt.SigningMethodES256, "new", k.ec, nil)
		step := func(what, token string, want error, fetches int) {
			t.Helper()
			synctest.Wait()
			before := p.fetches
			err := ask(token)
			synctest.Wait()
			if p.fetches-before != fetches || !errors.Is(err, want) {
				t.Errorf("%s: %v after %d fetches", what, err, p.fetches-before)
			}
		}
		step("the provider is down at the start", old, unavailable, 0)
		p.set(func() { p.down, p.keys = false, []jose.JSONWebKey{public("old", "", k.rsa.Public())} })
		step("a moment later", old, unavailable, 0)
		time.Sleep(10 * time.Second)
		step("it is up", old, nil, 1)
		for i := range 100 { // each an id of its own: they bring no more fetches than one would
			step("ids are made up", signed(t, jwt.SigningMethodES256, fmt.Sprint("x", i), k.ec, nil), refused, 0)
		}
		p.set(func() { p.keys = append(p.keys, public("new", "", k.ec.Public())) })
		step("a new key, too early", fresh, refused, 0)
		time.Sleep(10 * time.Second)
		step("a new key", fresh, nil, 1)
		step("is kept", fresh, nil, 0)

		p.set(func() { p.down = true })
		time.Sleep(6 * time.Minute)
		step("the provider is down", old, nil, 1)
		time.Sleep(time.Hour)
		step("for long", old, nil, 1)
		step("which holds nobody up", old, nil, 0)
		p.set(func() { p.down, p.keys = false, p.keys[1:] })
		time.Sleep(time.Minute)
		step("a key was taken back", old, refused, 1)
		step("and another not", fresh, nil, 0)
		if text := log.String(); strings.Contains(text, "hunter2") || strings.Count(text, "level=ERROR") != 2 || !strings.Contains(text, "connection refused") {
			t.Error(text)
		}
	})
}

func TestAnswersThatAreNoKeys(t *testing.T) {
	t.Parallel()
	k := signing()
	token := signed(t, jwt.SigningMethodES256, "e", k.ec, nil)
	good, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public("e", "", k.ec.Public())}})
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"an error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); _, _ = w.Write(good) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://id.example/keys", http.StatusFound)
		},
		"HTML":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"no keys": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
		"too long": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(append(bytes.Repeat([]byte(" "), 300_000), good...))
		},
		"deep": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("["), 200_000)) },
		"odd members": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[1,null,{},{"kty":"X"}]}`))
		},
	} {
		if err := asks(t, &provider{answer: answer}, nil)(token); !errors.Is(err, unavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	beside := bytes.Replace(good, []byte(`{"keys":[`), []byte(`{"keys":[{"kty":"X"},7,`), 1)
	if err := asks(t, &provider{answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(beside) }}, nil)(token); err != nil {
		t.Errorf("a good one beside odd ones: %v", err)
	}
}
