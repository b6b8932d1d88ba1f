package tests

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// What whoever starts a node reads when it cannot start: what is wrong, where, and what to
// do, all of it at once, as the last lines; it ends with 1. What Redis may be is in
// internal/redisconn, two nodes of one name in internal/node, and mistakes of declarations
// in internal/schema.
func TestWhatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	taken := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() }) // after the subtests
		return l.Addr().String()
	}
	public, admin := taken(), taken()
	redis := testenv.Redis(t)
	siotest.Launch(t, redis, "first", "PARTITIONS=4")
	server := siotest.Program(t, "cmd/server")
	for name, tc := range map[string]struct {
		env   []string
		warns string
		want  string
	}{
		"settings": {
			env: []string{"AUTH_MODE=jwt", "JWT_SECRETS=" + strings.Repeat("s", 32), "PARTITIONS=many", "LOG_LEVEL=loud"},
			want: "the configuration is wrong:\n" +
				"  PARTITIONS: \"many\" is no whole number\n" +
				"  JWT_SECRET: AUTH_MODE=jwt needs a secret of at least 32 bytes, or JWKS_URL\n" +
				"  LOG_LEVEL: \"loud\" is not one of debug, info, warn, error\n" +
				"  JWT_SECRETS: there is no such setting; did you mean JWT_SECRET?\n",
		},
		"both ports are taken": {
			env:   []string{"HTTP_ADDR=" + public, "ADMIN_ADDR=" + admin, "SOCKET_RATES=5"},
			warns: `msg="SOCKET_RATES: there is no such setting; did you mean SOCKET_RATE?"`,
			want: fmt.Sprintf("HTTP_ADDR: %[1]s is taken, perhaps by another node: stop what listens there, or set HTTP_ADDR to another address\n"+
				"ADMIN_ADDR: %[2]s is taken, perhaps by another node: stop what listens there, or set ADMIN_ADDR to another address\n", public, admin),
		},
		"other partitions than in Redis": {
			env:  []string{"REDIS_URL=" + redis, "PARTITIONS=8"},
			want: "PARTITIONS is 8 here and 4 in Redis: set it to 4, or stop all nodes and change it there: yard repartition 8\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // should it start after all
			defer cancel()
			cmd := exec.CommandContext(ctx, server)
			cmd.Env = append(append(siotest.Environ(), "HTTP_ADDR=127.0.0.1:0", "ADMIN_ADDR=off", "LOG_FORMAT=text"), tc.env...)
			out, _ := cmd.CombinedOutput()
			var logged, said strings.Builder
			for line := range strings.Lines(string(out)) {
				if strings.HasPrefix(line, "time=") {
					logged.WriteString(line)
				} else {
					said.WriteString(line)
				}
			}
			if code := cmd.ProcessState.ExitCode(); code != 1 || said.String() != tc.want || !strings.HasSuffix(string(out), tc.want) {
				t.Errorf("it ends with %d and says:\n%s", code, out)
			}
			if !strings.Contains(logged.String(), tc.warns) {
				t.Errorf("it does not warn: %s", tc.warns)
			}
		})
	}
}

// Who ends a node that still waits for Redis has made no mistake.
func TestAskedToEndWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, siotest.Program(t, "cmd/server"))
	cmd.Env = append(siotest.Environ(), "HTTP_ADDR=127.0.0.1:0", "ADMIN_ADDR=off", fmt.Sprint("REDIS_URL=redis://127.0.0.1:", testenv.FreePort(t)))
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var last string
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if last = lines.Text(); strings.Contains(last, "waiting for Redis") {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil || !strings.HasPrefix(last, "asked to end before it was ready: REDIS_URL: no Redis answers") {
		t.Errorf("it ends with %v and says %q", err, last)
	}
}
