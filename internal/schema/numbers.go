package schema

import (
	"errors"
	"math"
	"reflect"
	"strconv"

	"github.com/example/switchyard/internal/jsonscan"
)

func (c *check) number(n *node, i int, to reflect.Value) (int, error) {
	end, integer, err := jsonscan.Number(c.b, i)
	if err != nil {
		return end, err
	}
	var f float64
	if literal := c.b[i:end]; integer && len(literal) <= short {
		f = float64(whole(literal))
	} else {
		f, err = strconv.ParseFloat(string(literal), 64)
	}
	switch {
	case err != nil || math.IsInf(f, 0):
		c.wrong("is out of range")
	case !n.num && !integer:
		c.wrong("must be a whole number, without fraction or exponent")
	case !n.num && (f < -maxInteger || f > maxInteger):
		c.wrong("must be between -%d and %d", maxInteger, maxInteger)
	case n.minimum != nil && (f < *n.minimum || !n.num && *n.minimum >= 0 && c.b[i] == '-'): // no uint decodes -0
		c.wrong("must be at least %v", *n.minimum)
	case n.maximum != nil && f > *n.maximum:
		c.wrong("must be at most %v", *n.maximum)
	case to.IsValid():
		if err := n.fill(to, c.b[i:end], integer); err != nil {
			c.wrong("%s", err)
		}
	}
	return end, nil
}

// maxInteger is the largest whole number that JavaScript and JSON keep exactly; it
// fits every 64-bit integer of Go.
const maxInteger = 1<<53 - 1

// short is how many bytes of digits, with a sign, are surely exact as an int64 and as
// a float64.
const short = 15

// whole reads a short whole number.
func whole(b []byte) (v int64) {
	negative := b[0] == '-'
	if negative {
		b = b[1:]
	}
	for _, d := range b {
		v = v*10 + int64(d-'0')
	}
	if negative {
		return -v
	}
	return v
}

var errRange = errors.New("is out of range")

// fill puts a number into a Go value.
func (n *node) fill(to reflect.Value, literal []byte, integer bool) error {
	small := integer && len(literal) <= short
	var err error
	switch n.way {
	case signed:
		v := int64(0)
		if small {
			v = whole(literal)
		} else {
			v, err = strconv.ParseInt(string(literal), 10, 64)
		}
		if err != nil || to.OverflowInt(v) {
			return errRange
		}
		to.SetInt(v)
	case unsigned:
		v := uint64(0)
		if small && literal[0] != '-' {
			v = uint64(whole(literal))
		} else {
			v, err = strconv.ParseUint(string(literal), 10, 64)
		}
		if err != nil || to.OverflowUint(v) {
			return errRange
		}
		to.SetUint(v)
	case float:
		v := 0.0
		if small && literal[0] != '-' { // but not -0
			v = float64(whole(literal))
		} else {
			v, err = strconv.ParseFloat(string(literal), to.Type().Bits())
		}
		if err != nil || to.OverflowFloat(v) {
			return errRange
		}
		to.SetFloat(v)
	}
	return nil
}
