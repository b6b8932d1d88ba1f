package load

// A sequence is what one member has heard of one sender, whose commands are numbered from
// 0. It costs memory only for what is missing.
type sequence struct {
	next uint64              // after the highest that was heard
	gaps map[uint64]struct{} // below it, and not heard
	told bool                // that what comes next may be missing

	missed     uint64 // below next, not heard, and told
	duplicated uint64
	reordered  uint64
}

// hear counts one, and tells whether it is the first time.
func (s *sequence) hear(seq uint64) bool {
	switch {
	case seq >= s.next:
		if s.told {
			s.missed += seq - s.next
		} else {
			s.miss(s.next, seq)
		}
		s.next, s.told = seq+1, false
		return true
	default:
		if _, missing := s.gaps[seq]; missing {
			delete(s.gaps, seq)
			s.reordered++
			return true
		}
		s.duplicated++
		return false
	}
}

func (s *sequence) miss(from, to uint64) {
	if s.gaps == nil && from < to {
		s.gaps = map[uint64]struct{}{}
	}
	for ; from < to; from++ {
		s.gaps[from] = struct{}{}
	}
}

// gap notes that the service has told of a gap, which may be before or after now.
func (s *sequence) gap() {
	s.missed += uint64(len(s.gaps))
	s.gaps, s.told = nil, true
}

// missing counts what has not been heard of so many: without being told, but for those of
// which it is unknown whether they were sent, and told.
func (s *sequence) missing(sent uint64, unknown map[uint64]struct{}) (lost, missed uint64) {
	missed = s.missed
	for seq := range s.gaps {
		if _, ok := unknown[seq]; !ok {
			lost++
		}
	}
	for seq := s.next; seq < sent; seq++ {
		_, ok := unknown[seq]
		switch {
		case ok:
		case s.told:
			missed++
		default:
			lost++
		}
	}
	return lost, missed
}
