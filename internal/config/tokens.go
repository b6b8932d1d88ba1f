package config

import (
	"net/url"

	"github.com/example/switchyard/internal/auth"
)

// validateTokens reports what is wrong with how callers are authenticated. There is one
// kind of key: who could choose the kind could sign with a public key as the secret.
func (c Config) validateTokens(k *checker) {
	k.oneOf("AUTH_MODE", c.AuthMode, auth.None, auth.JWT)
	settings := []struct{ name, value string }{{"JWT_SECRET", c.JWTSecret}, {"JWKS_URL", c.JWKSURL}, {"JWT_ISSUER", c.JWTIssuer}, {"JWT_AUDIENCE", c.JWTAudience}}
	for _, s := range settings {
		if c.AuthMode == auth.None && s.value != "" {
			k.wrong(s.name, "it is set, but AUTH_MODE is none: set AUTH_MODE=jwt, or remove it")
		}
	}
	if c.JWKSURL != "" {
		if u, err := url.Parse(c.JWKSURL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			k.wrong("JWKS_URL", "it must look like https://id.example/keys") // it may hold a password: not shown
		}
	}
	switch {
	case c.AuthMode != auth.JWT:
	case c.JWTSecret != "" && c.JWKSURL != "":
		k.wrong("JWKS_URL", "JWT_SECRET is set, too: tokens are signed with the one or with the others, so remove one of both")
	case c.JWKSURL == "" && len(c.JWTSecret) < 32:
		k.wrong("JWT_SECRET", "AUTH_MODE=jwt needs a secret of at least 32 bytes, or JWKS_URL")
	}
}
