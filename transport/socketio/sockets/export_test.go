package sockets

// OnTold has something done when the client has just been told CONNECT. Call it in Connect.
func (s *Socket) OnTold(f func()) {
	must(s.lib.Nsp().On("connect", func(...any) { f() }))
}

// Hear handles a message as if it had been read just before the connection began to close.
func (s *Socket) Hear(packet string) { s.conn.Message([]byte(packet), false) }
