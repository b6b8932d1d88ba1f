package client

import "fmt"

// A decoder puts packets together of what a connection brings. It keeps one packet of at
// most limit bytes.
type decoder struct {
	limit   int
	pending *packet // waits for its attachments
}

// add takes a message, and returns a packet that is complete.
func (d *decoder) add(data []byte, binary bool) (*packet, error) {
	p := d.pending
	switch {
	case binary && p == nil:
		return nil, fmt.Errorf("%w: an attachment of no packet", ErrProtocol)
	case !binary && p != nil:
		return nil, fmt.Errorf("%w: a packet before the attachments of another one", ErrProtocol)
	case binary:
		p.attachments = append(p.attachments, data)
		p.size += len(data)
		p.missing--
	case len(data) == 0:
		return nil, fmt.Errorf("%w: an empty packet", ErrProtocol)
	default:
		var err error
		if p, err = decode(data[1:]); err != nil {
			return nil, err
		}
	}
	if p.size > d.limit {
		return nil, fmt.Errorf("%w: a packet of more than %d bytes, see Buffer", ErrProtocol, d.limit)
	}
	if d.pending = nil; p.missing > 0 {
		d.pending = p
		return nil, nil
	}
	return p, nil
}
