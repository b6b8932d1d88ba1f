package rawsio

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// What is here never ends the test: for the faults that a test brings about, and for
// goroutines of a test.

// ErrSilent says that something did not come within Patience, on a connection that
// stayed open.
var ErrSilent = fmt.Errorf("nothing came within %s", Patience)

// await waits until a condition holds, or says why it does not.
func (c *Client) await(holds func() bool) error {
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	for {
		c.mu.Lock()
		ok, changed, closed := holds(), c.changed, c.closed
		c.mu.Unlock()
		switch {
		case ok:
			return nil
		case closed != nil:
			return closed
		}
		select {
		case <-changed:
		case <-deadline.C:
			return ErrSilent
		}
	}
}

// TryOpen joins a namespace. Auth is JSON, "" for none.
func (c *Client) TryOpen(ns, auth string) error {
	if err := c.send("40" + ns + "," + auth); err != nil {
		return err
	}
	err := c.await(func() bool { return c.sids[ns] != "" || c.refused[ns] != "" })
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.refused[ns] != "" {
		err = errors.New(c.refused[ns])
	}
	return err
}

// TryBegin sends an event and returns the function that waits for its acknowledgement.
// What is sent by one goroutine arrives in that order.
func (c *Client) TryBegin(ns, event, payload string) (wait func() (string, error), err error) {
	c.mu.Lock()
	id := strconv.Itoa(c.nextID)
	c.nextID++
	c.mu.Unlock()
	if err := c.send(fmt.Sprintf("42%s,%s[%q,%s]", ns, id, event, payload)); err != nil {
		return nil, err
	}
	return func() (string, error) {
		var ack json.RawMessage
		if err := c.await(func() bool { ack = c.acks[ns+" "+id]; return ack != nil }); err != nil {
			return "", err
		}
		var args []json.RawMessage
		if json.Unmarshal(ack, &args) != nil || len(args) != 1 {
			return "", fmt.Errorf("acknowledged %s", ack)
		}
		return string(args[0]), nil
	}, nil
}

// TryCall sends an event and waits for its acknowledgement.
func (c *Client) TryCall(ns, event, payload string) (string, error) {
	wait, err := c.TryBegin(ns, event, payload)
	if err != nil {
		return "", err
	}
	return wait()
}

// Wait waits until the connection has ended, for however long, and says why.
func (c *Client) Wait() error {
	for {
		c.mu.Lock()
		changed, closed := c.changed, c.closed
		c.mu.Unlock()
		if closed != nil {
			return closed
		}
		<-changed
	}
}

// Over tells whether the connection has ended.
func (c *Client) Over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed != nil
}
