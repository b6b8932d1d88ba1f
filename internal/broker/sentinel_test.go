package broker_test

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

// With the URL of Sentinels nodes follow a failover: every command is answered, all lanes
// are served again, and who heard what is taken back is told.
func TestNodesFollowAFailoverOfSentinels(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		strict    bool
		fail      func(t *testing.T, w *testenv.RedisWatched, f *flows)
		after     func(t *testing.T, w *testenv.RedisWatched) // when commands are answered again
		takesBack bool                                        // for sure
	}{
		"the master crashes, and its replica has not all": {
			fail: func(t *testing.T, w *testenv.RedisWatched, f *flows) {
				w.Freeze()
				for range 4 { // more than connections buffer, and what comes behind it is lost
					if err := w.First.Set(t.Context(), "large", strings.Repeat("x", 8<<20), 0).Err(); err != nil {
						t.Fatal(err)
					}
				}
				for k := range flowKeys {
					f.awaitMore(t, k)
				}
				w.KillFirst()
				w.Thaw()
			},
			takesBack: true,
		},
		"the machine of the master and of a Sentinel is gone without a word, and comes back": {
			fail:  func(_ *testing.T, w *testenv.RedisWatched, _ *flows) { w.FreezeFirst() },
			after: func(_ *testing.T, w *testenv.RedisWatched) { w.ThawFirst() },
		},
		"somebody asks for it, and the old master stays one for a while, with STRICT": {
			strict: true,
			fail: func(t *testing.T, w *testenv.RedisWatched, _ *flows) {
				if err := w.Sentinels[1].Failover(t.Context(), "mymaster").Err(); err != nil {
					t.Fatal(err)
				}
				testenv.WaitFor(t, 5*time.Second, "the nodes to leave the old master", func() bool {
					list, err := w.First.ClientList(t.Context()).Result()
					return err == nil && !strings.Contains(list, "cmd=xread")
				})
				if !strings.Contains(w.First.Info(t.Context(), "replication").Val(), "role:master") {
					t.Error("it is a replica already: this test tests nothing")
				}
				host, port, _ := net.SplitHostPort(w.Replica.Options().Addr)
				if err := w.First.ReplicaOf(t.Context(), host, port).Err(); err != nil { // as the Sentinels do 10 s later
					t.Fatal(err)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := testenv.Watched(t, "a failover by Sentinels")
			book := newNotebook()
			strict := func(c *broker.Config) { c.Strict = tc.strict }
			nodes := []*testNode{startNode(t, w.URL, "a", book, strict), startNode(t, w.URL, "b", book, strict)}
			f := startFlows(nodes[0], nodes[1], 3*time.Second)
			t.Cleanup(f.end)
			for k := range flowKeys {
				f.awaitMore(t, k)
			}
			tc.fail(t, w, f)
			begin := time.Now()
			for _, n := range nodes {
				n.untilAnswered()
			}
			tookAtMost(t, 10*time.Second, begin) // 3 s of which the Sentinels take
			nodes[0].fill(1)
			if tc.after != nil {
				tc.after(t, w)
			}
			nodes[1].fill(2)
			f.end()
			for k, answers := range f.answers {
				for i, code := range answers {
					if code != "" && code != string(fault.Timeout) && code != string(fault.Unavailable) {
						t.Errorf("command %d of key %d: %s", i+1, k, code)
					}
				}
			}
			kept := eventsOf(t, w.Replica)
			for _, n := range nodes {
				testenv.WaitFor(t, 10*time.Second, "the newest events", func() bool {
					return len(slices.DeleteFunc(n.texts(), func(text string) bool { return text != "2" })) >= many
				})
				heard, lost, missed := map[string]bool{}, 0, 0
				for _, text := range n.texts() {
					if heard[text] = true; text != "" && !kept[text] {
						lost++
					}
				}
				for text := range kept {
					if !heard[text] {
						missed++
					}
				}
				told := n.announced()
				t.Logf("%d heard, of which %d are taken back; %d missed; told %v", len(heard), lost, missed, told)
				if lost+missed > 0 && len(told) == 0 {
					t.Errorf("%d events are taken back, %d missed, and nobody is told", lost, missed)
				}
				if tc.takesBack && lost == 0 {
					t.Error("nothing was taken back: this test tests nothing")
				}
				if tc.strict && lost > 0 {
					t.Errorf("with STRICT %d events are taken back", lost)
				}
			}
		})
	}
}

// eventsOf are the texts of the noted events that a Redis has.
func eventsOf(t *testing.T, rdb *redis.Client) map[string]bool {
	t.Helper()
	texts := map[string]bool{}
	for p := range 16 {
		all, err := rdb.XRange(t.Context(), fmt.Sprintf("evt:{p%d}", p), "-", "+").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			var o noteOutput
			if text, ok := e.Values["payload"].(string); ok && json.Unmarshal([]byte(text), &o) == nil && o.Text != "" {
				texts[o.Text] = true
			}
		}
	}
	return texts
}
