package load

import (
	"fmt"
	"math"
	"strings"
)

// A chart is a plot of lines, in the units of its picture.
type chart struct {
	Title, Unit   string
	Width, Height int
	Left, Bottom  int // of the plot, with the numbers beyond
	Lines         []line
	X, Y          []tick
}

type line struct {
	Name, Class string
	Points      string // "x,y x,y …"
	Values      int
}

type tick struct {
	At   float64
	Text string
}

// A series is what a line shows.
type series struct {
	name, class string
	x, y        []float64
}

const (
	chartWidth, chartHeight = 720, 220
	chartLeft, chartBottom  = 56, 190
	chartTop, chartRight    = 12, 692
)

// newChart draws series over each other, with numbers below at so many steps. Latencies
// spread over orders of magnitude: log draws them so.
func newChart(title, unit string, log bool, steps int, xText func(float64) string, all ...series) chart {
	c := chart{Title: title, Unit: unit, Width: chartWidth, Height: chartHeight, Left: chartLeft, Bottom: chartBottom}
	low, high, last := math.Inf(1), 0.0, 0.0
	for _, s := range all {
		for i := range s.y {
			last = max(last, s.x[i])
			high = max(high, s.y[i])
			if s.y[i] > 0 {
				low = min(low, s.y[i])
			}
		}
	}
	if high == 0 {
		return c
	}
	scale := func(v float64) float64 { return v / high }
	if log {
		from := math.Floor(math.Log10(low))
		to := max(math.Ceil(math.Log10(high)), from+1)
		scale = func(v float64) float64 { return (math.Log10(max(v, pow10(from))) - from) / (to - from) }
		for e := from; e <= to; e++ {
			c.Y = append(c.Y, tick{y(scale(pow10(e))), short(pow10(e))})
		}
	} else {
		step := round(high / 4)
		high = math.Ceil(high/step) * step
		for v := 0.0; v <= high; v += step {
			c.Y = append(c.Y, tick{y(scale(v)), short(v)})
		}
	}
	last = max(last, 1)
	for i := range steps + 1 {
		at := last * float64(i) / float64(steps)
		c.X = append(c.X, tick{x(at / last), xText(at)})
	}
	for _, s := range all {
		var points strings.Builder
		for i := range s.y {
			fmt.Fprintf(&points, "%.1f,%.1f ", x(s.x[i]/last), y(scale(s.y[i])))
		}
		c.Lines = append(c.Lines, line{Name: s.name, Class: s.class, Points: strings.TrimSpace(points.String()), Values: len(s.y)})
	}
	return c
}

func x(part float64) float64 { return chartLeft + part*(chartRight-chartLeft) }
func y(part float64) float64 { return chartBottom - part*(chartBottom-chartTop) }

// round is the next 1, 2 or 5 times a power of ten.
func round(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range [...]float64{1, 2, 5} {
		if v <= m*power {
			return m * power
		}
	}
	return 10 * power
}

func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%g", math.Round(v*1e4)/1e4)
}

// nines is 1 for 90%, 2 for 99%, 3 for 99.9%.
func nines(percentile float64) float64 { return -math.Log10(1 - percentile/100) }

func pow10(v float64) float64 { return math.Pow(10, v) }
