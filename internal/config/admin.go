package config

import "golang.org/x/crypto/bcrypt"

// AdminUI is the official Admin UI of Socket.IO, on ADMIN_ADDR; docs/admin-ui.md. It is
// off without a User.
type AdminUI struct {
	User         string   `env:"ADMIN_UI_USER" doc:"who may log in to the Admin UI of Socket.IO on ADMIN_ADDR, the same on every node; empty: it is off. See docs/admin-ui.md"`
	PasswordHash string   `env:"ADMIN_UI_PASSWORD_HASH" secret:"true" doc:"bcrypt hash of the password, as yard hash makes it; in single quotes in .env"`
	Mode         string   `env:"ADMIN_UI_MODE" envDefault:"production" doc:"production (nodes and counts) or development (sockets, rooms and events too: a burden with thousands of sockets)"`
	ReadOnly     Switch   `env:"ADMIN_UI_READONLY" envDefault:"off" doc:"on: it cannot emit, join, leave or disconnect"`
	Origins      []string `env:"ADMIN_UI_ORIGINS" doc:"origins of pages of the UI that are not served from ADMIN_ADDR, separated by commas, like https://admin.socket.io"`
	Dir          string   `env:"ADMIN_UI_DIR" doc:"directory of the UI's files, ui/dist of the npm package @socket.io/admin-ui, served at /admin/ui/; empty: they are not served"`
}

// On tells whether the Admin UI is served.
func (a AdminUI) On() bool { return a.User != "" }

// A hash that is too cheap can be guessed, and one that is too dear is a burden on each
// attempt to log in.
const (
	leastHashCost = 10
	mostHashCost  = 14
)

func (a AdminUI) validate(k *checker, adminAddr string) {
	if !a.On() {
		if a.PasswordHash != "" {
			k.wrong("ADMIN_UI_USER", "ADMIN_UI_PASSWORD_HASH is set, but nobody is named who has the password")
		}
		return
	}
	if len(a.User) > 100 {
		k.wrong("ADMIN_UI_USER", "it has more than 100 bytes")
	}
	cost, err := bcrypt.Cost([]byte(a.PasswordHash))
	switch {
	case err != nil:
		k.wrong("ADMIN_UI_PASSWORD_HASH", "it is no bcrypt hash: make one with yard hash, and write it in single quotes where $ means something")
	case cost < leastHashCost || cost > mostHashCost:
		k.wrong("ADMIN_UI_PASSWORD_HASH", "its cost, %d, is not between %d and %d", cost, leastHashCost, mostHashCost)
	}
	if adminAddr == Off {
		k.wrong("ADMIN_UI_USER", "the Admin UI is on ADMIN_ADDR, which is off")
	}
	k.oneOf("ADMIN_UI_MODE", a.Mode, "production", "development")
	for _, o := range a.Origins {
		if !isOrigin(o) || o == "*" { // browsers take no * with credentials
			k.wrong("ADMIN_UI_ORIGINS", "%q is no origin, like https://admin.socket.io", o)
		}
	}
	k.directory("ADMIN_UI_DIR", a.Dir)
}
