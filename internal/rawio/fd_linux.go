package rawio

import (
	"syscall"
	"unsafe"
)

// Direct tells whether sockets can be read and written without waiting.
const Direct = true

// quick tells whether that can be without the scheduler.
const quick = true

// Read reads what there is; again means that there is nothing yet. The file must be one
// that never blocks.
func Read(fd uintptr, b []byte) (n int, again bool, err error) {
	return once(syscall.SYS_READ, fd, b)
}

// Write writes what there is room for; again means that there is none. The file must be
// one that never blocks.
func Write(fd uintptr, b []byte) (n int, again bool, err error) {
	return once(syscall.SYS_WRITE, fd, b)
}

func once(call, fd uintptr, b []byte) (int, bool, error) {
	watch()
	for {
		n, _, errno := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		switch errno {
		case 0:
			return int(n), false, nil
		case syscall.EINTR:
			continue
		}
		return 0, errno == syscall.EAGAIN, errno
	}
}

// silent tells whether a socket is open and has nothing to read.
func silent(fd uintptr) bool {
	p := struct {
		fd              int32
		events, revents int16
	}{fd: int32(fd), events: pollIn}
	n, _, _ := syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&syscall.Timespec{})), 0, 0, 0)
	return n == 0
}

const pollIn = 1 // also at the end
