package config

import (
	"net/url"
	"strings"

	"github.com/example/switchyard/internal/tracing"
)

// Tracing is where traces are sent, in the words of OpenTelemetry's standard. Its other
// variables hold too; the SDK reads them by itself, see docs/tracing.md.
type Tracing struct {
	Endpoint       string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" doc:"a collector of traces, by OTLP over HTTP: http://host:4318; empty: nothing is traced, see docs/tracing.md"`
	TracesEndpoint string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" doc:"the same for traces alone, with its path: http://host:4318/v1/traces"`
	Protocol       string `env:"OTEL_EXPORTER_OTLP_PROTOCOL" envDefault:"http/protobuf" doc:"http/protobuf or http/json; grpc is not built in"`
	TracesProtocol string `env:"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL" doc:"the same for traces alone; empty: the same"`
	Exporter       string `env:"OTEL_TRACES_EXPORTER" doc:"otlp or none; empty: otlp if there is an endpoint, else none"`
	Sampler        string `env:"OTEL_TRACES_SAMPLER" envDefault:"parentbased_always_on" doc:"which traces are kept: always_on, always_off, traceidratio, or parentbased_ before one of these, to do as the client does that gives a traceparent"`
	SamplerArg     string `env:"OTEL_TRACES_SAMPLER_ARG" doc:"of traceidratio: a ratio between 0 and 1; empty: 1"`
	Service        string `env:"OTEL_SERVICE_NAME" doc:"what traces call the service; empty: switchyard, or what OTEL_RESOURCE_ATTRIBUTES say"`
	Disabled       bool   `env:"OTEL_SDK_DISABLED" envDefault:"false" doc:"true: nothing is traced, whatever else is set"`
}

// On tells whether anything is traced.
func (t Tracing) On() bool {
	return !t.Disabled && t.Exporter != "none" && (t.Exporter != "" || t.URL() != "")
}

// URL is where traces are sent; empty for the standard's default.
func (t Tracing) URL() string {
	if t.TracesEndpoint != "" || t.Endpoint == "" {
		return t.TracesEndpoint
	}
	return strings.TrimSuffix(t.Endpoint, "/") + "/v1/traces"
}

// validate holds to what is built in only who is to be traced: the variables belong to all
// programs of an environment, and another one's must not keep a node from starting.
func (t Tracing) validate(k *checker) {
	if t.Exporter != "" {
		k.oneOf("OTEL_TRACES_EXPORTER", t.Exporter, "otlp", "none")
	}
	if !t.On() {
		return
	}
	for name, endpoint := range map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": t.Endpoint, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": t.TracesEndpoint} {
		if endpoint == "" {
			continue
		}
		if u, err := url.Parse(endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			k.wrong(name, "it must look like http://host:4318") // it may hold a password: not shown
		}
	}
	protocol, value := "OTEL_EXPORTER_OTLP_PROTOCOL", t.Protocol
	if t.TracesProtocol != "" {
		protocol, value = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", t.TracesProtocol
	}
	k.oneOf(protocol, value, "http/protobuf", "http/json")
	if _, err := tracing.ParseSampler(t.Sampler, ""); err != nil {
		k.wrong("OTEL_TRACES_SAMPLER", "%v", err)
	} else if _, err := tracing.ParseSampler(t.Sampler, t.SamplerArg); err != nil {
		k.wrong("OTEL_TRACES_SAMPLER_ARG", "%v", err)
	}
}
