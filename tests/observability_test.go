package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// The use case of these tests: it goes wrong in the ways that metrics tell of.
type trouble struct {
	Do  string `json:"do"`
	Key string `json:"key,omitempty"`
}

type told struct {
	Text string `json:"text"`
}

var (
	meter = contract.Namespace{Name: "/meter", Doc: "Tests of metrics."}
	cause = contract.Command[trouble, told]{
		Namespace: meter, Event: "cause", Operation: "meter.cause", Doc: "Cause trouble.",
		IdempotencyKey: func(in trouble) string { return in.Key }, Raises: []contract.EventSpec{tell.Spec()},
	}
	tell = contract.Event[told]{Namespace: meter, Name: "told", Doc: "Something was told."}
)

func causeTrouble(ctx context.Context, in trouble) (out told, effects []contract.Effect, err error) {
	switch in.Do {
	case "fault":
		return out, nil, fault.New(fault.Conflict, "it is taken")
	case "fail":
		return out, nil, errors.New("the disk is full")
	case "fail for a moment":
		return out, nil, fault.Transient(errors.New("the store is away"))
	case "join":
		return out, []contract.Effect{contract.Join("room")}, nil
	case "flood":
		for range 40 {
			effects = append(effects, tell.Of(out).ToUser("deaf"))
		}
	}
	return out, append(effects, tell.Of(out).ToCaller()), ctx.Err()
}

// troubled starts two nodes that have seen everything. It returns the addresses of their
// metrics, and what has them see some of it again.
func troubled(t *testing.T) (admins []string, again func()) {
	t.Helper()
	nodes := siotest.Cluster(t, 2, siotest.Routes(cause.Handle(causeTrouble)),
		siotest.With(func(c *config.Config) { c.Sockets.QueueMessages, c.Sockets.ConnsPerAddress = 16, 20 }))
	for _, n := range nodes {
		srv := httptest.NewServer(n.Node.Admin)
		t.Cleanup(srv.Close)
		admins = append(admins, strings.TrimPrefix(srv.URL, "http://"))
	}
	c := rawsio.Dial(t, nodes[0].URL)
	c.Connect("/meter", `{"user":"alice"}`)
	for _, do := range []string{"join", "fault", "fail", "fail for a moment", "tell", "flood"} {
		c.Call("/meter", "cause", fmt.Sprintf(`{"do":%q}`, do))
	}
	c.Call("/meter", "cause", `{"do":1}`)
	c.Call("/meter", "unknown", `{}`)
	for range 2 {
		c.Call("/meter", "cause", `{"do":"tell","key":"once"}`)
	}
	deafen(t, nodes[1].URL)
	slow := func() bool { return metric(t, admins[1], "switchyard_slow_consumers_total") >= 1 }
	testenv.WaitFor(t, rawsio.Patience, "the slow consumer to be cut", func() bool {
		c.Call("/meter", "cause", `{"do":"flood"}`)
		return slow()
	})
	if _, err := rawsio.TryDial(t, nodes[0].URL, http.Header{"Origin": {"https://evil.example"}}); err == nil {
		t.Error("a page of another origin has connected")
	}
	rdb := testenv.Client(t, nodes[0].RedisURL)
	if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: "evt:{p0}", Values: []string{"what", "nobody can read"}}).Err(); err != nil {
		t.Fatal(err)
	}
	nodes[0].Node.Emitter.Missed("gap")
	return admins, func() {
		for _, do := range []string{"fault", "fail", "tell"} {
			c.Call("/meter", "cause", fmt.Sprintf(`{"do":%q,"key":%q}`, do, uuid.NewString()))
		}
	}
}

// deafen connects a user who never fetches what it is sent.
func deafen(t *testing.T, node string) {
	t.Helper()
	path := node + "/socket.io/?EIO=4&transport=polling"
	resp, err := http.Get(path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	open, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var session struct{ SID string }
	if err := json.Unmarshal(bytes.TrimPrefix(open, []byte("0")), &session); err != nil {
		t.Fatalf("%s: %v", open, err)
	}
	resp, err = http.Post(path+"&sid="+session.SID, "text/plain", strings.NewReader(`40/meter,{"user":"deaf"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// Nodes count what happens, the dashboard and the alerts ask for nothing that they do not
// tell, and Prometheus understands both.
func TestObservability(t *testing.T) {
	t.Parallel()
	admins, again := troubled(t)
	t.Run("counts", func(t *testing.T) { checkCounts(t, admins) })
	t.Run("queries", func(t *testing.T) { checkQueries(t, admins, again) })
}

func checkCounts(t *testing.T, admins []string) {
	for series, want := range map[string]float64{
		`switchyard_commands_total{code="conflict",operation="meter.cause"}`:                 1,
		`switchyard_commands_total{code="internal",operation="meter.cause"}`:                 2,
		`switchyard_commands_total{code="invalid",operation="meter.cause"}`:                  1,
		`switchyard_commands_total{code="not_found",operation="none"}`:                       1,
		`switchyard_command_duration_seconds_count{code="conflict",operation="meter.cause"}`: 1,
		`switchyard_connects_total{code="ok",socket_namespace="/meter"}`:                     1,
		`switchyard_connections_rejected_total{reason="origin"}`:                             1,
		`switchyard_sockets{socket_namespace="/meter"}`:                                      1,
		`switchyard_rooms{socket_namespace="/meter"}`:                                        1,
		`switchyard_users{socket_namespace="/meter"}`:                                        1,
		`switchyard_entries_skipped_total{reason="malformed"}`:                               1,
		`switchyard_redis_up`: 1,
		`switchyard_draining`: 0,
	} {
		testenv.WaitFor(t, rawsio.Patience, fmt.Sprint(series, " to be ", want), func() bool { return metric(t, admins[0], series) == want })
	}
	for series, want := range map[string]float64{ // of either node: it depends on who owns the partition, and on pauses of the machine
		`switchyard_dead_letters_total`:                                      2,
		`switchyard_handler_retries_total`:                                   2,
		`switchyard_resyncs_total`:                                           1,
		`switchyard_commands_replayed_total`:                                 1,
		`switchyard_partitions_owned`:                                        16,
		`switchyard_handler_duration_seconds_count{operation="meter.cause"}`: 8,
		`switchyard_stage_duration_seconds_count{stage="stream"}`:            8,
		`switchyard_stage_duration_seconds_count{stage="commit"}`:            8,
		`switchyard_redis_round_trip_seconds_count{call="commit"}`:           5,
		`switchyard_stage_duration_seconds_count{stage="fanout"}`:            5,
	} {
		testenv.WaitFor(t, rawsio.Patience, fmt.Sprint(series, " to be at least ", want), func() bool {
			return metric(t, admins[0], series)+metric(t, admins[1], series) >= want
		})
	}
}
