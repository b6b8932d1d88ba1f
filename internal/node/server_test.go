package node

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/testenv"
)

// One client that does not take its answer is cut, and the node ends without an error.
func TestWhoReadsNothingIsCutAtTheEnd(t *testing.T) {
	t.Parallel()
	writing, ended := make(chan struct{}), make(chan struct{})
	var log bytes.Buffer
	s, err := listen("HTTP_ADDR", "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		close(writing)
		for err := error(nil); err == nil; {
			_, err = w.Write(make([]byte, 1<<20))
		}
	}), config.Sockets{}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go s.serve(failed)
	c, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-writing
	if err := within(t.Context(), 100*time.Millisecond, s.Shutdown); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "connections=1") {
		t.Errorf("the log says %q", &log)
	}
	select {
	case <-ended:
	case <-time.After(10 * testenv.Late):
		t.Error("it is still written to")
	}
}
