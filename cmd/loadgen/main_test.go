package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/load"
	"github.com/example/switchyard/internal/siotest"
)

func TestLoadgen(t *testing.T) {
	t.Parallel()
	node := siotest.Start(t)
	report := filepath.Join(t.TempDir(), "report.html")
	var out, status bytes.Buffer
	args := []string{"-url", node.URL, "-rooms", "2", "-members", "3", "-rate", "20", "-duration", "2s", "-warmup", "0s", "-json", "-html", report}
	if err := run(t.Context(), append(args, "broadcast"), &out, &status); err != nil {
		t.Fatalf("%v\n%s", err, status.String())
	}
	var r load.Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Latency.Count == 0 || r.Delivery.Count != 3*r.Latency.Count {
		t.Errorf("%s", out.String())
	}
	if page, err := os.ReadFile(report); err != nil || !bytes.Contains(page, []byte("Every command was answered; nothing was lost")) {
		t.Errorf("%v\n%s", err, page)
	}
	if !strings.Contains(status.String(), "6 connections") {
		t.Errorf("the progress is\n%s", status.String())
	}
	err := run(t.Context(), append(args, "-fail-if-not", "rate>1000000", "ack"), &out, &status)
	if err == nil || errors.Is(err, errUsage) || !strings.Contains(err.Error(), "rate>1000000 does not hold") {
		t.Errorf("%v", err)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"usage: loadgen":                        {},
		`the scenario is "everything"`:          {"everything"},
		"connections is -1":                     {"-connections", "-1", "ack"},
		"duration is 1s; it must be enough":     {"-connections", "50", "-rate", "10", "-duration", "1s", "connect"},
		"is no limit":                           {"-fail-if-not", "fast", "ack"},
		"no such file":                          {"-token", "@missing", "ack"},
		"flag provided but not defined: -speed": {"-speed", "9", "ack"},
	} {
		var out, status bytes.Buffer
		if err := run(t.Context(), args, &out, &status); !errors.Is(err, errUsage) || !strings.Contains(status.String(), want) {
			t.Errorf("%v: %v, which does not say %q:\n%s", args, err, want, status.String())
		}
	}
}
