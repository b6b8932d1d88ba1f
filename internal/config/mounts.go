package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A Mount is one of SOCKET_MOUNTS: a gateway at a path of its own.
type Mount struct {
	Path       string
	Namespaces []string // at least one
	Origins    []string // as CORS_ORIGINS
	Transports []string // as SOCKET_TRANSPORTS; none given is all
}

// ParseMount reads "/admin.io/?namespace=/admin&origin=https://ops.example&transport=websocket",
// where each name may be given several times.
func ParseMount(s string) (Mount, error) {
	path, query, _ := strings.Cut(s, "?")
	m := Mount{Path: path}
	if !isMountPath(path) {
		return m, fmt.Errorf("%q must begin and end with /, like /admin.io/?namespace=/admin", path)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return m, fmt.Errorf("%s: %q cannot be read: write it as name=value&name=value", path, query)
	}
	m.Namespaces, m.Origins, m.Transports = values["namespace"], values["origin"], values["transport"]
	for name := range values {
		if !slices.Contains([]string{"namespace", "origin", "transport"}, name) {
			return m, fmt.Errorf("%s: %q is not one of namespace, origin, transport", path, name)
		}
	}
	if len(m.Namespaces) == 0 {
		return m, fmt.Errorf("%s: no namespace is given that is served there", path)
	}
	if len(m.Transports) == 0 {
		m.Transports = transports
	}
	for _, t := range m.Transports {
		if !slices.Contains(transports, t) {
			return m, fmt.Errorf("%s: %q is not one of polling, websocket", path, t)
		}
	}
	for _, o := range m.Origins {
		if !isOrigin(o) {
			return m, fmt.Errorf("%s: %q is no origin, like https://app.example, and not *", path, o)
		}
	}
	return m, nil
}

// validateMounts reports what is wrong with SOCKET_MOUNTS.
func (s Sockets) validateMounts(k *checker) {
	paths, namespaces := []string{s.Path}, []string{}
	for _, text := range s.Mounts {
		m, err := ParseMount(text)
		if err != nil {
			k.wrong("SOCKET_MOUNTS", "%v", err)
			continue
		}
		for _, p := range paths {
			if strings.HasPrefix(m.Path, p) || strings.HasPrefix(p, m.Path) {
				k.wrong("SOCKET_MOUNTS", "%s and %s are the same path, or one is below the other", m.Path, p)
			}
		}
		for _, n := range m.Namespaces {
			if slices.Contains(namespaces, n) {
				k.wrong("SOCKET_MOUNTS", "the namespace %s is given twice", n)
			}
		}
		paths, namespaces = append(paths, m.Path), append(namespaces, m.Namespaces...)
	}
}

func isMountPath(path string) bool {
	return strings.HasPrefix(path, "/") && strings.HasSuffix(path, "/") && path != "/" && !strings.ContainsAny(path, "{} ")
}
