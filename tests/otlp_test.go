package tests

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A span is one that was received, with the node that sent it.
type span struct {
	*tracepb.Span
	node, service string
	attributes    map[string]string
}

func (s span) trace() string  { return hex.EncodeToString(s.TraceId) }
func (s span) id() string     { return hex.EncodeToString(s.SpanId) }
func (s span) parent() string { return hex.EncodeToString(s.ParentSpanId) }

func (s span) String() string { return fmt.Sprintf("%s: %s", s.node, s.Name) }

// An otlpReceiver is a collector of traces, by OTLP over HTTP with protobuf.
type otlpReceiver struct {
	url string

	mu   sync.Mutex
	got  []span
	errs []error
}

func newOTLPReceiver(t *testing.T) *otlpReceiver {
	t.Helper()
	r := &otlpReceiver{}
	web := httptest.NewServer(r)
	t.Cleanup(web.Close)
	r.url = web.URL
	return r
}

func (r *otlpReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	spans, err := received(req)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.errs = append(r.errs, err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.got = append(r.got, spans...)
	answer, _ := proto.Marshal(&collector.ExportTraceServiceResponse{})
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer)
}

func received(req *http.Request) (all []span, err error) {
	if req.Method != http.MethodPost || req.URL.Path != "/v1/traces" || req.Header.Get("Content-Type") != "application/x-protobuf" {
		return nil, fmt.Errorf("%s %s with %s", req.Method, req.URL.Path, req.Header.Get("Content-Type"))
	}
	var body io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(req.Body); err != nil {
			return nil, err
		}
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	var sent collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(raw, &sent); err != nil {
		return nil, err
	}
	for _, from := range sent.ResourceSpans {
		about := texts(from.Resource.Attributes)
		for _, scope := range from.ScopeSpans {
			for _, s := range scope.Spans {
				all = append(all, span{Span: s, node: about["service.instance.id"], service: about["service.name"], attributes: texts(s.Attributes)})
			}
		}
	}
	return all, nil
}

func texts(pairs []*commonpb.KeyValue) map[string]string {
	m := map[string]string{}
	for _, p := range pairs {
		switch v := p.Value.Value.(type) {
		case *commonpb.AnyValue_StringValue:
			m[p.Key] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			m[p.Key] = fmt.Sprint(v.IntValue)
		default:
			m[p.Key] = p.Value.String()
		}
	}
	return m
}

// spans are all that came. Stop the nodes before: that sends what they have.
func (r *otlpReceiver) spans(t *testing.T) []span {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, err := range r.errs {
		t.Error("the collector got what it does not understand:", err)
	}
	return r.got
}

// one is the only span of a name, and of a node unless that is "".
func one(t *testing.T, all []span, node, name string) span {
	t.Helper()
	var found []span
	for _, s := range all {
		if s.Name == name && (node == "" || s.node == node) {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans are called %q on %q, want one; there are:\n%s", len(found), name, node, tellSpans(all))
	}
	return found[0]
}

// tellSpans is a list of spans for people.
func tellSpans(all []span) string {
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "  %s %s under %s: %s %v\n", s.trace()[:8], s.id(), s.parent(), s, s.attributes)
	}
	return b.String()
}
