//go:build unix

package rawio

import (
	"errors"
	"syscall"
)

// Direct tells whether sockets can be read and written without waiting.
const Direct = true

// Read reads what there is; again means that there is nothing yet. The file must be one
// that never blocks, as those of Go's sockets are until somebody asks one's File for its
// Fd: waiting here, it would hold up the whole process.
func Read(fd uintptr, b []byte) (n int, again bool, err error) { return once(read, fd, b) }

// Write writes what there is room for; again means that there is none. The file must be
// like that of Read.
func Write(fd uintptr, b []byte) (n int, again bool, err error) { return once(write, fd, b) }

func once(call func(uintptr, []byte) (int, error), fd uintptr, b []byte) (n int, again bool, err error) {
	for {
		n, err = call(fd, b)
		switch {
		case err == nil:
			return n, false, nil
		case errors.Is(err, syscall.EINTR):
			continue
		}
		return 0, errors.Is(err, syscall.EAGAIN), err
	}
}
