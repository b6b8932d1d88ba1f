// Command scaffold writes the files that a new command, event or noun begins with: a
// declaration that compiles, its lines in the files that are there, and a test that fails
// until somebody has written what it is for. `make command`, `make event` and
// `make usecase` call it, and generate what follows from it.
//
// It writes all or nothing, and changes no line that is there. Start at write.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: scaffold command NOUN.VERB | event NOUN.VERBED | usecase NOUN")
		os.Exit(2)
	}
	say, err := write(".", os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(say)
}

// write scaffolds something in a tree, and returns what is to be told about it.
func write(root, kind, text string) (string, error) {
	t, err := open(root)
	if err != nil {
		return "", err
	}
	n, err := parse(kind, text)
	if err != nil {
		return "", err
	}
	switch kind {
	case "command":
		err = t.command(n)
	case "event":
		err = t.event(n)
	case "usecase":
		err = t.usecase(n)
	default:
		return "", fmt.Errorf("%q can not be scaffolded: command, event or usecase", kind)
	}
	if err != nil {
		return "", err
	}
	return t.save()
}
