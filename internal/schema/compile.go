package schema

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/ratelimit"
)

// Compile makes the schemas of a catalog. Its error holds every mistake of the
// catalog, of its declarations and of its types, joined.
func Compile(c *contract.Catalog) (*Contract, error) {
	fast := *c
	fast.Routes = slices.Clone(c.Routes)
	k := &compiler{
		out:  &Contract{Catalog: &fast, Limits: ratelimit.New(), outputs: &outputs{every: 1}},
		errs: []error{c.Check()}, seen: map[string]bool{}, taken: names{},
	}
	for _, own := range machinery {
		k.errs = append(k.errs, k.taken.claim(own))
	}
	for i, r := range c.Routes {
		k.command(i, r)
	}
	for _, e := range c.Events {
		_, err := k.schemaOf(e.Type)
		k.report(fmt.Sprintf("event %q", e.Name), err)
	}
	for _, a := range c.Asks {
		k.ask(a)
	}
	if err := errors.Join(k.errs...); err != nil {
		return nil, fmt.Errorf("the catalog has mistakes:\n%w", err)
	}
	return k.out, nil
}

// A compiler makes a contract, and gathers what is wrong with it.
type compiler struct {
	out   *Contract
	errs  []error
	seen  map[string]bool
	taken names
}

// report notes mistakes. Types are shared between declarations; each mistake in one is
// told once.
func (k *compiler) report(who string, err error) {
	for _, e := range flatten(err) {
		if !k.seen[e.Error()] {
			k.seen[e.Error()] = true
			k.errs = append(k.errs, fmt.Errorf("%s: %w", who, e))
		}
	}
}

func (k *compiler) schemaOf(t reflect.Type) (*jsonschema.Schema, error) {
	s, err := For(t)
	if err == nil {
		err = k.taken.claim(t)
	}
	return s, err
}

// command compiles a route, which has this place in the catalog.
func (k *compiler) command(i int, r contract.Route) {
	who := fmt.Sprintf("command %q", r.Operation)
	in, err := k.schemaOf(r.In)
	k.report(who+": input", err)
	output, outErr := k.schemaOf(r.Out)
	k.report(who+": output", outErr)
	if err != nil || outErr != nil {
		return
	}
	if in.Type != "object" || output.Type != "object" || r.In.Kind() == reflect.Map || r.Out.Kind() == reflect.Map {
		k.report(who, errors.New("input and output must be structs, so that fields can be added later"))
	}
	result := firstArgument(r.Out, output)
	if kind, ok := result.Properties["kind"]; ok && !isUnion(result, kind) {
		k.report(who, errors.New(`the output's field "kind" is what tells results apart, and a problem from them: it must be there always, with an enum of texts other than "error"`))
	}
	k.report(who, overREST(r.HTTP, in))
	v, err := NewDecoder(in, r.In)
	k.report(who+": input", err)
	if err == nil {
		r = r.DecodedBy(v.Decode, v.DecodeAny)
		answers, err := NewValidator(output)
		k.report(who+": output", err)
		if err == nil {
			r.Serve = k.out.outputs.around(r, answers)
		}
		k.out.Routes[i] = r
	}
	k.out.Commands = append(k.out.Commands, &Command{Route: r, Input: v, gate: k.out.Limits.Gate(r.Rates)})
}

func (k *compiler) ask(a contract.AskSpec) {
	who := fmt.Sprintf("question %q", a.Name)
	_, err := k.schemaOf(a.Question)
	k.report(who, err)
	answer, err := k.schemaOf(a.Answer)
	k.report(who+": answer", err)
	if err != nil {
		return
	}
	if _, ok := firstArgument(a.Answer, answer).Properties["kind"]; ok {
		k.report(who, errors.New(`the answer has a field "kind", which is what tells a refusal from an answer`))
	}
	v, err := NewValidator(answer)
	k.report(who+": answer", err)
	k.out.Asks = append(k.out.Asks, &Ask{AskSpec: a, Answer: v})
}

// machinery are the types that every service's documents show.
var machinery = []reflect.Type{reflect.TypeFor[fault.Problem](), reflect.TypeFor[contract.ResyncPayload]()}

func flatten(err error) []error {
	if err == nil {
		return nil
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range j.Unwrap() {
			out = append(out, flatten(e)...)
		}
		return out
	}
	return []error{err}
}
