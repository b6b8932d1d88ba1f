package config

import (
	"errors"
	"strconv"
	"time"
)

// Off is what a setting that can be switched off is then set to. An empty variable
// counts as one that is not set.
const Off = "off"

// A Period is a duration, or off, which is 0.
type Period time.Duration

// UnmarshalText reads a period.
func (p *Period) UnmarshalText(b []byte) error {
	if string(b) == Off {
		*p = 0
		return nil
	}
	d, err := time.ParseDuration(string(b))
	*p = Period(d)
	return err
}

// A Switch is on or off.
type Switch bool

// UnmarshalText reads a switch.
func (s *Switch) UnmarshalText(b []byte) error {
	*s = string(b) == "on"
	if !*s && string(b) != Off {
		return errors.New("neither on nor off")
	}
	return nil
}

// A Limit is a number, or off, which is 0.
type Limit int

// UnmarshalText reads a limit.
func (l *Limit) UnmarshalText(b []byte) error {
	if string(b) == Off {
		*l = 0
		return nil
	}
	n, err := strconv.Atoi(string(b))
	if err == nil && n == 0 {
		err = errors.New("zero")
	}
	*l = Limit(n)
	return err
}
