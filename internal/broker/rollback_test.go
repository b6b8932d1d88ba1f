package broker_test

import (
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
)

// A failover has taken back that a command was completed: its owner has read it long
// since, and runs it once more.
func TestACommandThatCameBackIsRun(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		book := newNotebook()
		n := startNode(t, url, "a", book, onePartition)
		reply := n.submit(noteInput{Key: "k", Do: "block"}, 20*time.Second)
		testenv.WaitFor(t, 10*time.Second, "the command to run", func() bool { return book.begun.Load() == 1 })
		if err := rdb.Copy(t.Context(), "cmd:{p0}", "kept", rdb.Options().DB, true).Err(); err != nil {
			t.Fatal(err)
		}
		close(book.block)
		if r := n.await(reply); r.Code != "" {
			t.Fatalf("%s", r.Body)
		}
		if r := n.call(noteInput{Key: "other"}); r.Code != "" {
			t.Fatalf("%s", r.Body)
		}
		if err := rdb.Rename(t.Context(), "kept", "cmd:{p0}").Err(); err != nil {
			t.Fatal(err)
		}
		testenv.WaitFor(t, 10*time.Second, "it to run once more", func() bool {
			return book.begun.Load() == 3 && rdb.XLen(t.Context(), "cmd:{p0}").Val() == 0
		})
	})
}
