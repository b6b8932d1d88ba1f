package admin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/ratelimit"
)

// Sessions remembers for all nodes who has logged in.
type Sessions interface {
	Add(ctx context.Context, key string, lasts time.Duration) error
	Has(ctx context.Context, key string) (bool, error)
}

const (
	sessionLasts   = 24 * time.Hour
	sessionsWithin = 2 * time.Second
	maxSessionID   = 64
)

// A login decides who is an operator: by name and password, and from then on by a session
// that any node knows.
type login struct {
	cfg      Config
	sessions Sessions
	attempts ratelimit.Gate
	log      *slog.Logger
}

// Guessing is bounded for each address and, since guesses cost CPU, for all together.
// Sessions are not: they cannot be guessed.
func newLogin(cfg Config, s Sessions, log *slog.Logger) *login {
	everybody := func(contract.Caller) string { return "everybody" }
	return &login{cfg: cfg, sessions: s, log: log, attempts: ratelimit.New().Gate([]*contract.Rate{
		{Name: "admin_login_address", Every: 5 * time.Second, Burst: 5},
		{Name: "admin_login", Every: time.Second, Burst: 10, By: everybody},
	})}
}

// admit lets somebody in. After a password there is a new session, "" if it could not be
// kept.
func (l *login) admit(auth json.RawMessage, address string) (session string, ok bool) {
	var given struct{ Username, Password, SessionID string }
	if json.Unmarshal(auth, &given) != nil {
		return "", false
	}
	if l.known(given.SessionID) {
		return "", true
	}
	if given.Password == "" { // a page with a session that is over: no attempt
		return "", false
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	if l.attempts.Pass(contract.Caller{UserID: host}) != nil {
		l.log.Debug("too many attempts to log in as an admin", "address", address)
		return "", false
	}
	if !l.matches(given.Username, given.Password) {
		l.log.Warn("somebody failed to log in as an admin", "address", address)
		return "", false
	}
	l.log.Info("an admin logged in", "admin", l.cfg.User, "address", address)
	session = rand.Text()
	ctx, cancel := context.WithTimeout(context.Background(), sessionsWithin)
	defer cancel()
	if err := l.sessions.Add(ctx, l.key(session), sessionLasts); err != nil {
		l.log.Warn("cannot keep the session of an admin, who must log in again on the next connection", "error", err)
		return "", true
	}
	return session, true
}

// matches takes as long for a wrong name as for a wrong password.
func (l *login) matches(user, password string) bool {
	given, want := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(l.cfg.User))
	named := subtle.ConstantTimeCompare(given[:], want[:]) == 1
	return bcrypt.CompareHashAndPassword([]byte(l.cfg.PasswordHash), []byte(password)) == nil && named
}

func (l *login) known(session string) bool {
	if session == "" || len(session) > maxSessionID {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), sessionsWithin)
	defer cancel()
	known, err := l.sessions.Has(ctx, l.key(session))
	if err != nil {
		l.log.Warn("cannot look up the session of an admin, who must log in again", "error", err)
	}
	return err == nil && known
}

// key is what is kept of a session: nobody can use it who reads it, and it is worth
// nothing when the password has been changed.
func (l *login) key(session string) string {
	sum := sha256.Sum256(encoded([]string{session, l.cfg.User, l.cfg.PasswordHash}))
	return hex.EncodeToString(sum[:])
}
