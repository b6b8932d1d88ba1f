package auth_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

const secret = "a secret of at least thirty-two bytes"

func token(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	s, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func handshakeAuth(t *testing.T, token string) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(map[string]string{"token": token, "user": "mallory"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestJWT(t *testing.T) {
	t.Parallel()
	a := auth.New(auth.Config{Mode: auth.JWT, Secret: secret})
	soon, past := time.Now().Add(time.Minute).Unix(), time.Now().Add(-time.Minute).Unix()
	good := token(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": "alice", "roles": []string{"staff"}, "exp": soon})
	want := contract.Caller{UserID: "alice", Roles: []string{"staff"}}

	got, until, err := a.Handshake(handshakeAuth(t, good), nil)
	if until.Before(time.Now()) || until.After(time.Now().Add(24*time.Hour)) {
		t.Errorf("until %s", until)
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("auth.token: %v %s", err, diff)
	}
	got, _, err = a.Handshake(json.RawMessage(`{}`), http.Header{"Authorization": {"bearer " + good}})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("header: %v %s", err, diff)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+good)
	r.Header.Set("X-User", "mallory")
	got, err = a.Request(r)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("request: %v %s", err, diff)
	}
	for name, bad := range map[string]string{
		"none":       "",
		"garbage":    "x.y.z",
		"expired":    token(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": "alice", "exp": past}),
		"wrong key":  token(t, jwt.SigningMethodHS256, []byte("another"), jwt.MapClaims{"sub": "alice", "exp": soon}),
		"alg none":   token(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, jwt.MapClaims{"sub": "alice", "exp": soon}),
		"no subject": token(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"exp": soon}),
		"not yet":    token(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": "alice", "exp": soon, "nbf": soon}),
		"for ever":   token(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": "alice"}),
		"null exp":   token(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": "alice", "exp": nil}),
		"EXP":        token(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": "alice", "EXP": soon}),
		"SUB":        token(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"SUB": "alice", "exp": soon}),
		"bad roles":  token(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": "alice", "exp": soon, "roles": []any{1}}),
		"one role":   token(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": "alice", "exp": soon, "roles": "staff"}),
		"control":    token(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": "al\x00ice", "exp": soon}),
	} {
		if c, _, err := a.Handshake(handshakeAuth(t, bad), nil); !errors.Is(err, fault.New(fault.Unauthenticated, "")) {
			t.Errorf("%s: %+v %v", name, c, err)
		}
	}
}

func TestKeysAreExact(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(time.Minute).Unix()
	signed := token(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": "alice", "exp": soon, "ROLES": []string{"staff"}})
	for name, tc := range map[string]struct {
		mode, auth string
	}{
		"claims":    {auth.JWT, string(handshakeAuth(t, signed))},
		"handshake": {auth.None, `{"user":"alice","USER":"bob","Roles":["staff"]}`},
	} {
		got, _, err := auth.New(auth.Config{Mode: tc.mode, Secret: secret}).Handshake(json.RawMessage(tc.auth), nil)
		if diff := cmp.Diff(contract.Caller{UserID: "alice"}, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestNamesCanBeShown(t *testing.T) {
	t.Parallel()
	a := auth.New(auth.Config{Mode: auth.None})
	for _, bad := range []string{"\xff\xfe", "a\tb", "a\u0085b", "a\x7fb"} {
		for _, header := range []string{"X-User", "X-Roles"} {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set(header, bad)
			if c, err := a.Request(r); !errors.Is(err, fault.New(fault.Unauthenticated, "")) {
				t.Errorf("%s: %+v %v", header, c, err)
			}
		}
	}
	for _, good := range []string{"Zoë", "a b", "田中"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-User", good)
		if c, err := a.Request(r); err != nil || c.UserID != good {
			t.Errorf("%+v %v", c, err)
		}
	}
}

func TestNone(t *testing.T) {
	t.Parallel()
	a := auth.New(auth.Config{Mode: auth.None})
	got, _, err := a.Handshake(json.RawMessage(`{"user":"alice","roles":["staff"]}`), nil)
	if diff := cmp.Diff(contract.Caller{UserID: "alice", Roles: []string{"staff"}}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if long, _, err := a.Handshake(json.RawMessage(`{"user":"`+strings.Repeat("x", 255)+`"}`), nil); err != nil || len(long.UserID) != 255 {
		t.Errorf("of an id as long as OpenID Connect has: %v", err)
	}
	one, _, err := a.Handshake(json.RawMessage(`{}`), nil)
	if err != nil || !strings.HasPrefix(one.UserID, "guest-") {
		t.Errorf("%+v %v", one, err)
	}
	if two, _, _ := a.Handshake(json.RawMessage(`{}`), nil); two.UserID == one.UserID {
		t.Error("two guests of one name")
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-User", "bob")
	r.Header.Set("X-Roles", "staff, admin")
	got, err = a.Request(r)
	if diff := cmp.Diff(contract.Caller{UserID: "bob", Roles: []string{"staff", "admin"}}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for _, bad := range []string{`[]`, `{"user":1}`, `{"roles":"staff"}`, `{"roles":[""]}`, `{"user":"a\u0000b"}`, `{"roles":["a\nb"]}`, "{\"user\":\"\xff\"}", `{"user":"` + strings.Repeat("x", 256) + `"}`} {
		if _, _, err := a.Handshake(json.RawMessage(bad), nil); !errors.Is(err, fault.New(fault.Unauthenticated, "")) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
