package contract_test

import (
	"context"
	"errors"
	"testing"

	"github.com/example/switchyard/internal/contract"
)

func TestNoTenantNamesARoomOfAnother(t *testing.T) {
	t.Parallel()
	names := []string{"", "a", "b", "a:b", "t:a", "t:a:b", "%3A", "a%3Ab", ":", "a:", " ", "+", "ä"}
	whose := map[contract.Room][2]string{}
	for _, tenant := range names {
		for _, name := range names {
			room := contract.Caller{Tenant: tenant}.Room(name)
			if other, ok := whose[room]; ok {
				t.Errorf("%q of %q and %q of %q are one room, %q", name, tenant, other[1], other[0], room)
			}
			whose[room] = [2]string{tenant, name}
			for _, visitor := range names {
				if room.Admits(visitor) != (visitor == tenant) {
					t.Errorf("%q admits %q", room, visitor)
				}
			}
		}
	}
	for _, open := range []contract.Room{"", "lobby", "t", "t:", "t:a", "T:a:b"} {
		if !open.Admits("a") || !open.Admits("") {
			t.Errorf("%q belongs to nobody and admits not everybody", open)
		}
	}
}

func TestACallerIsKeptOutOfOtherTenantsRooms(t *testing.T) {
	t.Parallel()
	acme, other := contract.Caller{UserID: "alice", Tenant: "acme"}, contract.Caller{Tenant: "other"}
	for name, tc := range map[string]struct {
		effect  contract.Effect
		refused bool
	}{
		"own":           {contract.Join(acme.Room("x")), false},
		"open":          {contract.Join("x"), false},
		"other's":       {contract.Join(other.Room("x")), true},
		"leave other's": {contract.Leave(other.Room("x")), false},
		"close other's": {contract.CloseRoom(other.Room("x")), false},
		"somebody else": {contract.JoinUser("bob", other.Room("x")), false}, // gateways know bob's tenant
	} {
		r := archive.Handle(func(context.Context, archiveInput) (archiveOutput, []contract.Effect, error) {
			return archiveOutput{}, []contract.Effect{tc.effect}, nil
		})
		if _, err := r.Run(t.Context(), acme, []byte(`{}`)); errors.Is(err, contract.ErrOtherTenant) != tc.refused || err != nil && !tc.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}
