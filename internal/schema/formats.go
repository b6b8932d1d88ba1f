package schema

import (
	"encoding/base64"
	"net/mail"
	"net/url"
	"time"

	"github.com/google/uuid"
)

// formats are the values of the format tag, with what each one accepts.
var formats = map[string]func(string) bool{
	"date":      func(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil },
	"date-time": func(s string) bool { return new(time.Time).UnmarshalText([]byte(s)) == nil },
	"email":     func(s string) bool { a, err := mail.ParseAddress(s); return err == nil && a.Address == s },
	"uri":       func(s string) bool { u, err := url.Parse(s); return err == nil && u.IsAbs() },
	"uuid":      func(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil },
}

func accepts(format, s string) bool {
	if format == "base64" { // the content encoding of []byte, not a format of the tag
		_, err := base64.StdEncoding.DecodeString(s)
		return err == nil
	}
	return formats[format](s)
}
