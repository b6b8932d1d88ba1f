package sockets

// OnTold has something done when the client has just been told CONNECT. Call it in Connect.
func (s *Socket) OnTold(f func()) {
	must(s.lib.Nsp().On("connect", func(...any) { f() }))
}
