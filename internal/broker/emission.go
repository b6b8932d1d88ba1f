package broker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/jsonscan"
)

func (r *resultsOf) emit(e contract.Emission) error {
	payload, err := json.Marshal(e.Payload)
	if err != nil {
		return fmt.Errorf("%s: encode event %s: %w", r.c.Operation, e.Event.Name, err)
	}
	if err := checkShape(payload, e.Spread, e.Binary); err != nil {
		return fmt.Errorf("%s: event %s: %w", r.c.Operation, e.Event.Name, err)
	}
	a := e.Audience
	sockets := a.Sockets
	if a.Caller && r.c.Caller.Socket != "" {
		sockets = append(slices.Clip(sockets), r.c.Caller.Socket)
	}
	if e.Event.Namespace, err = e.NamespaceFor(r.c.Caller); err != nil {
		return fmt.Errorf("%s: %w", r.c.Operation, err)
	}
	md := r.event(e.Event.Namespace.Name, payload).Metadata
	md[MetaEvent] = cmp.Or(e.Name, e.Event.Name)
	if e.Event.Keep > 0 {
		if r.c.Key == "" {
			return fmt.Errorf("%s emitted %s, which is kept for each key, and this command's key is empty", r.c.Operation, e.Event.Name)
		}
		md[metaKeep], md[metaLog] = strconv.Itoa(e.Event.Keep), historyKey(partitionOf(r.c.lane(), r.partitions), e.Event, r.c.Key)
	}
	set(md, MetaRooms, list(a.Rooms))
	set(md, MetaUsers, list(a.Users))
	set(md, MetaSockets, list(sockets))
	if a.Everyone {
		md[MetaEveryone] = "true"
	}
	if e.Volatile {
		md[MetaVolatile] = "true"
	}
	if e.Spread {
		md[MetaSpread] = "true"
		set(md, MetaArguments, unplaced(payload, e.Event.Type))
	}
	if len(e.Binary) > 0 {
		md[MetaBinary] = list(e.Binary)
	}
	if a.Local {
		set(md, MetaOnly, r.c.Caller.Node)
	}
	set(md, MetaExcept, r.except(a))
	return nil
}

// except is the sockets that an audience leaves out: one as it is, as most are, or a
// list.
func (r *resultsOf) except(a contract.Audience) string {
	var caller string
	if a.ExceptCaller {
		caller = r.c.Caller.Socket
	}
	switch {
	case len(a.Except) == 0:
		return caller
	case caller != "":
		return list(append(slices.Clip(a.Except), caller))
	}
	return list(a.Except)
}

// unplaced are the names of an event's arguments where its payload does not tell their
// places: it leaves out one that may be missing, and has a later one. The payload itself
// stays as its schema says, for histories and for other readers of the lanes.
func unplaced(payload []byte, t reflect.Type) string {
	if t == nil { // of an event that nobody has declared
		return ""
	}
	shape := contract.ShapeOf(t)
	if shape.Needed == len(shape.Args) {
		return ""
	}
	n, gap := 0, false
	_, _ = jsonscan.Members(payload, 0, func(name string, _ []byte) { // what json.Marshal has written
		gap = gap || n >= len(shape.Args) || name != shape.Args[n]
		n++
	})
	if !gap {
		return ""
	}
	return list(shape.Args)
}

// checkShape refuses what could not be written on a socket: arguments that are nested too
// deeply to be taken apart, and attachments that would crowd out all else that waits for
// a client.
func checkShape(payload []byte, spread bool, places []string) error {
	if !spread && len(places) == 0 {
		return nil
	}
	n := 0
	err := jsonscan.Find(payload, places, func(int, int) { n++ })
	if err == nil && n > contract.MaxBinary {
		err = fmt.Errorf("it has %d binary values, and may have %d", n, contract.MaxBinary)
	}
	return err
}
