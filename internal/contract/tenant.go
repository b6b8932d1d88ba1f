package contract

import (
	"context"
	"errors"
	"net/url"
	"strings"
)

// Room names a room of the caller's tenant: equal names of two tenants are two rooms.
// Use it for joining and for emitting, and no tenant can name a room of another:
//
//	by := contract.CallerFrom(ctx)
//	return out, []contract.Effect{contract.Join(by.Room(in.Board)), Joined.Of(p).To(by.Room(in.Board))}, nil
//
// However a room's name came about, no socket gets into one of another tenant: a handler
// that tries it for the caller is refused, and gateways let no other socket in.
func (c Caller) Room(name string) Room {
	return Room(tenantPrefix + url.QueryEscape(c.Tenant) + ":" + name)
}

const tenantPrefix = "t:" // the tenant follows, escaped, and a colon

// Admits tells whether sockets of a tenant may be in the room: all in one that belongs to
// no tenant.
func (r Room) Admits(tenant string) bool {
	rest, ok := strings.CutPrefix(string(r), tenantPrefix)
	if !ok {
		return true
	}
	owner, _, ok := strings.Cut(rest, ":")
	return !ok || owner == url.QueryEscape(tenant)
}

// ErrOtherTenant is the error of a command that puts its caller into another tenant's
// room. Clients see it as "forbidden".
var ErrOtherTenant = errors.New("this room is another tenant's")

// checkRoom refuses the caller what gateways would refuse without a word.
func checkRoom(ctx context.Context, m Membership) error {
	if !m.Leave && m.User == "" && m.Socket == "" && !m.Room.Admits(CallerFrom(ctx).Tenant) {
		return ErrOtherTenant
	}
	return nil
}
