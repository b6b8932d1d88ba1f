package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// foreign are names that others give to something else: NODE_IP is what Kubernetes'
// manifests call the address of the machine.
var foreign = []string{"NODE_IP"}

// Typos tells of variables in an environment that are no settings and look like one:
// SOCKET_RATES, REDIS_URI. They need not be mistakes, since an environment belongs to many
// programs, so nothing fails for them; a node warns when it starts.
func Typos(environ []string) []string {
	known := Table()
	var typos []string
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if slices.Contains(foreign, name) || slices.ContainsFunc(known, func(s Setting) bool { return s.Name == name }) {
			continue
		}
		nearest, least := "", 3
		for _, s := range known {
			if rest, longer := strings.CutPrefix(name, s.Name); longer && len(s.Name) > 7 && rest[0] != '_' { // HTTP_ADDRESS
				nearest, least = s.Name, 1
			}
			if d := levenshtein.ComputeDistance(name, s.Name); d < least {
				nearest, least = s.Name, d
			}
		}
		if least == 1 || least == 2 && len(name) > 8 { // short names are alike by chance
			typos = append(typos, fmt.Sprintf("%s: there is no such setting; did you mean %s?", name, nearest))
		}
	}
	slices.Sort(typos)
	return typos
}
