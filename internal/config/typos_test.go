package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/config"
)

func TestTyposAreTold(t *testing.T) {
	t.Parallel()
	got := config.Typos([]string{
		"SOCKET_RATES=5", "REDIS_URI=redis://:hunter2@x", "HTPT_ADDR=:80", "PARTITION=8", "COMAND_TIMEOUTS=1s", "HTTP_ADDRESS=:80", // typos
		"SOCKET_RATE=5", "PATH=/bin", "HOME=/", "NODE_ENV=production", "NODE_IP=10.0.0.1", "LOG_FILE=x", "PORT=8080", "REDIS_HOST=x", "HTTP_ADDR_FILE=x", "no value", "=C:=C:\\", "", // none
	})
	want := []string{
		"COMAND_TIMEOUTS: there is no such setting; did you mean COMMAND_TIMEOUT?",
		"HTPT_ADDR: there is no such setting; did you mean HTTP_ADDR?",
		"HTTP_ADDRESS: there is no such setting; did you mean HTTP_ADDR?",
		"PARTITION: there is no such setting; did you mean PARTITIONS?",
		"REDIS_URI: there is no such setting; did you mean REDIS_URL?",
		"SOCKET_RATES: there is no such setting; did you mean SOCKET_RATE?",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A setting that is missing may be there under another name.
func TestTyposAreToldWithTheProblems(t *testing.T) {
	unset(t)
	t.Setenv("AUTH_MODE", "jwt")
	t.Setenv("JWT_SECERT", strings.Repeat("s", 32))
	want := "the configuration is wrong:\n" +
		"  JWT_SECRET: AUTH_MODE=jwt needs a secret of at least 32 bytes, or JWKS_URL\n" +
		"  JWT_SECERT: there is no such setting; did you mean JWT_SECRET?"
	if _, err := config.Load(); err == nil || err.Error() != want {
		t.Errorf("it says %v", err)
	}
}
