package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// A link is one connection to Redis for one reader. Reads bring almost all bytes that a
// node gets from Redis, and go-redis copies each of their thousands of elements by
// itself; a link takes a reply as it comes. It is opened as the client's connections
// are, and again after an error, or when it is old. Not safe for concurrent use.
type link struct {
	client  *redis.Client // whose options it has
	conn    net.Conn
	opened  time.Time
	out     []byte
	silence time.Duration // ends a reply of which nothing comes for so long, although it may take longer; 0: only its deadline does
}

// patience is how long a reply may take that could not be asked for in smaller pieces.
const patience = 15 * roundTripMax

// within bounds the time of a read of so many entries by d. A read of one entry cannot be
// made smaller, and so may take as long as patience while something comes within each d.
func (l *link) within(ctx context.Context, d time.Duration, count int64) (context.Context, context.CancelFunc) {
	l.silence = 0
	if count == 1 {
		l.silence, d = d, patience
	}
	return context.WithTimeout(ctx, d)
}

// wait sets the deadline of the connection: ctx's, or an earlier one by silence.
func (l *link) wait(ctx context.Context) error {
	deadline, _ := ctx.Deadline() // none is the zero time, which is none for a connection
	if d := time.Now().Add(l.silence); l.silence > 0 && d.Before(deadline) {
		deadline = d
	}
	return l.conn.SetDeadline(deadline)
}

// linkAge is how long a link is used. A master that becomes a replica keeps connections
// and lets them read: a failover behind a name that stays would never be noticed.
const linkAge = 30 * time.Second

// roundTrip sends a command and appends its reply, whatever it is, to buf. It ends with
// ctx's deadline.
func (l *link) roundTrip(ctx context.Context, c *redis.Client, args []any, buf []byte) ([]byte, error) {
	if l.client != c || time.Since(l.opened) > linkAge {
		l.close()
	}
	if l.conn == nil {
		if err := l.open(ctx, c); err != nil {
			l.close()
			return nil, err
		}
	}
	buf, err := l.do(ctx, buf, args)
	if err != nil {
		l.close() // or the next command would get this one's reply
	}
	return buf, err
}

func (l *link) close() {
	if l.conn != nil {
		_ = l.conn.Close() // nothing is left to be sent
	}
	l.conn = nil
}

// open connects, and says who we are.
func (l *link) open(ctx context.Context, c *redis.Client) (err error) {
	o := c.Options()
	if l.conn, err = o.Dialer(ctx, o.Network, o.Addr); err != nil {
		return fmt.Errorf("connect to Redis: %w", err)
	}
	l.client, l.opened = c, time.Now()
	user, password := o.Username, o.Password
	switch {
	case o.CredentialsProviderContext != nil:
		if user, password, err = o.CredentialsProviderContext(ctx); err != nil {
			return fmt.Errorf("connect to Redis: %w", err)
		}
	case o.CredentialsProvider != nil:
		user, password = o.CredentialsProvider()
	}
	switch {
	case user != "":
		err = l.tell(ctx, "auth", user, password)
	case password != "":
		err = l.tell(ctx, "auth", password)
	}
	if err == nil && o.DB != 0 {
		err = l.tell(ctx, "select", o.DB)
	}
	if err == nil && o.ClientName != "" {
		err = l.tell(ctx, "client", "setname", o.ClientName)
	}
	return err
}

// tell sends a command that is answered with OK.
func (l *link) tell(ctx context.Context, args ...any) error {
	reply, err := l.do(ctx, nil, args)
	if err == nil && !bytes.HasPrefix(reply, []byte("+OK")) {
		err = replyError(bytes.Trim(reply, "-\r\n"))
	}
	if err != nil {
		return fmt.Errorf("connect to Redis: %v: %w", args[0], err)
	}
	return nil
}

// do sends commands over the connection that is open and appends their replies to buf.
func (l *link) do(ctx context.Context, buf []byte, commands ...[]any) ([]byte, error) {
	if err := l.wait(ctx); err != nil {
		return nil, err
	}
	l.out = l.out[:0]
	for _, args := range commands {
		l.out = appendCommand(l.out, args)
	}
	if _, err := l.conn.Write(l.out); err != nil {
		return nil, err
	}
	return l.readReplies(ctx, buf, len(commands))
}

func appendCommand(b []byte, args []any) []byte {
	b = appendHead(b, '*', len(args))
	for _, arg := range args {
		switch arg := arg.(type) {
		case string:
			b = append(append(appendHead(b, '$', len(arg)), arg...), "\r\n"...)
		default:
			text := fmt.Sprint(arg)
			b = append(append(appendHead(b, '$', len(text)), text...), "\r\n"...)
		}
	}
	return b
}

func appendHead(b []byte, kind byte, n int) []byte {
	return append(strconv.AppendInt(append(b, kind), int64(n), 10), "\r\n"...)
}

const leastRead = 16 << 10 // bytes of free space for each read

// readReplies appends that many whole replies. Where silence ends them, the deadline is put
// off when something has come since the last one.
func (l *link) readReplies(ctx context.Context, buf []byte, n int) ([]byte, error) {
	extent := extent{at: len(buf), left: n}
	before := len(buf) // at the last deadline
	for {
		whole, err := extent.find(buf)
		if err != nil || whole {
			return buf, err
		}
		buf = slices.Grow(buf, max(leastRead, extent.at-len(buf)))
		n, err := l.conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == nil {
			continue
		}
		if whole, _ := extent.find(buf); whole {
			return buf, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || l.silence == 0 || len(buf) == before || ctx.Err() != nil {
			return nil, err
		}
		before = len(buf)
		if err := l.wait(ctx); err != nil {
			return nil, err
		}
	}
}
