package metrics_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/metrics"
)

var update = flag.Bool("update", false, "write docs/metrics.md")

// full are metrics of which every one has a series.
func full() *metrics.Metrics {
	m := metrics.New()
	m.Serve(contract.NewCatalog([]contract.Route{{Operation: "board.rename", Namespace: contract.Namespace{Name: "/board"}}}))
	m.Read(func(context.Context) metrics.Reading {
		return metrics.Reading{
			Node: "n", Role: "all", RedisUp: true, Draining: true, DrainOverdue: time.Minute, Connections: 7,
			Namespaces: []metrics.Namespace{{Name: "/board", Sockets: 7}},
			Partitions: []metrics.Partition{{Number: 3, Backlog: 9, Oldest: 1500 * time.Millisecond, Ownerless: true}},
			Pools:      []metrics.Pool{{Name: "commands", Used: 1, Idle: 2}},
		}
	})
	return m
}

func gather(t *testing.T, m *metrics.Metrics) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := m.Gather().Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*dto.MetricFamily{}
	for _, f := range families {
		all[f.GetName()] = f
	}
	return all
}

func TestNamesAreWhatPrometheusExpects(t *testing.T) {
	t.Parallel()
	problems, err := testutil.GatherAndLint(full().Gather())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestACommandIsCountedByItsNameAndItsAnswer(t *testing.T) {
	t.Parallel()
	m := full()
	o := m.Operation("board.rename")
	o.Answered("")
	o.Answered(fault.Conflict)
	o.Answered("what a later version says")
	m.Operation("what a client calls").Answered(fault.NotFound)
	o.Took("", 2*time.Millisecond)
	o.Took(fault.Timeout, -time.Second)
	m.Connected("/board", fault.Unauthenticated)
	want := `
# HELP switchyard_partition_oldest_seconds Age of a partition's oldest command that is not completed; 0 for none.
# TYPE switchyard_partition_oldest_seconds gauge
switchyard_partition_oldest_seconds{partition="3"} 1.5
`
	if err := testutil.GatherAndCompare(m.Gather(), strings.NewReader(want), "switchyard_partition_oldest_seconds"); err != nil {
		t.Error(err)
	}
	got := map[string]float64{}
	for name, f := range gather(t, m) {
		for _, s := range f.Metric {
			var labels []string
			for _, l := range s.Label {
				labels = append(labels, l.GetValue())
			}
			if n := s.GetCounter().GetValue() + float64(s.GetHistogram().GetSampleCount()); n > 0 {
				got[name+" "+strings.Join(labels, " ")] = n
			}
		}
	}
	counted := map[string]float64{
		"switchyard_commands_total ok board.rename": 1, "switchyard_commands_total conflict board.rename": 1,
		"switchyard_commands_total other board.rename": 1, "switchyard_commands_total not_found none": 1,
		"switchyard_command_duration_seconds ok board.rename": 1, "switchyard_command_duration_seconds timeout board.rename": 1,
		"switchyard_connects_total unauthenticated /board": 1,
	}
	if diff := cmp.Diff(counted, got); diff != "" {
		t.Error(diff)
	}
}

// What is counted for each message is no work for the garbage collector.
func TestCountingAllocatesNothing(t *testing.T) {
	m := full()
	m.Operation("board.rename").Took(fault.Conflict, 1)
	n := testing.AllocsPerRun(1000, func() {
		o := m.Operation("board.rename")
		o.Answered("")
		o.Answered(fault.Conflict)
		o.Took("", time.Millisecond)
		o.Took(fault.Conflict, time.Millisecond)
		o.Handled(time.Millisecond)
		m.Stream.Took(time.Millisecond)
		m.Commit.Took(time.Second)
		m.Expired.Inc()
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// docs/metrics.md has what the metrics say of themselves.
func TestDocuments(t *testing.T) {
	t.Parallel()
	const path, begin, end = "../../docs/metrics.md", "<!-- metrics -->\n", "<!-- /metrics -->"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(page, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		t.Fatalf("%s has no %s… %s", path, begin, end)
	}
	want := slices.Concat(before, []byte(begin), table(gather(t, full())), []byte(end), after)
	if bytes.Equal(page, want) {
		return
	}
	if !*update {
		t.Fatalf("%s is not up to date: run make generate\n%s", path, cmp.Diff(string(page), string(want)))
	}
	if err := os.WriteFile(path, want, 0o644); err != nil {
		t.Fatal(err)
	}
}

func table(families map[string]*dto.MetricFamily) []byte {
	var b bytes.Buffer
	b.WriteString("| metric | type | labels | |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(families)) {
		f := families[name]
		var labels []string
		for _, l := range f.Metric[0].Label {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), strings.Join(labels, " "), f.GetHelp())
	}
	return b.Bytes()
}

func BenchmarkCommand(b *testing.B) {
	m := full()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			o := m.Operation("board.rename")
			o.Answered("")
			o.Took("", time.Millisecond)
			o.Handled(time.Millisecond)
			m.Stream.Took(time.Millisecond)
			m.Commit.Took(time.Millisecond)
			m.FanOut.Took(time.Millisecond)
		}
	})
}
