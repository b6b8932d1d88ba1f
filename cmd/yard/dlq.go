package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/example/switchyard/internal/broker"
)

var errEnough = errors.New("enough")

func dlqList(ctx context.Context, y *yard, _ []string) error {
	found, rows := []broker.DeadLetter{}, [][]any{}
	more := false
	err := y.EachDeadLetter(ctx, func(d broker.DeadLetter) error {
		if more = len(found) >= y.limit; more {
			return errEnough
		}
		found = append(found, d)
		rows = append(rows, []any{d.Ref, d.At.Format(time.RFC3339), d.Operation, d.CommandID, d.Attempts, short(d.Reason, 80)})
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if err := y.print(found, "REF AT OPERATION COMMAND ATTEMPTS REASON", rows); err != nil || !more || y.json {
		return err
	}
	_, err = fmt.Fprintf(y.out, "There are more than %d: --limit shows them.\n", y.limit)
	return err
}

func dlqShow(ctx context.Context, y *yard, args []string) error {
	d, err := y.DeadLetter(ctx, args[0])
	if err != nil {
		return err
	}
	rows := [][]any{
		{"ref", d.Ref}, {"at", d.At.Format(time.RFC3339)}, {"command", d.CommandID}, {"operation", d.Operation},
		{"origin", d.Origin + " " + d.Entry}, {"attempts", d.Attempts}, {"reason", d.Reason},
	}
	for _, name := range slices.Sorted(maps.Keys(d.Metadata)) {
		if name != "operation" {
			rows = append(rows, []any{name, d.Metadata[name]})
		}
	}
	return y.print(d, "FIELD VALUE", append(rows, []any{"payload", d.Payload}))
}

func dlqReplay(ctx context.Context, y *yard, args []string) error {
	return y.each(ctx, args, "replayed", y.Replay)
}

func dlqDrop(ctx context.Context, y *yard, args []string) error {
	return y.each(ctx, args, "dropped", y.Drop)
}

// each does one thing to those that are named, or to all, and says to which it was
// done. One that fails does not keep the others.
func (y *yard) each(ctx context.Context, names []string, done string, do func(context.Context, broker.DeadLetter) error) error {
	results, rows, failed := []map[string]string{}, [][]any{}, []error{}
	one := func(d broker.DeadLetter) error {
		if err := do(ctx, d); err != nil {
			failed = append(failed, err)
			return ctx.Err()
		}
		results = append(results, map[string]string{"ref": d.Ref, "command_id": d.CommandID, "did": done})
		rows = append(rows, []any{done, d.Ref, d.CommandID})
		return nil
	}
	if y.all {
		if err := y.EachDeadLetter(ctx, one); err != nil {
			failed = append(failed, err)
		}
	}
	for _, name := range names {
		d, err := y.DeadLetter(ctx, name)
		if err == nil {
			err = one(d)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(append([]error{y.print(results, "DID REF COMMAND", rows)}, failed...)...)
}
