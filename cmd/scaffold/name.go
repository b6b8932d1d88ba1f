package main

import (
	"fmt"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/example/switchyard/internal/contract"
)

// A name is that of a noun, "board", or of one of its commands or events, "board.archive".
type name struct {
	Noun string // the package
	Verb string // on the wire: archive, archive_all; "" of a noun
}

var (
	nounForm = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	verbForm = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
)

// taken are nouns that Go, usecases.go or a test of the templates gives another meaning.
var taken = []string{
	"init", "internal", "main", "testdata", "usecases", "vendor", "wire",
	"context", "contract", "contracttest", "errors", "slices", "testing",
	"e", "effects", "err", "out", "r", "routes", "t", "want",
}

const longest = 40 // characters of a noun or a verb

func parse(kind, text string) (name, error) {
	if kind == "usecase" {
		return name{Noun: text}, checkNoun(text)
	}
	noun, verb, _ := strings.Cut(text, ".")
	if !verbForm.MatchString(verb) || len(verb) > longest {
		example := map[string]string{"command": "board.archive", "event": "board.archived"}[kind]
		return name{}, fmt.Errorf("NAME=%q: name a noun and, after a dot, what is said of it, in small letters, digits and _, at most %d each: NAME=%s", text, longest, example)
	}
	n := name{noun, verb}
	if wire := n.wire(kind); contract.Reserved(wire) {
		return name{}, fmt.Errorf("NAME=%q: clients would know it as %q, which means something else to them: take another name", text, wire)
	}
	return n, checkNoun(noun)
}

// wire is what clients call it: the command of a namespace, or the event.
func (n name) wire(kind string) string {
	if kind == "command" {
		return n.Verb
	}
	return n.Full()
}

func checkNoun(noun string) error {
	if !nounForm.MatchString(noun) || len(noun) > longest {
		return fmt.Errorf("%q is no noun: a package is named in small letters and digits, at most %d, like board", noun, longest)
	}
	if token.IsKeyword(noun) || types.Universe.Lookup(noun) != nil || slices.Contains(taken, noun) {
		return fmt.Errorf("a package can not be called %s, which means something else in Go or here: take another noun", noun)
	}
	return nil
}

// Full is how the log and the documents call it: the operation, or the event.
func (n name) Full() string { return n.Noun + "." + n.Verb }

// Var is what Go calls it: ArchiveAll.
func (n name) Var() string {
	var b strings.Builder
	for word := range strings.SplitSeq(n.Verb, "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// Method is its handler: archiveAll. A word of Go's own is none: selectBoard.
func (n name) Method() string {
	method := strings.ToLower(n.Verb[:1]) + n.Var()[1:]
	if token.IsKeyword(method) {
		method += strings.ToUpper(n.Noun[:1]) + n.Noun[1:]
	}
	return method
}

// File is where it is, without ".go". The end of a file's name after a _ may be a word to
// Go: list_windows.go is for Windows alone.
func (n name) File() string { return strings.ReplaceAll(n.Verb, "_", "") }
