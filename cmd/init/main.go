// Command init makes a clone somebody's own: its module path and its name, everywhere, and
// without the example if they say so. `make init` calls it, once: it deletes itself.
//
// It works on a clean git tree, so that git shows what it has done and can undo it. It
// commits nothing. What the machinery calls its own stays: metrics are switchyard_…, so that
// one dashboard and one set of alerts are for every service made from it, and so are the
// variables SWITCHYARD_… of the tests. Start at run.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	r := repository{}
	flag.StringVar(&r.module, "module", "", "the module's `path`: your.domain/team/service")
	flag.StringVar(&r.name, "name", "", "the service's `name`: small letters, digits and -")
	example := flag.String("example", "", "drop: without the chat and the tasks")
	flag.Parse()
	if err := run(&r, *example); err != nil {
		fmt.Fprintln(os.Stderr, "make init:", err)
		os.Exit(1)
	}
}

// A repository is the clone in the current folder.
type repository struct {
	module, name string // what it will be
	was          string // module path
}

func run(r *repository, example string) error {
	if err := errors.Join(checkModule(r.module), checkName(r.name), checkExample(example), checkTree()); err != nil {
		return fmt.Errorf("%w\nwant: make init MODULE=your.domain/team/service NAME=service [EXAMPLE=drop]", err)
	}
	was, err := output("go", "list", "-m")
	if err != nil {
		return err
	}
	r.was = strings.TrimSpace(was)
	if err := r.change(example == "drop"); err != nil {
		return fmt.Errorf("%w\nas it was before: git reset --hard && git clean -fd", err)
	}
	fmt.Print(r.next(example == "drop"))
	return nil
}

func (r *repository) change(drop bool) error {
	if drop {
		if err := r.drop(); err != nil {
			return fmt.Errorf("drop the example: %w", err)
		}
	}
	for _, step := range []func() error{
		r.forget, r.rename, r.changelog,
		func() error { return tell("go", "mod", "tidy") },
		func() error { return tell("make", "--no-print-directory", "generate") },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// forget deletes this program. What is left of it says that it has run.
func (r *repository) forget() error {
	err := edit("Makefile", hasRun)
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll("cmd/init"), documents(func(text string) string { return without(text, "init") }))
}

// hasRun is the Makefile without the target init. It says the old name, as all that is
// renamed after it: the new one may have the old one in it.
func hasRun(text string) (string, error) {
	before, after, ok := strings.Cut(text, "\ninit: ## ")
	_, after, ok2 := strings.Cut(after, "\n\n")
	if !ok || !ok2 {
		return "", errors.New("Makefile: there is no target init")
	}
	return before + "\ninit:\n\t@echo 'make init has run: this is switchyard already' >&2; exit 1\n\n" + after, nil
}

// changelog starts one that says where the service comes from.
func (r *repository) changelog() error {
	origin, err := r.origin()
	if err != nil {
		return err
	}
	return os.WriteFile("CHANGELOG.md", fmt.Appendf(nil, "# Changelog\n\nThe form is [Keep a Changelog](https://keepachangelog.com/en/1.1.0/).\n\n## Unreleased\n\n- Made from %s.\n", origin), 0o644)
}

// origin is what the repository was made from, with the commit where the original has it:
// after gonew, and on top of a clone, it is one's own.
func (r *repository) origin() (string, error) {
	if r.was != original {
		return original, nil
	}
	branches, err := output("git", "for-each-ref", "--contains", "HEAD", "refs/remotes")
	if err != nil || branches == "" {
		return original, err
	}
	commit, err := output("git", "rev-parse", "--short", "HEAD")
	return original + ", at " + strings.TrimSpace(commit), err
}

func (r *repository) next(dropped bool) string {
	start := "where you live; the example in it goes when you have something better"
	if dropped {
		start = "where you live: make command NAME=hello.…, or make usecase NAME=…; what they\n" +
			"                      keep goes into internal/store/redisstore, and into wire.go, with imports:\n" +
			"                        " + strings.Join(ofStores, ",\n                        ") + ","
	}
	return fmt.Sprintf(`
%[1]s is yours, and nothing is committed yet. What is left to do:

  git diff, then git add -A && git commit
  make test
  README.md           say what %[1]s is for, in place of what it was made from
  LICENSE             whose is it? The notice of the authors stays with what is theirs
  usecases/           %[2]s
                      Doc and Version of the catalog in usecases.go head the contract
  deployments/k8s     registry.example, the host's name and the secrets in overlays/production

  Metrics are still called switchyard_…, after the machinery, so that its dashboards and alerts
  stay right; which service they are of, a label says.
`, r.name, start)
}

// edit changes a file that must be there.
func edit(path string, change func(string) (string, error)) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err := change(string(b))
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), info.Mode().Perm())
}

// documents changes README.md and the like, and those in docs.
func documents(change func(string) string) error {
	all, err := files()
	if err != nil {
		return err
	}
	for _, file := range all {
		if path.Ext(file) != ".md" || path.Dir(file) != "." && !strings.HasPrefix(file, "docs/") {
			continue
		}
		if err := edit(filepath.FromSlash(file), func(text string) (string, error) { return change(text), nil }); err != nil {
			return err
		}
	}
	return nil
}

// without leaves out the parts of a document between <!-- a mark --> and <!-- /a mark -->.
func without(text, marks string) string {
	return regexp.MustCompile(`(?s)<!-- (?:`+marks+`) -->\n.*?<!-- /(?:`+marks+`) -->\n+`).ReplaceAllString(text, "")
}

// output is what a program prints.
func output(program string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w %s", program, strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return string(out), nil
}

// tell runs a program, whose words are for whoever has called this one.
func tell(program string, args ...string) error {
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	return nil
}

// files are those of the repository, also new ones, as slash-separated paths.
func files() ([]string, error) {
	out, err := output("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	var all []string
	for path := range strings.SplitSeq(out, "\x00") {
		if info, err := os.Lstat(filepath.FromSlash(path)); err == nil && info.Mode().IsRegular() {
			all = append(all, path)
		}
	}
	return all, nil
}
