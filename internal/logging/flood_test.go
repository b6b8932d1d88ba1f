package logging

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/example/switchyard/internal/contract"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// say logs one line at a time, and returns what is written.
func say(t *testing.T, log *slog.Logger, at time.Time, level slog.Level, text string, attrs ...slog.Attr) {
	t.Helper()
	r := slog.NewRecord(at, level, text, 0)
	r.AddAttrs(attrs...)
	if err := log.Handler().Handle(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

func TestWhatFailsAgainAndAgainDoesNotFillTheLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := New(&out, false, Levels{})
	broker, http := Of(log, Broker), Of(log, HTTP).With("a", 1)
	for range 5000 {
		say(t, broker, noon, slog.LevelError, "a command failed", slog.String("operation", "chat.join"))
		say(t, http, noon, slog.LevelError, "a command failed")
		say(t, broker, noon, slog.LevelInfo, "said often")
	}
	say(t, http, noon, slog.LevelWarn, "another text")
	say(t, broker, noon, slog.LevelError, "a command failed", slog.String("operation", "chat.leave"))
	if n := strings.Count(out.String(), "a command failed"); n != 2*floodLines+1 {
		t.Errorf("logged it %d times", n)
	}
	if n := strings.Count(out.String(), "said often"); n != 5000 {
		t.Errorf("logged %d lines of 5000 that tell of no failure", n)
	}
	for _, want := range []string{"another text", `"operation":"chat.leave"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is not logged", want)
		}
	}
}

// What was left out is told as soon as there is anything to log after its while.
func TestWhatIsLeftOutIsTold(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := New(&out, false, Levels{})
	broker := Of(log, Broker)
	for range floodLines + 7 {
		say(t, broker, noon, slog.LevelError, "a command failed", slog.String("operation", "chat.join"))
	}
	out.Reset()
	say(t, log, noon.Add(floodEvery-1), slog.LevelInfo, "too early")
	if strings.Contains(out.String(), "left_out") {
		t.Errorf("it logs %s", &out)
	}
	out.Reset()
	say(t, log, noon.Add(floodEvery), slog.LevelInfo, "anything")
	want := `"level":"ERROR","msg":"lines were left out that are like others","component":"broker","like":"a command failed","operation":"chat.join","left_out":7}`
	if got := out.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, want) {
		t.Errorf("it logs %s", got)
	}
	out.Reset()
	say(t, broker, noon.Add(floodEvery), slog.LevelError, "a command failed", slog.String("operation", "chat.join"))
	say(t, log, noon.Add(3*floodEvery), slog.LevelInfo, "anything")
	if got := out.String(); strings.Count(got, "\n") != 2 || strings.Contains(got, "left_out") {
		t.Errorf("it is told again: %s", got)
	}
}

// Texts that are made up, one for each line, are bounded in number too, in the log and in
// memory.
func TestAFloodOfTextsIsBounded(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := New(&out, false, Levels{})
	for i := range 20 * floodKinds {
		say(t, log, noon, slog.LevelError, fmt.Sprint("text ", i, strings.Repeat(" long", 100)))
	}
	h := log.Handler().(handler)
	if n := strings.Count(out.String(), "\n"); n != floodKinds+floodLines || len(h.floods.kinds) > floodKinds+1 {
		t.Errorf("logged %d lines, and keeps %d texts", n, len(h.floods.kinds))
	}
	say(t, log, noon.Add(floodEvery), slog.LevelError, "new")
	if n := len(h.floods.kinds); n > 2 {
		t.Errorf("%d texts are kept that were silent", n)
	}
	if want := fmt.Sprintf(`"like":"others","operation":"","left_out":%d}`, 19*floodKinds-floodLines); !strings.Contains(out.String(), want) {
		t.Errorf("it does not log %s", want)
	}
}

func TestALineSaysWhichCommandAndTraceItBelongsTo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := Of(New(&out, false, Levels{}), Broker)
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{15: 1}, SpanID: trace.SpanID{7: 2}, TraceFlags: trace.FlagsSampled})
	ctx := trace.ContextWithSpanContext(contract.WithCaller(t.Context(), contract.Caller{CommandID: "c1"}), span)
	for name, tc := range map[string]struct {
		ctx  context.Context
		want map[string]string
	}{
		"command and trace": {ctx, map[string]string{"command": "c1", "trace_id": "00000000000000000000000000000001", "span_id": "0000000000000002"}},
		"command":           {contract.WithCaller(t.Context(), contract.Caller{CommandID: "c2"}), map[string]string{"command": "c2"}},
		"nothing":           {t.Context(), nil},
	} {
		out.Reset()
		log.InfoContext(tc.ctx, "said")
		var got map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"command", "trace_id", "span_id"} {
			if value, there := got[key]; there != (tc.want[key] != "") || there && value != tc.want[key] {
				t.Errorf("%s: %s is %v, want %q", name, key, value, tc.want[key])
			}
		}
	}
}
