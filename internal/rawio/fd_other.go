//go:build !unix

package rawio

import "errors"

// Direct tells whether sockets can be read and written without waiting.
const Direct = false

// Read cannot be.
func Read(uintptr, []byte) (n int, again bool, err error) { return 0, false, errors.ErrUnsupported }

// Write cannot be.
func Write(uintptr, []byte) (n int, again bool, err error) { return 0, false, errors.ErrUnsupported }

func silent(uintptr) bool { return false }
