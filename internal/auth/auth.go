// Package auth finds out who is calling, from a Socket.IO handshake or an HTTP
// request. What a caller may do is not decided here: guards and use cases do.
//
// Mode "none" believes what callers say of themselves. It is for development, and
// for services behind a gateway that has authenticated already. Mode "jwt" wants a
// token: signed with the service's secret, or with one of the keys that an identity
// provider publishes (keys.go); never either. Start at Authenticator.
package auth

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// The modes.
const (
	None = "none"
	JWT  = "jwt"
)

// Config says how callers prove who they are.
type Config struct {
	Mode     string // None or JWT
	Secret   string // JWT: tokens are signed with it, by HMAC; or
	KeysURL  string // by somebody whose public keys are there, a JSON Web Key Set
	Issuer   string // JWT: the tokens' iss; "": any
	Audience string // JWT: in the tokens' aud; "": any
	Log      *slog.Logger

	Through http.RoundTripper // has the keys fetched; nil: http.DefaultTransport
}

// An Authenticator finds out who is calling. Its errors are faults. It looks once, and
// tells until when that holds. Safe for concurrent use.
type Authenticator struct {
	parser *jwt.Parser // nil: mode none
	key    jwt.Keyfunc
	keys   *keys // nil: none are fetched
}

// The algorithms, apart: one who knows a public key must not be able to sign with it as
// if it were the secret.
var (
	withSecret = []string{"HS256", "HS384", "HS512"}
	withKeys   = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)

// leeway is how far ahead the clock of who signs may be. A token ends when it says: its
// connections do, too.
const leeway = 10 * time.Second

// New makes an authenticator. It does not wait for keys.
func New(c Config) *Authenticator {
	if c.Mode == None {
		return &Authenticator{}
	}
	a := &Authenticator{key: func(*jwt.Token) (any, error) { return []byte(c.Secret), nil }}
	methods := withSecret
	if c.KeysURL != "" {
		a.keys = newKeys(c.KeysURL, c.Through, c.Log)
		a.key, methods = a.keys.find, withKeys
		a.keys.fetch(false)
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(methods), jwt.WithLeeway(leeway),
		jwt.WithExpirationRequired(), // a token that leaks must not be valid for ever
	}
	if c.Issuer != "" {
		options = append(options, jwt.WithIssuer(c.Issuer))
	}
	if c.Audience != "" {
		options = append(options, jwt.WithAudience(c.Audience))
	}
	a.parser = jwt.NewParser(options...)
	return a
}

// Ready tells whether there are keys to check tokens with, if they have to be fetched. It
// does not wait for them, but has them fetched.
func (a *Authenticator) Ready(context.Context) error {
	if a.keys == nil {
		return nil
	}
	if set, _ := a.keys.current(); set == nil {
		a.keys.fetch(false)
		return errNoKeys
	}
	return nil
}

// credentials is what a caller says of itself.
type credentials struct {
	Token  string
	User   string
	Tenant string
	Roles  []string

	expires time.Time // of the token
}

// read takes the credentials from the auth object of a handshake. A map has exact
// keys; a struct would take "USER" for "user" as well.
func (c *credentials) read(auth []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(auth, &m); err != nil {
		return err
	}
	for key, to := range map[string]any{"token": &c.Token, "user": &c.User, "tenant": &c.Tenant, "roles": &c.Roles} {
		if text, ok := m[key]; ok {
			if err := json.Unmarshal(text, to); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	maxName  = 255 // bytes of the name of a user, a tenant or a role: as long as the sub of OpenID Connect may be
	maxRoles = 64
	maxToken = 16 << 10 // bytes
)

// errInvalid does not say what is wrong: who guesses is not helped.
var errInvalid = fault.New(fault.Unauthenticated, "the token is not valid, or no longer")

// Handshake authenticates a Socket.IO connection: auth is its auth object, {} for
// none. In mode jwt the token is auth.token, or the header's bearer token. In mode
// none the user is auth.user, or a guest's name, the roles are auth.roles, and the
// tenant is auth.tenant. The time is when the token expires, after which the caller is
// nobody; zero in mode none.
func (a *Authenticator) Handshake(auth json.RawMessage, header http.Header) (contract.Caller, time.Time, error) {
	var c credentials
	if err := c.read(auth); err != nil || !utf8.Valid(auth) { // decoding would mend what is not UTF-8
		return contract.Caller{}, time.Time{}, fault.New(fault.Unauthenticated, `auth must be an object: {"token": "..."}, or {"user": "...", "roles": ["..."]} without authentication`)
	}
	if c.Token == "" {
		c.Token = bearer(header)
	}
	return a.caller(c)
}

// Request authenticates an HTTP request. In mode jwt the token is the bearer token.
// In mode none the user is the header X-User, or a guest's name, and the roles are
// the header X-Roles, separated by commas; the tenant is the header X-Tenant.
func (a *Authenticator) Request(r *http.Request) (contract.Caller, error) {
	c := credentials{Token: bearer(r.Header), User: r.Header.Get("X-User"), Tenant: r.Header.Get("X-Tenant")}
	for role := range strings.SplitSeq(r.Header.Get("X-Roles"), ",") {
		if role = strings.TrimSpace(role); role != "" {
			c.Roles = append(c.Roles, role)
		}
	}
	caller, _, err := a.caller(c)
	return caller, err
}

func bearer(h http.Header) string {
	scheme, token, ok := strings.Cut(h.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func (a *Authenticator) caller(c credentials) (caller contract.Caller, expires time.Time, err error) {
	if a.parser != nil {
		if c, err = a.verify(c.Token); err != nil {
			return caller, expires, err
		}
	}
	if c.User == "" {
		guest, err := guestName()
		if err != nil {
			return caller, expires, err
		}
		c.User = guest
	}
	if badName(c.User) || c.Tenant != "" && badName(c.Tenant) || len(c.Roles) > maxRoles || slices.ContainsFunc(c.Roles, badName) {
		return caller, expires, fault.New(fault.Unauthenticated, "a user's, a tenant's or a role's name has 1 to %d bytes of UTF-8 without control characters, and there are at most %d roles", maxName, maxRoles)
	}
	return contract.Caller{UserID: c.User, Tenant: c.Tenant, Roles: c.Roles}, c.expires, nil
}

// badName tells of names that could not be logged, or shown to others, as they are.
func badName(s string) bool {
	return s == "" || len(s) > maxName || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl)
}

func (a *Authenticator) verify(token string) (credentials, error) {
	if token == "" {
		return credentials{}, fault.New(fault.Unauthenticated, "a token is needed: auth.token in the handshake, or the header Authorization: Bearer")
	}
	if len(token) > maxToken {
		return credentials{}, fault.New(fault.Unauthenticated, "a token has at most %d bytes", maxToken)
	}
	c := jwt.MapClaims{} // exact keys, as in read
	switch _, err := a.parser.ParseWithClaims(token, c, a.key); {
	case errors.Is(err, errNoKeys):
		return credentials{}, fault.New(fault.Unavailable, "tokens cannot be checked at the moment: their keys could not be fetched").After(fetchPause)
	case err != nil:
		return credentials{}, errInvalid
	}
	subject, err := c.GetSubject()
	if err != nil || subject == "" {
		return credentials{}, fault.New(fault.Unauthenticated, "the token names no subject")
	}
	roles, ok := texts(c["roles"])
	if !ok {
		return credentials{}, fault.New(fault.Unauthenticated, "the token's roles must be a list of texts")
	}
	tenant, ok := c["tenant"].(string)
	if !ok && c["tenant"] != nil {
		return credentials{}, fault.New(fault.Unauthenticated, "the token's tenant must be a text")
	}
	expires, err := c.GetExpirationTime()
	if err != nil || expires == nil || !time.Now().Before(expires.Time) { // the parser wants one, and allows for leeway
		return credentials{}, errInvalid
	}
	return credentials{User: subject, Tenant: tenant, Roles: roles, expires: expires.Time}, nil
}

// texts makes a decoded list of strings one of Go; null is an empty one.
func texts(v any) ([]string, bool) {
	list, ok := v.([]any)
	if v != nil && !ok {
		return nil, false
	}
	var out []string
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

func guestName() (string, error) {
	b := make([]byte, 4)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("name a guest: %w", err)
	}
	return "guest-" + hex.EncodeToString(b), nil
}
