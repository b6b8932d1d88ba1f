package sockets

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// rooms are the sockets of one namespace on this node, and the rooms they are in.
// Joining, leaving and going are under one lock, so that a socket that has gone is
// in no room.
type rooms struct {
	holders int // sockets that are in, or about to be, of a dynamic namespace; guarded by Server.mu

	mu      sync.RWMutex
	sockets map[string]*Socket
	members map[string]map[*Socket]struct{}
	watcher Watcher // nil: nobody watches
}

func newRooms(w Watcher) *rooms {
	return &rooms{watcher: w, sockets: map[string]*Socket{}, members: map[string]map[*Socket]struct{}{}}
}

func (r *rooms) add(s *Socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !s.gone {
		r.sockets[s.id] = s
	}
}

// join puts a socket in rooms; false means that it has gone.
func (r *rooms) join(s *Socket, names []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.gone {
		return false
	}
	for _, name := range names {
		m := r.members[name]
		if m == nil {
			m = map[*Socket]struct{}{}
			r.members[name] = m
		}
		m[s] = struct{}{}
		if s.rooms == nil {
			s.rooms = map[string]struct{}{}
		}
		if _, in := s.rooms[name]; !in && r.watcher != nil {
			r.watcher.Joined(s, name)
		}
		s.rooms[name] = struct{}{}
	}
	return true
}

func (r *rooms) leave(s *Socket, names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range names {
		if _, in := s.rooms[name]; in && r.watcher != nil {
			r.watcher.Left(s, name)
		}
		r.remove(s, name)
	}
}

// connected tells the watcher of a socket that was let in, unless it has gone.
func (r *rooms) connected(s *Socket) {
	if r.watcher == nil {
		return
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if !s.gone {
		r.watcher.Connected(s, slices.Collect(maps.Keys(s.rooms)))
	}
}

func (r *rooms) remove(s *Socket, name string) {
	delete(s.rooms, name)
	m := r.members[name]
	delete(m, s)
	if len(m) == 0 {
		delete(r.members, name)
	}
}

// of lists the rooms of a socket.
func (r *rooms) of(s *Socket) []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Collect(maps.Keys(s.rooms))
}

// count counts an audience that is everyone or one room.
func (r *rooms) count(to Audience) int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if to.Everyone {
		return len(r.sockets)
	}
	return len(r.members[to.Rooms[0]])
}

// named counts the rooms whose names begin so, and all others.
func (r *rooms) named(prefix string) (these, others int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for name := range r.members {
		if strings.HasPrefix(name, prefix) {
			these++
		}
	}
	return these, len(r.members) - these
}

// hide takes a socket out of its rooms and of the namespace, which it is still to leave.
func (r *rooms) hide(s *Socket) {
	r.leave(s, r.of(s))
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sockets, s.id)
}

// drop takes a socket out of everything; false means that it has gone before.
func (r *rooms) drop(s *Socket) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.gone {
		return false
	}
	s.gone = true
	delete(r.sockets, s.id)
	for name := range s.rooms {
		r.remove(s, name)
	}
	return true
}

// each calls f for every socket of an audience, once.
func (r *rooms) each(to Audience, f func(*Socket)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	once := f
	if len(to.Rooms)+len(to.Sockets) > 1 {
		seen := map[*Socket]struct{}{}
		once = func(s *Socket) {
			if _, ok := seen[s]; !ok {
				seen[s] = struct{}{}
				f(s)
			}
		}
	}
	if len(to.Except) > 0 {
		all := once
		once = func(s *Socket) {
			if !slices.Contains(to.Except, s.id) {
				all(s)
			}
		}
	}
	if to.Everyone {
		for _, s := range r.sockets {
			once(s)
		}
		return
	}
	for _, name := range to.Rooms {
		for s := range r.members[name] {
			once(s)
		}
	}
	for _, id := range to.Sockets {
		if s := r.sockets[id]; s != nil {
			once(s)
		}
	}
}
