package sockets

// A Watcher is told what happens on the sockets and has no say in it. It hears of each
// socket's rooms in the order in which it joined and left them: so it is called under
// locks, must not block, and must not call back.
type Watcher interface {
	// Connected tells of a socket that was let in, with the rooms it is in already. Of
	// what was before, only Joined and Left were told.
	Connected(s *Socket, rooms []string)
	Joined(s *Socket, room string)
	Left(s *Socket, room string)

	Received(s *Socket, e Event)
	Sent(s *Socket, event string, p Payload)

	// Disconnected is the end of a socket, also of one that was not let in after all. Its
	// rooms are not told again.
	Disconnected(s *Socket, reason string)
}
