package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// A shownSocket is a socket as the UI knows it.
type shownSocket struct {
	ID        string         `json:"id"`
	ClientID  string         `json:"clientId"` // the same for all sockets of a connection
	Transport string         `json:"transport"`
	Namespace string         `json:"nsp"`
	Data      map[string]any `json:"data"`
	Rooms     []string       `json:"rooms"` // with the socket's own id: the UI shows that one as private
	Handshake shownHandshake `json:"handshake"`
}

type shownHandshake struct {
	Address string            `json:"address"`
	Headers map[string]string `json:"headers"`
	Query   map[string]string `json:"query"`
	Issued  int64             `json:"issued"` // ms
	Time    string            `json:"time"`
	Secure  bool              `json:"secure"`
	Cross   bool              `json:"xdomain"`
}

// serialize shows a socket without its secrets.
func (r *Record) serialize(s *sockets.Socket, rooms []string, since time.Time) shownSocket {
	hs := s.Handshake()
	host, _, err := net.SplitHostPort(hs.Address)
	if err != nil {
		host = hs.Address
	}
	connection := sha256.Sum256([]byte(s.Connection())) // who knows it can speak for the client
	by, _ := socketio.CallerOf(s)
	data := map[string]any{"user": by.UserID}
	if by.Tenant != "" {
		data["tenant"] = by.Tenant
	}
	if len(by.Roles) > 0 {
		data["roles"] = by.Roles
	}
	return shownSocket{
		ID: s.ID(), ClientID: hex.EncodeToString(connection[:6]), Transport: s.Transport(), Namespace: s.Namespace(),
		Data: data, Rooms: append(slices.Clip(rooms), s.ID()),
		Handshake: shownHandshake{
			Address: host, Headers: r.values(hs.Header), Query: r.values(hs.Query), Secure: hs.Secure,
			Issued: since.UnixMilli(), Time: since.UTC().Format(time.RFC1123), Cross: hs.Header.Get("Origin") != "",
		},
	}
}

const maxValues = 32 // headers, or values of a query, that are shown

// values are headers or a query as they may be shown.
func (r *Record) values(all map[string][]string) map[string]string {
	out := map[string]string{}
	for name, values := range all {
		if len(out) == maxValues {
			break
		}
		if r.secrets.Has(name) {
			continue
		}
		out[short(name)] = short(strings.Join(values, ", "))
	}
	return out
}
