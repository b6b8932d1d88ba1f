// Package auth finds out who is calling, from a Socket.IO handshake or an HTTP
// request. What a caller may do is not decided here: guards and use cases do.
//
// Mode "none" believes what callers say of themselves. It is for development, and
// for services behind a gateway that has authenticated already. Mode "jwt" wants a
// token signed with the service's secret. Start at Authenticator.
package auth

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// The modes.
const (
	None = "none"
	JWT  = "jwt"
)

// An Authenticator finds out who is calling. Its errors are faults. Safe for
// concurrent use.
type Authenticator struct {
	secret []byte // nil: mode none
	parser *jwt.Parser
}

// New makes an authenticator; the secret is for mode jwt.
func New(mode, secret string) *Authenticator {
	if mode == None {
		return &Authenticator{}
	}
	return &Authenticator{secret: []byte(secret), parser: jwt.NewParser(jwt.WithValidMethods([]string{"HS256", "HS384", "HS512"}))}
}

// credentials is what a caller says of itself: the auth object of a handshake.
type credentials struct {
	Token string   `json:"token"`
	User  string   `json:"user"`
	Roles []string `json:"roles"`
}

const (
	maxName  = 128 // bytes of a user's or a role's name
	maxRoles = 64
)

// Handshake authenticates a Socket.IO connection: auth is its auth object, {} for
// none. In mode jwt the token is auth.token, or the header's bearer token. In mode
// none the user is auth.user, or a guest's name, and the roles are auth.roles.
func (a *Authenticator) Handshake(auth json.RawMessage, header http.Header) (contract.Caller, error) {
	var c credentials
	if err := json.Unmarshal(auth, &c); err != nil {
		return contract.Caller{}, fault.New(fault.Unauthenticated, `auth must be an object: {"token": "..."}, or {"user": "...", "roles": ["..."]} without authentication`)
	}
	if c.Token == "" {
		c.Token = bearer(header)
	}
	return a.caller(c)
}

// Request authenticates an HTTP request. In mode jwt the token is the bearer token.
// In mode none the user is the header X-User, or a guest's name, and the roles are
// the header X-Roles, separated by commas.
func (a *Authenticator) Request(r *http.Request) (contract.Caller, error) {
	c := credentials{Token: bearer(r.Header), User: r.Header.Get("X-User")}
	for role := range strings.SplitSeq(r.Header.Get("X-Roles"), ",") {
		if role = strings.TrimSpace(role); role != "" {
			c.Roles = append(c.Roles, role)
		}
	}
	return a.caller(c)
}

func bearer(h http.Header) string {
	scheme, token, ok := strings.Cut(h.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func (a *Authenticator) caller(c credentials) (contract.Caller, error) {
	if a.secret != nil {
		var err error
		if c, err = a.verify(c.Token); err != nil {
			return contract.Caller{}, err
		}
	}
	if c.User == "" {
		guest, err := guestName()
		if err != nil {
			return contract.Caller{}, err
		}
		c.User = guest
	}
	if len(c.User) > maxName || len(c.Roles) > maxRoles {
		return contract.Caller{}, fault.New(fault.Unauthenticated, "the user's name has at most %d bytes, and there are at most %d roles", maxName, maxRoles)
	}
	for _, role := range c.Roles {
		if role == "" || len(role) > maxName {
			return contract.Caller{}, fault.New(fault.Unauthenticated, "a role's name has 1 to %d bytes", maxName)
		}
	}
	return contract.Caller{UserID: c.User, Roles: c.Roles}, nil
}

type claims struct {
	Roles []string `json:"roles"`
	jwt.RegisteredClaims
}

func (a *Authenticator) verify(token string) (credentials, error) {
	if token == "" {
		return credentials{}, fault.New(fault.Unauthenticated, "a token is needed: auth.token in the handshake, or the header Authorization: Bearer")
	}
	var c claims
	if _, err := a.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return a.secret, nil }); err != nil {
		return credentials{}, fault.New(fault.Unauthenticated, "the token is not valid, or no longer")
	}
	if c.Subject == "" {
		return credentials{}, fault.New(fault.Unauthenticated, "the token names no subject")
	}
	return credentials{User: c.Subject, Roles: c.Roles}, nil
}

func guestName() (string, error) {
	b := make([]byte, 4)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("name a guest: %w", err)
	}
	return "guest-" + hex.EncodeToString(b), nil
}
