package contract

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// A Binding is what Methods binds: a Command, to the method of its name, or a Route,
// which has its handler already.
type Binding interface{ bind(*methods) Route }

// Methods binds commands to the methods of a service, by name: of the operation
// "chat.join_room" it is JoinRoom. What clients call a command, its Event says and not
// the method.
//
//	func (s *Service) Routes() []contract.Route {
//		return contract.Methods(s, Join, JoinRoom, Leave.Handle(s.leaveQuietly))
//	}
//
// Each method must be what Handle takes. A command without a method, one of another
// type, and a method for which there is no command are mistakes that Catalog.Check
// tells, with the signature it expects. A Route wins over the method of its name.
//
// Prefer a table of Handle: there a wrong type does not compile, the handlers need not
// be exported, and the call is a direct one. Methods are for who would rather name each
// command once; they are found when the service starts, and a bound one costs about half
// a microsecond a call.
func Methods(service any, bindings ...Binding) []Route {
	set := &methods{service: reflect.ValueOf(service), taken: map[string]bool{}}
	routes := make([]Route, 0, len(bindings)+1)
	for _, b := range bindings {
		routes = append(routes, b.bind(set))
	}
	if extra := set.extra(); extra != nil {
		if len(routes) == 0 {
			routes = append(routes, Route{In: reflect.TypeFor[None](), Out: reflect.TypeFor[None]()})
		}
		routes[0].mistake = errors.Join(routes[0].mistake, extra)
	}
	return routes
}

// methods are those of one service.
type methods struct {
	service reflect.Value
	taken   map[string]bool // names of methods that a binding stands for
}

// bind takes the place of the method of the route's name.
func (r Route) bind(set *methods) Route {
	set.taken[methodName(r.Operation)] = true
	return r
}

// bind finds the handler of the command.
func (c Command[In, Out]) bind(set *methods) Route {
	name := methodName(c.Operation)
	set.taken[name] = true
	type handler = func(context.Context, In) (Out, []Effect, error)
	found, h := reflect.Value{}, handler(nil)
	if set.service.IsValid() {
		found = set.service.MethodByName(name)
	}
	var mistake error
	if !found.IsValid() {
		mistake = fmt.Errorf("%s has no method %s; it must be %s", set.name(), name, signature[In, Out](name))
	} else if h, _ = found.Interface().(handler); h == nil {
		mistake = fmt.Errorf("the method %s of %s is a %s; it must be %s", name, set.name(), found.Type(), signature[In, Out](name))
	}
	r := c.Handle(h)
	r.mistake = mistake
	return r
}

func signature[In, Out any](method string) string {
	return fmt.Sprintf("%s(context.Context, %s) (%s, []contract.Effect, error)", method, reflect.TypeFor[In](), reflect.TypeFor[Out]())
}

func (set *methods) name() string {
	if !set.service.IsValid() {
		return "the service, which is nil,"
	}
	return set.service.Type().String()
}

// extra tells of methods that look like handlers and that nobody binds: the command that
// was forgotten would else be silently not there.
func (set *methods) extra() error {
	if !set.service.IsValid() {
		return nil
	}
	var errs []error
	t := set.service.Type()
	for i := range t.NumMethod() {
		m := t.Method(i)
		if f := set.service.Method(i).Type(); !set.taken[m.Name] && isHandler(f) {
			errs = append(errs, fmt.Errorf("the method %s of %s is a handler, and no command of the list is its: add one whose operation ends in %q, or do not export the method",
				m.Name, t, "."+snakeCase(m.Name)))
		}
	}
	return errors.Join(errs...)
}

// isHandler tells whether a function is what Handle takes for some command.
func isHandler(f reflect.Type) bool {
	return f.NumIn() == 2 && f.In(0) == reflect.TypeFor[context.Context]() &&
		f.NumOut() == 3 && f.Out(1) == reflect.TypeFor[[]Effect]() && f.Out(2) == reflect.TypeFor[error]()
}

// methodName is the last part of an operation in camel case.
func methodName(operation string) string {
	verb := operation[strings.LastIndexByte(operation, '.')+1:]
	var b strings.Builder
	for word := range strings.SplitSeq(verb, "_") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}
