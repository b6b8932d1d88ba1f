package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/module"
)

// original and title are what a repository that was not initialised calls itself. gonew has
// replaced the module's path and nothing else.
const (
	original = "github.com/example/switchyard"
	title    = "# Switchyard\n"
)

// meant are the names to which the manifests give another meaning.
var meant = []string{"default", "gateway", "redis", "worker"}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

const longestName = 40 // characters: Kubernetes takes 63, and we append to it

func checkModule(path string) error {
	if err := module.CheckPath(path); err != nil {
		return fmt.Errorf("MODULE is the path from which your module is fetched: %w", err)
	}
	if path == original {
		return fmt.Errorf("MODULE=%s is the path that it has: take your own", path)
	}
	return nil
}

func checkName(name string) error {
	switch {
	case !nameForm.MatchString(name) || len(name) > longestName:
		return fmt.Errorf("NAME=%q is no name: want small letters, digits and single - between them, at most %d, as in my-service", name, longestName)
	case slices.Contains(meant, name) || strings.HasPrefix(name, "kube-"):
		return fmt.Errorf("NAME=%s means something else in the manifests of Kubernetes: take another name", name)
	}
	return nil
}

func checkExample(what string) error {
	if what != "" && what != "drop" {
		return fmt.Errorf("EXAMPLE=%q: want drop, or leave it out to keep the example", what)
	}
	if own := nouns("."); what == "drop" && len(own) > 0 {
		return fmt.Errorf("EXAMPLE=drop makes usecases.go anew, without the lines of %s: leave it out, or drop the example before you begin", strings.Join(own, ", "))
	}
	return nil
}

// nouns are the folders of use cases in a repository that are not the example's.
func nouns(root string) (own []string) {
	files, _ := filepath.Glob(filepath.Join(root, "usecases", "*", "*.go"))
	for _, file := range files {
		folder := "usecases/" + filepath.Base(filepath.Dir(file))
		if !slices.Contains(example, folder) && !slices.Contains(own, folder) {
			own = append(own, folder)
		}
	}
	return own
}

// checkTree refuses what could not be undone, or was done before.
func checkTree() error {
	root, err := output("git", "rev-parse", "--show-toplevel")
	const how = "git init && git add -A && git commit -m Begin"
	if err != nil {
		return fmt.Errorf("this folder is no git repository, so nothing could be undone: %s", how)
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	if here, err = filepath.EvalSymlinks(here); err != nil {
		return err
	}
	if strings.TrimSpace(root) != filepath.ToSlash(here) {
		return fmt.Errorf("this folder is in the git repository %s: it must be one of its own: %s", strings.TrimSpace(root), how)
	}
	if _, err := output("git", "rev-parse", "HEAD"); err != nil {
		return errors.New("nothing is committed yet, so nothing could be undone: git add -A && git commit -m Begin")
	}
	status, err := output("git", "status", "--porcelain")
	if err != nil {
		return err
	}
	if status != "" {
		return fmt.Errorf("some files differ from what is committed, so nothing could be undone: commit them, or git stash --include-untracked\n%s", strings.TrimRight(status, "\n"))
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(readme), title) {
		first, _, _ := strings.Cut(string(readme), "\n")
		return fmt.Errorf("README.md begins with %q: make init has run already, or somebody has renamed it", first)
	}
	return nil
}
