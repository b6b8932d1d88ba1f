package schema

import "slices"

// seenNames is a set that costs nothing while it is small.
type seenNames struct {
	few  [8]string
	n    int
	many map[string]struct{}
}

func (s *seenNames) has(name string) bool {
	if s.many != nil {
		_, ok := s.many[name]
		return ok
	}
	return slices.Contains(s.few[:s.n], name)
}

// add tells whether name is new.
func (s *seenNames) add(name string) bool {
	if s.has(name) {
		return false
	}
	if s.many == nil && s.n < len(s.few) {
		s.few[s.n] = name
		s.n++
		return true
	}
	if s.many == nil {
		s.many = map[string]struct{}{}
		for _, f := range s.few {
			s.many[f] = struct{}{}
		}
	}
	s.many[name] = struct{}{}
	return true
}
