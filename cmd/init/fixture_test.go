package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/testenv"
)

const yours = "your.domain/team/hyphen-ated-service"

// in runs a program in a folder, with settings that are not those of whoever runs the test.
func in(dir string, env []string, program string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@t", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@t", "GIT_CEILING_DIRECTORIES="+os.TempDir()), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func must(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	out, err := in(dir, nil, program, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return out
}

func commit(t *testing.T, dir string) {
	t.Helper()
	must(t, dir, "git", "init", "--quiet")
	must(t, dir, "git", "add", "--all")
	must(t, dir, "git", "commit", "--quiet", "--message", "Begin")
}

func git(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		testenv.LeaveOut(t, "make init", "no git on the PATH")
	}
}
