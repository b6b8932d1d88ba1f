package tracing_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/internal/tracing"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// open makes a tracer that sends to a URL, and logs to a text.
func open(t *testing.T, url, sampler string) (*tracing.Tracer, func() string) {
	t.Helper()
	s, err := tracing.ParseSampler(sampler, "")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var out strings.Builder
	tracer, err := tracing.Open(t.Context(), tracing.Config{URL: url, Node: "n", Sampler: s}, slog.New(slog.NewTextHandler(locked{&mu, &out}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNow(tracer) })
	return tracer, func() string {
		mu.Lock()
		defer mu.Unlock()
		return out.String()
	}
}

type locked struct {
	mu  *sync.Mutex
	out *strings.Builder
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

func closeNow(t *tracing.Tracer) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	t.Close(ctx)
}

const nowhere = "http://127.0.0.1:1/v1/traces"

// What is not traced allocates nothing, at any stage.
func TestWhatIsNotTracedCostsNothing(t *testing.T) {
	var off *tracing.Tracer
	on, _ := open(t, nowhere, "always_on")
	ctx, auth := t.Context(), []byte(`{"user":"alice"}`)
	about := tracing.About{Name: "chat.join", Message: "1", Stream: "cmd:{p1}"}
	n := testing.AllocsPerRun(1000, func() {
		span := off.Start(tracing.Given(auth), tracing.Receive, about)
		_, inner := span.Within(ctx, tracing.Handle, about)
		inner.End("internal")
		span.Child(tracing.Commit, about).End("")
		off.Follow(span.Header().Clone(), tracing.Deliver, about).End("")
		on.Follow(tracing.Header{}, tracing.Deliver, about).End("")
		_ = span.Context(ctx)
		span.End("")
	})
	if n != 0 {
		t.Errorf("it allocates %v times", n)
	}
	off.Install()
	off.Close(ctx)
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	on, _ := open(t, nowhere, "parentbased_always_on")
	start := func(h tracing.Header) *tracing.Span { return on.Start(h, tracing.Receive, tracing.About{Name: "x"}) }
	got := start(tracing.Header{Parent: parent, State: "a=1"}).Header()
	if !strings.HasPrefix(got.Parent, parent[:36]) || got.Parent == parent || got.State != "a=1" {
		t.Errorf("its child is %+v", got)
	}
	if got := on.Follow(tracing.Header{Parent: parent}, tracing.Deliver, tracing.About{Name: "x"}).Header(); !strings.HasPrefix(got.Parent, parent[:36]) {
		t.Errorf("it is followed by %+v", got)
	}
	if span := start(tracing.Header{Parent: parent[:53] + "00"}); span != nil {
		t.Error("a client's trace that is not sampled was")
	}
	for _, hostile := range []tracing.Header{
		{Parent: "x"}, {Parent: strings.ToUpper(parent)}, {Parent: "ff" + parent[2:]}, {Parent: "01" + parent[2:] + "-" + strings.Repeat("x", 1<<20)},
		{Parent: "00-00000000000000000000000000000000-b7ad6b7169203331-01"}, {Parent: parent[:36] + "0000000000000000-01"}, {Parent: "\n" + parent[1:]}, {State: "a=1"},
	} {
		if got := start(hostile).Header(); len(got.Parent) != 55 || got.Parent[:35] == parent[:35] || got.State != "" {
			t.Errorf("%.60q begins %+v", hostile, got)
		}
		if span := on.Follow(hostile, tracing.Deliver, tracing.About{Name: "x"}); span != nil {
			t.Errorf("%.60q is followed by %+v", hostile, span.Header())
		}
	}
	for _, state := range []string{strings.Repeat("a", 513), "a", "=", "\n", "a=1,a=2"} {
		if got := start(tracing.Header{Parent: parent, State: state}).Header(); got.State != "" || !strings.HasPrefix(got.Parent, parent[:36]) {
			t.Errorf("with the state %.20q: %+v", state, got)
		}
	}
	for auth, want := range map[string]string{
		`{"traceparent":"` + parent + `"}`: parent, `{"traceparent":7}`: "", `{"traceparent":"` + strings.Repeat("x", 513) + `"}`: "", `{"traceparent"`: "", `["traceparent"]`: "", `{}`: "", ``: "",
	} {
		if got := tracing.Given([]byte(auth)); got.Parent != want {
			t.Errorf("%.60s gives %+v", auth, got)
		}
	}
	span := start(tracing.Header{})
	if got := tracing.From(span.Context(t.Context())); got != span.Header() || tracing.From(t.Context()) != (tracing.Header{}) {
		t.Errorf("%+v, want %+v", got, span.Header())
	}
	if id := trace.SpanContextFromContext(span.Context(t.Context())).TraceID().String(); !strings.Contains(span.Header().Parent, id) {
		t.Error(id)
	}
}

// A collector that refuses, answers nonsense or hangs costs no time and one line.
func TestACollectorThatIsAwayDoesNoHarm(t *testing.T) {
	t.Parallel()
	hangs := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hangs:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(hangs) })
	refusing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(refusing.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for name, url := range map[string]string{"hanging": hanging.URL, "refusing": refusing.URL, "gone": "http://" + l.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on, log := open(t, url+"/v1/traces", "always_on")
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			for range 5000 { // more than the queue holds
				on.Start(tracing.Header{}, tracing.Receive, tracing.About{Name: "x"}).End("")
			}
			begin := time.Now()
			on.Close(ctx)
			if took := time.Since(begin); took > testenv.Late {
				t.Errorf("closing took %s", took)
			}
			if got := log(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "spans are lost") {
				t.Errorf("it logs %q", got)
			}
		})
	}
}

func TestSamplers(t *testing.T) {
	t.Parallel()
	for _, tc := range [][2]string{{"", ""}, {"jaeger_remote", ""}, {"traceidratio", "2"}, {"traceidratio", "NaN"}, {"parentbased_traceidratio", "-0.1"}, {"traceidratio", "half"}} {
		if _, err := tracing.ParseSampler(tc[0], tc[1]); err == nil {
			t.Errorf("%q with %q is a sampler", tc[0], tc[1])
		}
	}
	for name, sampled := range map[string]bool{"always_on": true, "traceidratio": true, "parentbased_traceidratio": true, "always_off": false, "parentbased_always_off": false} {
		on, _ := open(t, nowhere, name)
		if span := on.Start(tracing.Header{}, tracing.Receive, tracing.About{}); (span != nil) != sampled {
			t.Errorf("%s has sampled: %t", name, !sampled)
		}
	}
}
