//go:build !unix

package engineio

import "errors"

// direct: this system's connections cannot be read and written without waiting.
const direct = false

func readFD(uintptr, []byte) (int, bool, error)  { return 0, false, errors.ErrUnsupported }
func writeFD(uintptr, []byte) (int, bool, error) { return 0, false, errors.ErrUnsupported }
