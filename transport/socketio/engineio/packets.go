package engineio

// text handles one packet; false means that it breaks the protocol.
func (c *Conn) text(packet []byte) bool {
	if len(packet) == 0 {
		c.fail(ParseError, "an empty packet")
		return false
	}
	switch kind, data := packet[0], packet[1:]; {
	case kind == packetMessage:
		c.message(data, false)
	case kind == packetClose:
		c.leave()
	case kind == packetPing && c.eio3:
		c.heartbeat()
		c.Send(false, newFrame(opText, string(packetPong), string(data)))
	case kind == packetPong && !c.eio3:
		c.heartbeat()
	case kind == packetPing, kind == packetPong:
		c.fail(TransportError, "a heartbeat in the wrong direction")
		return false
	case kind == packetOpen, kind == packetUpgrade, kind == packetNoop: // nothing to do with them here
	default:
		c.fail(ParseError, "a packet of an unknown type")
		return false
	}
	return true
}

// message hands a message on. A panic is that client's alone.
func (c *Conn) message(data []byte, binary bool) {
	defer c.srv.recovered()
	if c.Open() {
		c.srv.cfg.Traffic.in(data)
		c.receiver.Message(data, binary)
	}
}
