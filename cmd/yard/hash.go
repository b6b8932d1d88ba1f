package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const hashCost = 12 // a quarter of a second of CPU

// hash prints the bcrypt hash of a password, which is a line of what it reads, so that
// no list of processes and no history of a shell shows it.
func hash(in io.Reader, out, errs io.Writer, cost int) int {
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	password := strings.TrimRight(line, "\r\n")
	if errors.Is(err, io.EOF) {
		err = nil // the last line may have no end
	}
	var hashed []byte
	if err == nil && len(password) < 8 {
		err = errors.New("the password has fewer than 8 bytes; type it, and Enter")
	}
	if err == nil {
		hashed, err = bcrypt.GenerateFromPassword([]byte(password), cost)
	}
	if err != nil {
		fmt.Fprintf(errs, "yard hash: %v\n", err)
		return exitFailed
	}
	return printed(fmt.Fprintf(out, "%s\n", hashed))
}
