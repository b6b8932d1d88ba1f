package logging_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/logging"
)

type card struct {
	Number string `json:"number" secret:"true"`
	Owner  string `json:"owner"`
}

type pay struct {
	Text  string          `json:"text"`
	Cards []card          `json:"cards"`
	ByKey map[string]card `json:"by_key"`
	Note  *string         `json:"note" secret:"true"`
	Any   any             `json:"any"`
}

// run runs a command with the middleware and returns the one line it logs.
func run(t *testing.T, text bool, by contract.Caller, input string, handler contract.Serve) map[string]any {
	t.Helper()
	levels, err := logging.ParseLevels("info,commands=debug")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	log := logging.Of(logging.New(&out, text, levels), logging.Command)
	r := contract.Route{Operation: "shop.pay", Namespace: contract.Namespace{Name: "/shop"}, In: reflect.TypeFor[pay]()}
	r.Serve = logging.Commands(log, slog.LevelDebug)(r, handler)
	func() {
		defer func() { _ = recover() }()
		_, _ = r.Run(t.Context(), by, []byte(input))
	}()
	line := out.String()
	if strings.Count(line, "\n") != 1 || strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("logged %q", line)
	}
	got := map[string]any{"line": line}
	if !text {
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	return got
}

func answering(err error) contract.Serve {
	return func(context.Context, []byte) (contract.Outcome, error) { return contract.Outcome{}, err }
}

func TestACommandIsOneLine(t *testing.T) {
	t.Parallel()
	by := contract.Caller{UserID: "alice", Tenant: "acme", Socket: "s1", Node: "n1", CommandID: "c1"}
	for code, serve := range map[string]contract.Serve{
		"ok": answering(nil), "conflict": answering(fmt.Errorf("x: %w", fault.New(fault.Conflict, "taken"))), "internal": answering(errors.New("broken")),
		"timeout": answering(fmt.Errorf("x: %w", context.DeadlineExceeded)),
	} {
		got := run(t, false, by, `{"text":"x"}`, serve)
		for key, want := range map[string]string{
			"component": "commands", "level": "DEBUG", "operation": "shop.pay", "namespace": "/shop", "command": "c1", "user": "alice",
			"tenant": "acme", "socket": "s1", "node": "n1", "code": code, "input": `{"text":"x"}`,
		} {
			if got[key] != want {
				t.Errorf("%s: %s is %v, want %s", code, key, got[key], want)
			}
		}
		if d, ok := got["duration"].(float64); !ok || d < 0 {
			t.Errorf("duration %v", got["duration"])
		}
	}
	if got := run(t, false, by, `{}`, func(context.Context, []byte) (contract.Outcome, error) { panic("x") }); got["code"] != "internal" {
		t.Errorf("of a panic: %v", got)
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{
		`{"cards":[{"number":"S3CRET","owner":"alice"}],"by_key":{"a":{"number":["S3CRET"],"owner":"bob"}},"note":{"deep":"S3CRET"}}`://
		`{"by_key":{"a":{"number":"[redacted]","owner":"bob"}},"cards":[{"number":"[redacted]","owner":"alice"}],"note":"[redacted]"}`,
		`{"NUMBER":"S3CRET","any":{"Password":"S3CRET","api_key":"S3CRET","X-API-Key":"S3CRET","refreshToken":"S3CRET","new_password_2":"S3CRET","n":12345678901234567890}}`://
		`{"NUMBER":"[redacted]","any":{"Password":"[redacted]","X-API-Key":"[redacted]","api_key":"[redacted]","n":12345678901234567890,"new_password_2":"[redacted]","refreshToken":"[redacted]"}}`,
		`{"any":[[{"header":{"Authorization":["S3CRET"],"Set-Cookie":["S3CRET"],"Host":["h"]}}]]}`://
		`{"any":[[{"header":{"Authorization":"[redacted]","Host":["h"],"Set-Cookie":"[redacted]"}}]]}`,
		`{"any":"S3CRET`: "(14 bytes that are no JSON)",
	} {
		got := run(t, false, contract.Caller{}, input, answering(nil))
		if got["input"] != want {
			t.Errorf("%s\nwant %s", got["input"], want)
		}
		if strings.Contains(got["line"].(string), "S3CRET") {
			t.Errorf("%s: the secret is logged", input)
		}
	}
}

// Neither the input nor a name can end a line, begin another, or speak to a terminal.
func TestNothingCanBeForged(t *testing.T) {
	t.Parallel()
	evil := "\n2026 level=ERROR msg=\"forged\"\r\x1b[2J\u009b31m\u2028\u202e\x7f\U000e0041" + `" code=ok`
	text, err := json.Marshal(map[string]string{"text": evil, evil: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, input := range []string{string(text), "{\"text\":\"\x1b[2J\n\"}", `{"text":"` + "\u009b31m" + `"}`} {
		for _, asText := range []bool{true, false} {
			run(t, asText, contract.Caller{UserID: evil, Tenant: evil}, input, answering(nil))
		}
	}
}

func TestWhatIsLoggedIsShort(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1000, 1016, 1017, 1018, 1019, 5000} {
		got, _ := run(t, false, contract.Caller{}, `{"text":"`+strings.Repeat("é", n/2)+`"}`, answering(nil))["input"].(string)
		if len(got) > 1024+len("…") || !utf8.ValidString(got) {
			t.Errorf("%d bytes: logged %d", n, len(got))
		}
	}
	if got := run(t, false, contract.Caller{}, `{"text":"`+strings.Repeat("x", 1<<20)+`"}`, answering(nil))["input"]; got != "(1048587 bytes)" {
		t.Errorf("%.100v", got)
	}
}

func TestWhatIsNotLoggedCostsNothing(t *testing.T) {
	t.Parallel()
	levels, err := logging.ParseLevels("info")
	if err != nil {
		t.Fatal(err)
	}
	next := answering(nil)
	got := logging.Commands(logging.New(&strings.Builder{}, true, levels), slog.LevelDebug)(contract.Route{}, next)
	if reflect.ValueOf(got).Pointer() != reflect.ValueOf(next).Pointer() {
		t.Error("something lies around the handler")
	}
}
