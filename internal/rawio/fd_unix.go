//go:build unix && !linux

package rawio

import (
	"errors"
	"syscall"
)

// Direct tells whether sockets can be read and written without waiting.
const Direct = true

// quick tells whether that can be without the scheduler.
const quick = false

// Read reads what there is; again means that there is nothing yet. The file must be one
// that never blocks.
func Read(fd uintptr, b []byte) (n int, again bool, err error) {
	return once(syscall.Read, fd, b)
}

// Write writes what there is room for; again means that there is none. The file must be
// one that never blocks.
func Write(fd uintptr, b []byte) (n int, again bool, err error) {
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

func silent(uintptr) bool { return false }
