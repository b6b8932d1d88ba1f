package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/usecases/tasks"
)

func TestMain(m *testing.M) { os.Exit(siotest.Main(m)) }

// The task runs on another node than the one that shows it, to its end.
func TestATaskIsShownToItsEnd(t *testing.T) {
	t.Parallel()
	srv := siotest.Start(t, siotest.Workers(1))
	var seen bytes.Buffer
	if err := run(t.Context(), srv.URL, "digger", tasks.StartInput{Title: "dig", Steps: 4}, &seen); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(seen.String(), "\r")
	if got := lines[len(lines)-1]; len(lines) != 5 || got != "dig ["+strings.Repeat("#", 30)+"] 4 of 4\n" {
		t.Errorf("showed %q", lines)
	}
}

// A writer that does something once a line has come.
type stopper struct{ stop func() }

func (s stopper) Write(b []byte) (int, error) {
	s.stop()
	return len(b), nil
}

func TestATaskIsCancelled(t *testing.T) {
	t.Parallel()
	srv := siotest.Start(t)
	ctx, stop := context.WithCancel(t.Context())
	err := run(ctx, srv.URL, "digger", tasks.StartInput{Title: "dig", Steps: 1000}, stopper{stop})
	if !errors.Is(err, errCancelled) {
		t.Errorf("%v", err)
	}
}
