package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// arguments are a declared value as it is sent: one argument, or each field of a struct of
// several (contract.Args). What is binary in it leaves as base64, which servers take too.
func arguments(v any) ([]any, error) {
	names := shapeOf(reflect.TypeOf(v)).Args
	if names == nil {
		return []any{v}, nil
	}
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, err
	}
	var args []any
	for i, name := range names {
		if field, ok := fields[name]; ok { // a missing one before it is null
			args = append(append(args, make([]any, i-len(args))...), field)
		}
	}
	return args, nil
}

// shapeOf is the shape of a type, that of one argument for what is no struct.
func shapeOf(t reflect.Type) contract.Shape {
	if t == nil || t.Kind() != reflect.Struct {
		return contract.Shape{}
	}
	return contract.ShapeOf(t)
}

// decodeArgs decodes what an event or an answer says. No argument is the zero value.
func decodeArgs(what string, args []json.RawMessage, attachments [][]byte, into any) error {
	if len(args) == 0 {
		return nil
	}
	body := args[0]
	if s := shapeOf(reflect.TypeOf(into).Elem()); s.Args != nil {
		body = named(s, args)
	}
	body, err := inline(body, attachments)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %w", what, ErrBadAnswer, err)
	}
	return nil
}

// named is the object that arguments are; those that nobody has declared are left out, and
// those that may be missing where they are null.
func named(s contract.Shape, args []json.RawMessage) json.RawMessage {
	object := []byte{'{'}
	for i, name := range s.Args[:min(len(s.Args), len(args))] {
		if i >= s.Needed && string(args[i]) == "null" {
			continue
		}
		if len(object) > 1 {
			object = append(object, ',')
		}
		object = append(strconv.AppendQuote(object, name), ':')
		object = append(object, args[i]...)
	}
	return append(object, '}')
}

// answer reads an acknowledgement: a problem is the fault that it stands for.
func (p *packet) answer(into any) error {
	args, err := p.args()
	if err != nil {
		return err
	}
	if len(args) > 0 {
		if err := fault.Of(args[0]); err != nil {
			return err
		}
	}
	return decodeArgs("the answer", args, p.attachments, into)
}

// inline puts attachments where they belong, as the base64 that a []byte is in JSON.
func inline(body json.RawMessage, attachments [][]byte) (json.RawMessage, error) {
	if len(attachments) == 0 {
		return body, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	v, err := fill(v, attachments)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

func fill(v any, attachments [][]byte) (_ any, err error) {
	switch v := v.(type) {
	case map[string]any:
		if v["_placeholder"] == true {
			number, _ := v["num"].(json.Number)
			n, err := number.Int64()
			if err != nil || n < 0 || n >= int64(len(attachments)) {
				return nil, fmt.Errorf("there is no attachment %q", number)
			}
			return attachments[n], nil
		}
		for name := range v {
			if v[name], err = fill(v[name], attachments); err != nil {
				return nil, err
			}
		}
	case []any:
		for i := range v {
			if v[i], err = fill(v[i], attachments); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}
