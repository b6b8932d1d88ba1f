package load

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
)

//go:embed report.html
var reportHTML string

var reportTemplate = template.Must(template.New("report").Parse(reportHTML))

// Report writes the result as a page of HTML that needs nothing else.
func (r *Result) Report(w io.Writer) error {
	return reportTemplate.Execute(w, page{Result: r, Charts: r.charts(), Cards: r.cards(), Codes: slices.Sorted(maps.Keys(r.Problems)), Shape: r.shape(), Broken: r.Broken()})
}

type page struct {
	*Result
	Charts []chart
	Cards  []card
	Codes  []string
	Shape  string
	Broken []string
}

// URL is where the load went.
func (p page) URL() string { return strings.Join(p.URLs, ", ") }

type card struct{ Name, Value, Unit string }

func (r *Result) cards() []card {
	number := func(v float64) string { return fmt.Sprintf("%.0f", v) }
	milliseconds := func(v float64) string { return fmt.Sprintf("%.2f", v) }
	what := "answers"
	if r.Scenario == Connect {
		what = "connections"
	}
	all := []card{
		{what, number(r.Rate), "/s"}, {"median", milliseconds(r.Latency.P50), "ms"},
		{"99%", milliseconds(r.Latency.P99), "ms"}, {"slowest", milliseconds(r.Latency.Max), "ms"},
	}
	if r.Scenario == Broadcast {
		all = append(all, card{"events heard", number(r.Heard), "/s"}, card{"delivery, 99%", milliseconds(r.Delivery.P99), "ms"})
	}
	return all
}

func (r *Result) charts() []chart {
	seconds := func(v float64) string { return fmt.Sprintf("%.0f s", v) }
	part := func(v float64) string { // as many nines as that
		return fmt.Sprintf("%.*f%%", max(int(v+0.5)-2, 0), 100-100/pow10(v))
	}
	line := func(name, class string, of func(Second) float64) series {
		s := series{name: name, class: class}
		for _, second := range r.Timeline {
			s.x, s.y = append(s.x, second.At), append(s.y, of(second))
		}
		return s
	}
	rates := []series{line("answers", "a", func(s Second) float64 { return float64(s.Latency.Count) })}
	curves := []series{curve("answers", "a", r.Curve)}
	latencies := []series{
		line("median", "a", func(s Second) float64 { return s.Latency.P50 }), line("99%", "b", func(s Second) float64 { return s.Latency.P99 }),
		line("slowest", "c", func(s Second) float64 { return s.Latency.Max }),
	}
	if r.Scenario == Broadcast {
		rates = append(rates, line("events heard", "b", func(s Second) float64 { return float64(s.Delivery.Count) }))
		curves = append(curves, curve("delivery", "b", r.DeliveryCurve))
	}
	return []chart{
		newChart("Rate", "a second", false, 5, seconds, rates...),
		newChart("Latency in time", "ms", true, 5, seconds, latencies...),
		newChart("Latency by percentile", "ms", true, 4, part, curves...),
		newChart("Connections", "open", false, 5, seconds, line("connections", "a", func(s Second) float64 { return float64(s.Connections) })),
	}
}

// curve is a distribution, where 90%, 99% and 99.9% are equally far apart.
func curve(name, class string, points []Point) series {
	s := series{name: name, class: class}
	for _, p := range points {
		if p.Percentile < 100 {
			s.x, s.y = append(s.x, nines(p.Percentile)), append(s.y, p.MS)
		}
	}
	return s
}
