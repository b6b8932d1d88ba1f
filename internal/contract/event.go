package contract

import "reflect"

// An Event declares one fact the service announces, and who hears it.
type Event[T any] struct {
	Namespace Namespace
	Name      string // wire name, past tense, "message.posted"; permanent
	Doc       string // one sentence

	// To gives the rooms that hear the event. Nil: each emission is addressed by
	// the handler (To, ToUser, ToCaller, ToEveryone).
	To func(T) []Room

	// Keep is about how many of the newest are kept for each Key of the commands that
	// raise the event, to be read through a History. They are kept by the commit that
	// announces them, so each once, and whoever has heard one or was answered finds it.
	// A command raises the event once at most. Zero: none is kept.
	Keep int
}

// An EventSpec is an event with its type erased.
type EventSpec struct {
	Namespace Namespace
	Name      string
	Doc       string
	Type      reflect.Type
	Keep      int
}

func (s EventSpec) same(o EventSpec) bool {
	return s.Name == o.Name && s.Namespace.Name == o.Namespace.Name && s.Type == o.Type
}

// Spec describes the event to catalogs.
func (e Event[T]) Spec() EventSpec {
	return EventSpec{Namespace: e.Namespace, Name: e.name(), Doc: e.Doc, Type: reflect.TypeFor[T](), Keep: e.Keep}
}

// Of is the effect that announces payload to the event's rooms.
func (e Event[T]) Of(payload T) Emission {
	m := Emission{Event: e.Spec(), Payload: payload}
	shape := ShapeOf(m.Event.Type)
	m.Spread, m.Binary = shape.Args != nil, shape.Binary
	if e.To != nil {
		m.Audience.Rooms = e.To(payload)
	}
	return m
}
