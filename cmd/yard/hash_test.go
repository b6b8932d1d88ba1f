package main

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

func TestHash(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		typed, want string // the password; "" for a mistake
	}{
		"a line":   {"open sesame\n", "open sesame"},
		"no end":   {"open sesame", "open sesame"},
		"Windows":  {"open sesame\r\nmore", "open sesame"},
		"short":    {"sesame\n", ""},
		"nothing":  {"", ""},
		"too long": {strings.Repeat("x", 73) + "\n", ""}, // of which bcrypt would take no notice
	} {
		var out, errs bytes.Buffer
		code := hash(strings.NewReader(tc.typed), &out, &errs, bcrypt.MinCost)
		if tc.want == "" {
			if code != exitFailed || out.Len() > 0 || errs.Len() == 0 {
				t.Errorf("%s: %d %q %q", name, code, &out, &errs)
			}
			continue
		}
		if err := bcrypt.CompareHashAndPassword(bytes.TrimSpace(out.Bytes()), []byte(tc.want)); code != exitOK || err != nil {
			t.Errorf("%s: %d %v %q", name, code, err, &errs)
		}
	}
}
