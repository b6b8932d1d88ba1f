package logging_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/logging"
)

func TestEachComponentHasItsLevel(t *testing.T) {
	t.Parallel()
	levels, err := logging.ParseLevels("warn, broker=debug,socketio=error")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []bool{true, false} {
		var out strings.Builder
		log := logging.New(&out, text, levels)
		say := func(log *slog.Logger, who string) {
			log.Debug(who + "-debug")
			log.Info(who + "-info")
			log.Warn(who + "-warn")
			log.Error(who + "-error")
		}
		say(log, "root")
		say(logging.Of(log, logging.Broker).With("partition", 3), "broker")
		say(logging.Of(log, logging.Socket).WithGroup("g"), "socketio")
		say(logging.Of(log, logging.HTTP), "http")
		say(logging.Of(logging.Of(log, logging.Broker), logging.HTTP), "again")
		var got []string
		for line := range strings.Lines(out.String()) {
			for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(`,:="`+" \n", r) }) {
				if _, level, ok := strings.Cut(word, "-"); ok && strings.Contains("debug info warn error", level) {
					got = append(got, word)
				}
			}
		}
		want := []string{
			"root-warn", "root-error", "broker-debug", "broker-info", "broker-warn", "broker-error",
			"socketio-error", "http-warn", "http-error", "again-warn", "again-error",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if !strings.Contains(out.String(), "component") {
			t.Error("no line names its component")
		}
	}
}

func TestEveryMistakeInLevelsIsTold(t *testing.T) {
	t.Parallel()
	_, err := logging.ParseLevels("loud,info,brokers=debug,http=5,http=info,redis=")
	const there = "; there are admin, auth, broker, commands, engineio, http, ratelimit, redis, socketio, tracing"
	want := `"loud" is not one of debug, info, warn, error
there are two levels for all components
"brokers" is no component` + there + `
"5" is not one of debug, info, warn, error
http has two levels
"" is not one of debug, info, warn, error`
	if err == nil || err.Error() != want {
		t.Error(cmp.Diff(want, err.Error()))
	}
	for _, ok := range []string{"info", "debug,commands=warn", "commands=debug", " error , http=info "} {
		if _, err := logging.ParseLevels(ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
}
