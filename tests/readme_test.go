package tests

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// The README's walkthrough, followed word by word in a copy of the repository: three
// files, and a real client's command is answered.
func TestReadmeWalkthrough(t *testing.T) {
	t.Parallel()
	const what = "the README's walkthrough"
	for _, program := range []string{"git", "make", "bash"} {
		if _, err := exec.LookPath(program); err != nil {
			testenv.LeaveOut(t, what, "no "+program+" on the PATH")
		}
	}
	testenv.NodeModules(t, what, "js")
	modules, err := filepath.Abs("js/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "../scripts/first-command.sh", modules)
	cmd.Env = siotest.Environ()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), " s of machine time\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
