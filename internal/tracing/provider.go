package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Config is what a Tracer is told. All else that the standard's variables say, the SDK
// reads by itself: OTEL_EXPORTER_OTLP_HEADERS and TIMEOUT, OTEL_RESOURCE_ATTRIBUTES,
// OTEL_BSP_… and so on.
type Config struct {
	URL     string           // where traces are sent; "": where the variables say
	Service string           // name of the service; "": what the variables say, or switchyard
	Node    string           // unique name of this process' node
	Sampler sdktrace.Sampler // see ParseSampler
}

// A Tracer makes the spans of one node, and sends them to a collector. Nil makes none.
type Tracer struct {
	provider *sdktrace.TracerProvider
	exporter *exporter
	tracer   trace.Tracer
	log      *slog.Logger
}

const scope = "github.com/example/switchyard/internal/tracing"

// Open makes a tracer. It does not ask whether there is a collector: spans wait for it
// in a queue that is bounded, and beyond that they are dropped.
func Open(ctx context.Context, c Config, log *slog.Logger) (*Tracer, error) {
	var options []otlptracehttp.Option
	if c.URL != "" {
		options = append(options, otlptracehttp.WithEndpointURL(c.URL))
	}
	to, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("open the way to the collector of traces: %w", err)
	}
	about, err := describe(ctx, c)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("describe this node to the collector of traces: %w", err), to.Shutdown(ctx))
	}
	t := &Tracer{exporter: &exporter{SpanExporter: to, log: log}, log: log}
	t.provider = sdktrace.NewTracerProvider(sdktrace.WithBatcher(t.exporter), sdktrace.WithResource(about), sdktrace.WithSampler(c.Sampler))
	t.tracer = t.provider.Tracer(scope)
	return t, nil
}

func describe(ctx context.Context, c Config) (*resource.Resource, error) {
	said := resource.NewSchemaless(semconv.ServiceInstanceID(c.Node))
	if c.Service != "" {
		said = resource.NewSchemaless(semconv.ServiceInstanceID(c.Node), semconv.ServiceName(c.Service))
	}
	return resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("switchyard")), // unless somebody else names it
		resource.WithTelemetrySDK(), resource.WithFromEnv(), resource.WithAttributes(said.Attributes()...))
}

// Install makes the tracer that of the process, so that libraries find it that know
// OpenTelemetry: their spans are in the traces of the commands that call them.
func (t *Tracer) Install() {
	if t == nil {
		return
	}
	otel.SetTracerProvider(t.provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	otel.SetErrorHandler(otel.ErrorHandlerFunc(t.exporter.failed))
}

// Close sends what waits, for as long as ctx lets it. It works once.
func (t *Tracer) Close(ctx context.Context) {
	if t == nil {
		return
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		t.exporter.failed(err)
		_ = t.exporter.Shutdown(ctx) // what it is trying still is given up
	}
}

// An exporter keeps the failures of another to the log, a line a minute: a collector that
// is away is no business of the service, and must not fill its log.
type exporter struct {
	sdktrace.SpanExporter
	log *slog.Logger

	mu       sync.Mutex
	logged   time.Time
	failures int
}

// ExportSpans sends spans, or drops them.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.failed(err)
	}
	return nil
}

func (e *exporter) failed(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failures++
	if now := time.Now(); now.Sub(e.logged) >= time.Minute {
		e.log.Warn("spans are lost on their way to the collector of traces", "error", err, "failures", e.failures)
		e.logged, e.failures = now, 0
	}
}

// The names of samplers, as OpenTelemetry's OTEL_TRACES_SAMPLER has them.
var samplers = map[string]func(ratio float64) sdktrace.Sampler{
	"always_on":                func(float64) sdktrace.Sampler { return sdktrace.AlwaysSample() },
	"always_off":               func(float64) sdktrace.Sampler { return sdktrace.NeverSample() },
	"traceidratio":             sdktrace.TraceIDRatioBased,
	"parentbased_always_on":    func(float64) sdktrace.Sampler { return sdktrace.ParentBased(sdktrace.AlwaysSample()) },
	"parentbased_always_off":   func(float64) sdktrace.Sampler { return sdktrace.ParentBased(sdktrace.NeverSample()) },
	"parentbased_traceidratio": func(r float64) sdktrace.Sampler { return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(r)) },
}

// ParseSampler makes the sampler of a name and its argument, a ratio; "" is 1.
func ParseSampler(name, arg string) (sdktrace.Sampler, error) {
	make, ok := samplers[name]
	if !ok {
		return nil, fmt.Errorf("%q is not one of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio", name)
	}
	ratio := 1.0
	if arg != "" {
		var err error
		if ratio, err = strconv.ParseFloat(arg, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
			return nil, fmt.Errorf("the argument %q is no ratio between 0 and 1", arg)
		}
	}
	return make(ratio), nil
}
