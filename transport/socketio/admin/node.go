package admin

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/transport/socketio"
)

// A question is what an operator's node asks all nodes: to say how they are, or to do
// something.
type question struct {
	Since  map[string]uint64 `json:"since,omitempty"`  // by boot: the first entry of its record that is wanted; a boot that is not there gives all its sockets
	Events bool              `json:"events,omitempty"` // the record is wanted
	Act    *action           `json:"act,omitempty"`
}

// A report is how a node is.
type report struct {
	Stats   stats             `json:"stats"`
	Totals  []total           `json:"totals"`
	Next    uint64            `json:"next"`              // the first entry that is not in Events, or not in Sockets
	Entries []entry           `json:"entries,omitempty"` // since the one that was asked for, or
	Whole   bool              `json:"whole,omitempty"`   // all:
	Sockets []json.RawMessage `json:"sockets,omitempty"`
}

// stats are what the UI shows of a server.
type stats struct {
	ServerID   string       `json:"serverId"`
	Hostname   string       `json:"hostname"`
	PID        int          `json:"pid"`
	Uptime     float64      `json:"uptime"` // seconds
	Clients    int          `json:"clientsCount"`
	Polling    int          `json:"pollingClientsCount"`
	Aggregated []aggregated `json:"aggregatedEvents"`
	Namespaces []sized      `json:"namespaces"`
}

type sized struct {
	Name    string `json:"name"`
	Sockets int    `json:"socketsCount"`
}

// A total is how often something has happened since the node started.
type total struct {
	Type    string `json:"type"`
	SubType string `json:"subType,omitempty"`
	Count   uint64 `json:"count"`
}

// An aggregated is how often it happened lately.
type aggregated struct {
	Timestamp int64 `json:"timestamp"` // ms
	total
}

// node is this node, as far as operators on any node are concerned.
type node struct {
	cfg     Config
	record  *Record
	gateway *socketio.Gateway
	name    string
	boot    string
	host    string
	began   time.Time
	log     *slog.Logger
}

func newNode(cfg Config, r *Record, g *socketio.Gateway, name, boot string, log *slog.Logger) *node {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &node{cfg: cfg, record: r, gateway: g, name: name, boot: boot, host: host, began: time.Now(), log: log}
}

// answer answers an operator's node: with nothing if it does not do what it is asked. It
// does not block: a report, which looks at every connection, has a goroutine of its own.
func (n *node) answer(payload json.RawMessage, done func(broker.Answer)) {
	var q question
	if err := json.Unmarshal(payload, &q); err != nil {
		n.log.Warn("a node asks for its admins what this version does not understand", "error", err)
		done(broker.Answer{})
		return
	}
	if q.Act == nil {
		go func() { done(broker.Answer{Body: encoded(n.report(q))}) }()
		return
	}
	if n.cfg.ReadOnly {
		n.log.Warn("did nothing for an admin of another node: ADMIN_UI_READONLY is on here", "action", q.Act.Do)
		done(broker.Answer{})
		return
	}
	found, err := q.Act.on(n.gateway)
	if err != nil {
		n.log.Warn("could not do what an admin asked for", "action", q.Act.Do, "error", err)
		done(broker.Answer{})
		return
	}
	done(broker.Answer{Count: found, Body: json.RawMessage(`{"done":true}`)})
}

func (n *node) report(q question) report {
	r := report{
		Stats: stats{
			ServerID: n.name, Hostname: n.host, PID: os.Getpid(), Uptime: time.Since(n.began).Seconds(),
			Clients: n.gateway.Connections(), Polling: n.gateway.Polling(), Namespaces: largest(n.gateway.Namespaces()),
		},
		Totals: n.totals(),
	}
	if !q.Events || !n.cfg.Development {
		return r
	}
	since, known := q.Since[n.boot]
	if known {
		r.Entries, r.Next, known = n.record.since(since)
	}
	if !known {
		r.Whole = true
		r.Sockets, r.Next = n.record.all()
	}
	return r
}

const maxNamespaces = 100 // that the UI is shown of a node

// largest are the namespaces with the most sockets, by name.
func largest(all map[string]int) []sized {
	list := []sized{}
	for name, n := range all {
		list = append(list, sized{short(name), n})
	}
	slices.SortFunc(list, func(a, b sized) int {
		return cmp.Or(cmp.Compare(b.Sockets, a.Sockets), cmp.Compare(a.Name, b.Name))
	})
	list = list[:min(len(list), maxNamespaces)]
	slices.SortFunc(list, func(a, b sized) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func (n *node) totals() []total {
	t := &n.record.Traffic
	list := []total{
		{Type: "rawConnection", Count: t.Opened.Load()},
		{Type: "packetsIn", Count: t.PacketsIn.Load()}, {Type: "packetsOut", Count: t.PacketsOut.Load()},
		{Type: "bytesIn", Count: t.BytesIn.Load()}, {Type: "bytesOut", Count: t.BytesOut.Load()},
	}
	closed := t.Closed()
	for _, reason := range slices.Sorted(maps.Keys(closed)) {
		list = append(list, total{Type: "rawDisconnection", SubType: reason, Count: closed[reason]})
	}
	return list
}
