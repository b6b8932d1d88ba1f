package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
)

// print writes one value as JSON, or a table.
func (y *yard) print(v any, head string, rows [][]any) error {
	if y.json {
		return y.line(v)
	}
	t := tabwriter.NewWriter(y.out, 0, 0, 2, ' ', 0)
	lines := []string{strings.ReplaceAll(head, " ", "\t")}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = plain(fmt.Sprint(cell))
		}
		lines = append(lines, strings.Join(cells, "\t"))
	}
	if _, err := t.Write([]byte(strings.Join(lines, "\n") + "\n")); err != nil {
		return err
	}
	return t.Flush()
}

// line writes one value as a line of JSON.
func (y *yard) line(v any) error {
	e := json.NewEncoder(y.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// plain is a text that a terminal shows and does not obey, on one line.
func plain(s string) string {
	if s == "" {
		return "-"
	}
	var b strings.Builder
	for _, r := range s {
		if strconv.IsGraphic(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// short is the beginning of a text.
func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// lease says who may work on a partition.
func lease(p broker.PartitionState) string {
	switch p.Lease {
	case "held":
		return ms(p.LeaseMS).String()
	case "lapsed":
		return "lapsed " + ms(-p.LeaseMS).Round(time.Second).String() + " ago"
	}
	return p.Lease
}

func lag(ctx context.Context, y *yard, _ []string) error {
	all, err := y.Partitions(ctx)
	if err != nil {
		return err
	}
	var rows [][]any
	for _, p := range all {
		oldest := "-"
		if p.Backlog > 0 {
			oldest = ms(p.OldestMS).String()
		}
		rows = append(rows, []any{p.Partition, p.Backlog, oldest, p.Node, p.Epoch, lease(p)})
	}
	return y.print(all, "PARTITION BACKLOG OLDEST OWNER EPOCH LEASE", rows)
}

func partitions(ctx context.Context, y *yard, _ []string) error {
	all, err := y.Partitions(ctx)
	if err != nil {
		return err
	}
	var rows [][]any
	for _, p := range all {
		rows = append(rows, []any{p.Partition, p.Boot, p.Epoch, lease(p), p.Backlog, p.Events, p.DeadLetters})
	}
	return y.print(all, "PARTITION OWNER EPOCH LEASE COMMANDS EVENTS DEAD", rows)
}

func repartition(ctx context.Context, y *yard, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return fmt.Errorf("%q is no number of partitions", args[0])
	}
	moved, err := broker.Repartition(ctx, y.rdb, n)
	if err != nil {
		return err
	}
	return y.print(map[string]int{"partitions": n, "moved": moved}, "PARTITIONS MOVED", [][]any{{n, moved}})
}

func nodes(ctx context.Context, y *yard, _ []string) error {
	all, err := y.Workers(ctx)
	if err != nil {
		return err
	}
	var rows [][]any
	for _, w := range all {
		beat := "gone"
		if w.BeatMS >= 0 {
			beat = ms(w.BeatMS).String() + " ago"
		}
		rows = append(rows, []any{w.Node, w.Boot, beat, len(w.Partitions), strings.Trim(fmt.Sprint(w.Partitions), "[]")})
	}
	return y.print(all, "WORKER BOOT BEAT COUNT PARTITIONS", rows)
}

func tail(ctx context.Context, y *yard, args []string) error {
	return y.Tail(ctx, args[0], y.all, func(e broker.LaneEntry) error {
		if y.json {
			return y.line(e)
		}
		what := e.Metadata["operation"]
		if args[0] == "evt" {
			what = e.Metadata["namespace"] + " " + e.Metadata["event"] + e.Metadata["action"]
		}
		if e.Error != "" {
			what = e.Error
		}
		_, err := fmt.Fprintf(y.out, "%s %s %s %s %s\n", e.At.Format(time.RFC3339), plain(e.Stream), plain(e.ID), plain(what), plain(short(e.Payload, 200)))
		return err
	})
}

func emit(ctx context.Context, y *yard, args []string) error {
	m := contract.Emission{Event: contract.EventSpec{Namespace: contract.Namespace{Name: args[0]}, Name: args[1]}, Payload: json.RawMessage(args[2])}
	for _, room := range y.rooms {
		m = m.To(contract.Room(room))
	}
	for _, user := range y.users {
		m = m.ToUser(user)
	}
	m.Audience.Everyone = y.everyone
	id, err := y.Emitter().Emit(ctx, m)
	if err != nil {
		return err
	}
	return y.print(map[string]string{"id": id}, "EMITTED", [][]any{{id}})
}
