package tests

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	namedTest    = regexp.MustCompile("`(?:([a-z/0-9]+)\\.)?(Test[A-Za-z0-9]+)`")
	declaredTest = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(t \*testing\.T\)`)
	parityRow    = regexp.MustCompile(`^\| ([FZSEP])(\d+) \| (.+) \| (.*)\|$`)
)

// declaredTests are the tests of the module, as "TestX" and as "folder.TestX".
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	declared := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "node_modules":
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		for _, m := range declaredTest.FindAllSubmatch(source, -1) {
			name := string(m[1])
			declared[name] = true
			declared[strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../")+"."+name] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return declared
}

// proofs are the tests that a document names. Those that do not exist fail t.
func proofs(t *testing.T, document string) (text string, named []string) {
	t.Helper()
	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	declared := declaredTests(t)
	for _, m := range namedTest.FindAllSubmatch(b, -1) {
		name := string(m[2])
		if len(m[1]) > 0 {
			name = string(m[1]) + "." + name
		}
		if named = append(named, name); !declared[name] {
			t.Errorf("%s names %s: there is no such test", document, name)
		}
	}
	return string(b), named
}

// What docs/guarantees.md names as a proof exists.
func TestGuaranteesNameTestsThatExist(t *testing.T) {
	t.Parallel()
	if _, named := proofs(t, "../docs/guarantees.md"); len(named) < 30 {
		t.Errorf("it names %d tests: has its form changed?", len(named))
	}
}

// So does what any other page names.
func TestEveryPageNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	for path := range pages(t) {
		proofs(t, "../"+path)
	}
}

// docs/parity.md has each row once, and each one has a proof that exists, by its
// package, or says that there is none, and why.
func TestParityNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	text, _ := proofs(t, "../docs/parity.md")
	wanted := map[string]bool{}
	for letter, n := range map[string]int{"F": 32, "Z": 23, "S": 22, "E": 21, "P": 43} {
		for i := range n {
			wanted[fmt.Sprint(letter, i+1)] = true
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		m := parityRow.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		row := m[1] + m[2]
		if !wanted[row] {
			t.Errorf("row %s is unknown, or there twice", row)
		}
		delete(wanted, row)
		for _, proof := range namedTest.FindAllStringSubmatch(m[4], -1) {
			if proof[1] == "" {
				t.Errorf("row %s names %s without its package", row, proof[2])
			}
		}
		answer := strings.ToLower(m[3])
		if !namedTest.MatchString(m[4]) && !strings.Contains(answer, "deliberately not") {
			t.Errorf("row %s has no proof and does not say why", row)
		}
	}
	if len(wanted) > 0 {
		t.Errorf("no word on %s", strings.Join(slices.Sorted(maps.Keys(wanted)), ", "))
	}
}
