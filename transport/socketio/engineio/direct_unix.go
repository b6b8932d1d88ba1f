//go:build unix

package engineio

import (
	"errors"
	"syscall"
)

// direct: this system's connections can be read and written without waiting.
const direct = true

// readFD reads what there is; again means that there is nothing yet.
func readFD(fd uintptr, b []byte) (n int, again bool, err error) {
	return once(syscall.Read, fd, b)
}

// writeFD writes what there is room for; again means that there is none.
func writeFD(fd uintptr, b []byte) (n int, again bool, err error) {
	return once(syscall.Write, fd, b)
}

func once(call func(int, []byte) (int, error), fd uintptr, b []byte) (n int, again bool, err error) {
	for {
		n, err = call(int(fd), b)
		switch {
		case err == nil:
			return n, false, nil
		case errors.Is(err, syscall.EINTR):
			continue
		}
		return 0, errors.Is(err, syscall.EAGAIN), err
	}
}
