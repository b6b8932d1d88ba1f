package broker

import "strings"

// keyWindow is how many commands of one key may wait in this process. Without it a key
// that is slower than its commands come would fill its partition's window, and stop the
// partition's other keys; so it takes four of them.
//
// The stream is read in order, so the entries of a key that is full are passed over, and
// the key is behind: from then on all of its entries are passed over, and once half of
// its queue is free, they are read again from where the first was left (catchUp). They
// are little behind the beginning of the stream then, since what runs is deleted. Reads
// onwards and reads of keys that are behind take turns.
const keyWindow = 64

// positions say of each key that is behind up to which entry all of the key's were
// accepted; that is before the partition's last.
type positions map[string]string

// An admission is what becomes of an entry that was read.
type admission int

const (
	admitted admission = iota
	keyFull
	notOurs // the partition is paused or lost: the entry is left to its next owner
)

// admit counts one more entry, of the key's if it has one.
func (p *partition) admit(key string) admission {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch q := p.keys[key]; {
	case !p.paused.IsZero() || p.lost.Load():
		return notOurs
	case q != nil && len(q.waiting) >= keyWindow:
		return keyFull
	}
	p.open.Add(1)
	return admitted
}

// from decides where the partition's next read begins: where the last one ended, or that of the key
// that is furthest behind among those with room. While nothing is under way it is the
// start: all that was read has been deleted, unless Redis has lost its last writes or the
// lane itself, and there are entries that nobody would read otherwise.
func (p *partition) from() string {
	if p.open.Load() == 0 && len(p.behind) == 0 {
		p.last = "0-0"
	}
	at := p.last
	if p.onwards = !p.onwards || len(p.behind) == 0; p.onwards {
		return at
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, position := range p.behind {
		if q := p.keys[key]; (q == nil || len(q.waiting) <= keyWindow/2) && compareIDs(position, at) < 0 {
			at = position
		}
	}
	return at
}

// took takes in what a read from a position has found, if anything.
func (w *Worker) took(p *partition, from string, entries []entry) {
	if from == p.last {
		w.readOn(p, entries)
	} else {
		w.catchUp(p, from, entries)
	}
}

// readOn takes in entries that were never read.
func (w *Worker) readOn(p *partition, entries []entry) {
	for _, e := range entries {
		c, err := parseCommand(e)
		key := ""
		if err == nil {
			key = c.lane()
		}
		begin, suspect := p.suspects.next(e.id)
		if _, behind := p.behind[key]; !behind {
			if !begin {
				return
			}
			switch p.admit(key) {
			case notOurs:
				return
			case keyFull:
				p.behind[key] = strings.Clone(p.last) // which would keep the whole read
			case admitted:
				w.accept(p, e, c, err, suspect)
			}
		}
		p.last = e.id
	}
}

// catchUp takes in what was passed over: of the keys that are behind, and not before
// this position, since of others something might be missing between.
func (w *Worker) catchUp(p *partition, from string, entries []entry) {
	full := map[string]bool{}
	end := p.last // up to where nothing more of those keys is missing
	for i, e := range entries {
		if compareIDs(e.id, p.last) > 0 {
			break
		}
		if i == len(entries)-1 {
			end = strings.Clone(e.id)
		}
		c, err := parseCommand(e)
		if err != nil {
			continue // it was dropped when it was read first
		}
		key := c.lane()
		position, behind := p.behind[key]
		if !behind || full[key] || compareIDs(position, from) < 0 || compareIDs(e.id, position) <= 0 {
			continue
		}
		switch p.admit(key) {
		case notOurs:
			return
		case keyFull:
			full[key] = true
		case admitted:
			p.behind[key] = strings.Clone(e.id)
			w.accept(p, e, c, nil, p.suspects.include(e.id))
		}
	}
	for key, position := range p.behind {
		switch {
		case full[key] || compareIDs(position, from) < 0:
		case end == p.last:
			delete(p.behind, key)
		case compareIDs(position, end) < 0:
			p.behind[key] = end
		}
	}
}
