package tests

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

var fence = regexp.MustCompile("(?ms)^```(\\S+)(?: (\\S+))?\n(.*?)^```$")

// The README's walkthrough, followed word by word in a copy of the repository: three
// files, and the command answers a client.
func TestReadmeWalkthrough(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		testenv.LeaveOut(t, "the README's walkthrough", "no git on the PATH")
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(readme), "<!-- walkthrough -->")
	text, _, ok2 := strings.Cut(text, "<!-- /walkthrough -->")
	if !ok || !ok2 {
		t.Fatal("the README has no walkthrough")
	}
	copied := copyRepository(t)
	var touched []string
	for _, block := range fence.FindAllStringSubmatch(text, -1) {
		kind, path, body := block[1], block[2], block[3]
		switch kind {
		case "go":
			if err := os.WriteFile(filepath.Join(copied, path), []byte(body), 0o644); err != nil {
				t.Fatal(err)
			}
			touched = append(touched, path)
		case "diff":
			apply := exec.Command("git", "apply", "--recount", "--verbose")
			apply.Dir, apply.Stdin = copied, strings.NewReader(body)
			if out, err := apply.CombinedOutput(); err != nil {
				t.Fatalf("the diff does not apply: %v\n%s", err, out)
			}
			for _, line := range strings.Split(body, "\n") {
				if path, ok := strings.CutPrefix(line, "+++ b/"); ok {
					touched = append(touched, path)
				}
			}
		}
	}
	slices.Sort(touched)
	if len(slices.Compact(touched)) != 3 {
		t.Errorf("it touches %v", touched)
	}
	run(t, copied, "gofmt", "-l", "usecases")
	run(t, copied, "go", "vet", "./usecases/...")
	run(t, copied, "go", "test", "./usecases/...")
	server := filepath.Join(t.TempDir(), "server")
	run(t, copied, "go", "build", "-o", server, "./cmd/server")
	call(t, server)
}

// call starts a server and sends it the walkthrough's command.
func call(t *testing.T, server string) {
	t.Helper()
	port := testenv.FreePort(t)
	cmd := exec.Command(server)
	cmd.Env = append(siotest.Environ(), fmt.Sprintf("HTTP_ADDR=127.0.0.1:%d", port), "ADMIN_ADDR=off", "LOG_LEVEL=error")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	url := fmt.Sprint("http://127.0.0.1:", port)
	testenv.WaitFor(t, 20*time.Second, "the server", func() bool { return status(url+"/readyz") == 200 })
	alice, bob := rawsio.Dial(t, url), rawsio.Dial(t, url)
	alice.Connect("/chat", `{"user":"alice"}`)
	bob.Connect("/chat", `{"user":"bob"}`)
	bob.Call("/chat", "join", `{"room":"lobby"}`)
	if got := alice.Call("/chat", "wave", `{"room":"lobby","with":"flag"}`); got != `{"waved":true}` {
		t.Errorf("acknowledged %s", got)
	}
	if got := bob.Expect("/chat", "user.waved"); got != `{"room":"lobby","user":"alice","with":"flag"}` {
		t.Errorf("heard %s", got)
	}
}

// copyRepository copies everything but what git, a build or npm has made.
func copyRepository(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, path[len(".."):])
		if !d.IsDir() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(target, b, 0o644)
		}
		if slices.Contains([]string{".git", "bin", "node_modules"}, d.Name()) {
			return filepath.SkipDir
		}
		return os.MkdirAll(target, 0o755)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || name == "gofmt" && len(out) > 0 {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
