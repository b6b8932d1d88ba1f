package http

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/internal/tracing"
)

// A route is one command as a REST route.
type route struct {
	cmd     *schema.Command
	lanes   Lanes
	auth    *auth.Authenticator
	origins cors.Policy
	health  *Health
	metrics *metrics.Operation
	log     *slog.Logger
}

func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := rt.command(w, r)
	if err != nil {
		problem := broker.ProblemReply(err, "")
		if problem.Code == fault.Internal {
			rt.log.Error("cannot admit a command", "operation", rt.cmd.Operation, "error", err)
		}
		rt.metrics.Answered(problem.Code)
		rt.write(w, problem)
		return
	}
	replies := make(chan broker.Reply, 1)
	rt.lanes.Submit(c, func(r broker.Reply) {
		if !r.Late {
			replies <- r
		}
	})
	select {
	case reply := <-replies:
		rt.metrics.Answered(reply.Code)
		rt.write(w, reply)
	case <-r.Context().Done(): // the client has gone
	}
}

// command checks a request and makes its command. What panics in a declaration, like a
// guard, is answered as over a socket.
func (rt *route) command(w http.ResponseWriter, r *http.Request) (c *broker.Command, err error) {
	defer func() {
		if v := recover(); v != nil {
			c, err = nil, fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	if err := rt.checkOrigin(r); err != nil {
		return nil, err
	}
	caller, err := rt.auth.Request(r)
	if err != nil {
		return nil, err
	}
	if err := rt.cmd.Pass(caller); err != nil { // first: what cannot be read counts too
		return nil, err
	}
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	input, err := merge(rt.cmd, r, body)
	if err != nil {
		return nil, err
	}
	admission, err := rt.cmd.AcceptPassed(caller, input)
	if err != nil {
		return nil, err
	}
	return &broker.Command{
		Operation: rt.cmd.Operation, Key: admission.Key, IdempotencyKey: admission.IdempotencyKey,
		Caller: caller, Input: input, Timeout: rt.cmd.Timeout,
		Trace: tracing.Header{Parent: r.Header.Get(tracing.Traceparent), State: r.Header.Get(tracing.Tracestate)},
	}, nil
}

// checkOrigin refuses what changes something and comes from a page that is not
// allowed: a browser sends simple requests of any page, without asking first.
func (rt *route) checkOrigin(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if rt.origins.Check(r) != nil {
		return fault.New(fault.Forbidden, "pages of this origin may not call the service")
	}
	return nil
}

const maxBody = 1_000_000 // bytes, as a message over a socket may have unless MAX_PAYLOAD says otherwise

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method == http.MethodGet || r.ContentLength == 0 {
		return nil, nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, fault.New(fault.Invalid, "the body must be JSON, with Content-Type: application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, fault.New(fault.Invalid, "the body has more than %d bytes", maxBody)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "the body could not be read to its end")
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // the reply may take longer
	return body, nil
}

// write answers with a reply as it is.
func (rt *route) write(w http.ResponseWriter, r broker.Reply) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout)) // anew: the reply may have taken long
	status, contentType := http.StatusOK, "application/json"
	if r.Code != "" {
		status, contentType = r.Code.Status(), fault.ContentType
	}
	if r.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(r.RetryAfter.Seconds()))))
	}
	if r.Code == fault.Unauthenticated {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if _, draining := rt.health.Draining(); draining {
		w.Header().Set("Connection", "close") // or all that follows comes here, where it is refused
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(r.Body)))
	w.WriteHeader(status)
	_, _ = w.Write(r.Body) // the client may have gone: nobody is left to tell
}
