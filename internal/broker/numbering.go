package broker

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Why clients are told that events were missed.
const (
	ResyncGap   = "gap"   // some are gone that were there
	ResyncEpoch = "epoch" // their numbers began anew: Redis was emptied, or has lost its last writes
)

// seriesName names a series of events. It need not be secret, only another one than
// those before it.
func seriesName() string { return strconv.FormatUint(rand.Uint64()>>24, 36) }

// A mark is the place of an event among those of its partition, which lua/commit.lua
// counts: each entry has "<series>.<number>" in the field _seq, and own:{p3} the last one.
// The zero mark is before the first event of all.
//
// A series has a random name. The script begins another when a commit does not follow
// the owner's last one: after a change of owner, but also when Redis was emptied or a
// failover took back the last writes, of which numbers that went on would tell nothing.
// The first entry of a series names the event before it, so a change of owner is not
// announced, and a loss is. A number stands for one event for ever, so one that comes
// again, when a stream is read again from its start, is dropped. Strangers' entries have
// no number: they are emitted and not counted.
type mark struct {
	series string
	seq    int64
}

func (m mark) String() string { return m.series + "." + strconv.FormatInt(m.seq, 10) }

// parseSeq reads the field _seq: "<series>.<number>", and on the first entry of a series
// the mark of the event before it.
func parseSeq(s string) (at, before mark, ok bool) {
	s, first, began := strings.Cut(s, " ")
	if at, ok = parseMark(s); ok && began {
		before, ok = parseMark(first)
	}
	return at, before, ok && at.seq > 0 && began == (at.seq == 1)
}

// parseMark reads "<series>.<number>"; the series shares the text's memory.
func parseMark(s string) (mark, bool) {
	dot := strings.IndexByte(s, '.')
	if dot < 0 {
		return mark{}, false
	}
	n, err := strconv.ParseInt(s[dot+1:], 10, 64)
	return mark{s[:dot], n}, err == nil && n >= 0
}

// A numbering is how far a gateway has come with the events of one partition.
type numbering struct {
	at     mark
	before []mark    // where the series before it ended, the newest last
	told   mark      // up to there it was told what was missed
	moved  time.Time // when an entry last came

	compared *counters // the last that were compared with it
}

// numberingAt is where all up to an event has come.
func numberingAt(at mark) numbering { return numbering{at: at, told: at} }

const seriesKnown = 32 // of a partition; each change of its owner begins one

// take follows an entry that has come. seen means that it came before; reason is why
// clients are to be told that events were missed before it.
func (n *numbering) take(at, before mark) (seen bool, reason string) {
	if n.seen(at) {
		return true, ""
	}
	switch {
	case at.series == n.told.series && at.seq <= n.told.seq+1:
	case at.series == n.at.series:
		if at.seq != n.at.seq+1 {
			reason = ResyncGap
		}
	case at.seq != 1 || before != n.at && before != n.told:
		reason = ResyncEpoch
	}
	if at.series == n.at.series {
		n.at.seq = at.seq
	} else {
		n.begin(at)
	}
	if n.told.series != at.series || n.told.seq < at.seq {
		n.told = n.at
	}
	return false, reason
}

// begin goes over to another series.
func (n *numbering) begin(at mark) {
	if n.at.seq > 0 {
		n.before = append(n.before, n.at)
		n.before = slices.Delete(n.before, 0, max(0, len(n.before)-seriesKnown))
	}
	n.at = mark{strings.Clone(at.series), at.seq} // which would keep the whole read
}

// seen tells whether an entry came before.
func (n *numbering) seen(at mark) bool {
	if at.series == n.at.series {
		return at.seq <= n.at.seq
	}
	return slices.ContainsFunc(n.before, func(m mark) bool { return m.series == at.series && at.seq <= m.seq })
}

// covers tells whether an entry came before, or clients were told that it was missed.
func (n *numbering) covers(at mark) bool {
	return at.seq == 0 || n.seen(at) || at.series == n.told.series && at.seq <= n.told.seq
}

// knows tells whether an entry of a series came before.
func (n *numbering) knows(series string) bool {
	return series == n.at.series || slices.ContainsFunc(n.before, func(m mark) bool { return m.series == series })
}

// compare compares with the counter in Redis, when nothing is left to be read. The
// reason is "" when nothing was missed, or nothing that was not told.
func (n *numbering) compare(last mark) string {
	switch {
	case last == n.at || last == n.told:
		return ""
	case last.series == n.at.series && last.seq > n.at.seq:
		return ResyncGap
	}
	return ResyncEpoch
}
