package config

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A checker gathers what is wrong with settings, which go by the names of their variables.
type checker struct{ errs []error }

func (k *checker) wrong(name, format string, args ...any) {
	k.errs = append(k.errs, fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...)))
}

func (k *checker) oneOf(name, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		k.wrong(name, "%q is not one of %s", value, strings.Join(allowed, ", "))
	}
}

// between wants a number or a duration in a range.
func between[T cmp.Ordered](k *checker, name string, value, least, most T) {
	if value < least || value > most {
		k.wrong(name, "%v is not between %v and %v", value, least, most)
	}
}

// address wants what can be listened on.
func (k *checker) address(name, addr string) {
	_, port, err := net.SplitHostPort(addr)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		k.wrong(name, "%q is no host:port, like :8080", addr)
	}
}

// directory wants one that can be read, or none.
func (k *checker) directory(name, path string) {
	if path == "" {
		return
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		k.wrong(name, "%q is no directory that can be read", path)
	}
}

// isOrigin tells whether browsers would write an origin so; * is any.
func isOrigin(o string) bool {
	u, err := url.Parse(o)
	if err != nil || o == "*" {
		return err == nil
	}
	usual := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	return u.Scheme != "" && u.Host != "" && o == strings.ToLower(u.Scheme+"://"+u.Host) && (usual == "" || u.Port() != usual)
}
