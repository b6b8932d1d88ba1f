package engineio

// Polled tells whether a poll waits.
func (c *Conn) Polled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.polling
}

// Upgrading tells whether a websocket wants to take over.
func (c *Conn) Upgrading() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.probe != nil
}

// Waiting counts the frames that wait.
func (c *Conn) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queue.waiting()
}
