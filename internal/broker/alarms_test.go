package broker_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

// Under load, while partitions change hands and gateways come, nobody is told of a gap
// that is none, and nobody misses or hears twice.
func TestNoFalseAlarms(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		const keys = 24
		first := startNode(t, url, "first", newNotebook())
		nodes := []*testNode{first}
		var sent [keys]int
		var answers []<-chan broker.Reply
		for begin := time.Now(); time.Since(begin) < 5*time.Second; {
			for range rand.IntN(10) { // some keys are busy, some idle for a while
				key := rand.IntN(keys) * rand.IntN(keys) / keys
				sent[key]++
				answers = append(answers, first.submit(noteInput{Key: fmt.Sprint("key", key), Text: fmt.Sprint(key, "/", sent[key])}, 20*time.Second))
			}
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) // the load comes in bursts
			if len(nodes) < 6 && time.Since(begin) > time.Duration(len(nodes))*700*time.Millisecond {
				book := newNotebook()
				if len(nodes)%2 == 0 {
					book = nil // a gateway only
				}
				nodes = append(nodes, startNode(t, url, fmt.Sprint("node", len(nodes)), book))
			}
		}
		for _, r := range answers {
			if got := first.await(r); got.Code != "" {
				t.Errorf("%s %s", got.Code, got.Body)
			}
		}
		testenv.WaitFor(t, 10*time.Second, "all events on the first node", func() bool { return len(first.heard()) == len(answers) })
		for i, n := range nodes {
			testenv.WaitFor(t, 10*time.Second, "all events", func() bool { return heardAll(n.texts(), sent[:]) == "" })
			if told := n.announced(); len(told) > 0 {
				t.Errorf("node %d of %d was told %v", i, len(nodes), told)
			}
		}
	})
}

// heardAll tells what is wrong with the numbers of each key: they must be contiguous,
// from any on, up to the last sent.
func heardAll(texts []string, sent []int) string {
	last := make([]int, len(sent))
	for _, text := range texts {
		var key, n int
		if _, err := fmt.Sscanf(text, "%d/%d", &key, &n); err != nil {
			return err.Error()
		}
		if last[key] != 0 && n != last[key]+1 {
			return fmt.Sprintf("key %d: %d after %d", key, n, last[key])
		}
		last[key] = n
	}
	for key, n := range last {
		if n != sent[key] && n != 0 { // a node that came late may have heard nothing of it
			return fmt.Sprintf("key %d: heard up to %d of %d", key, n, sent[key])
		}
	}
	return ""
}
