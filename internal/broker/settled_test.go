package broker_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

// A command that is declared so waits for the commits of those before it, and no other does.
func TestACommandAfterCommits(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		link := &brokenLink{broken: isCommit}
		link.on.Store(true)
		book := newNotebook()
		gateway := startNode(t, url, "g", nil, onePartition)
		link.start(t, url, "a", book, onePartition)
		first := gateway.submit(noteInput{Key: "k", Text: "first"}, time.Minute)
		after := gateway.submitTo(noteAfter, noteInput{Key: "k", Text: "after"}, time.Minute)
		last := gateway.submit(noteInput{Key: "k", Text: "last"}, time.Minute)
		alone := gateway.submitTo(noteAfter, noteInput{Key: "alone", Text: "alone"}, time.Minute)
		plain := gateway.submit(noteInput{Key: "plain", Text: "1"}, time.Minute)
		behind := gateway.submit(noteInput{Key: "plain", Text: "2"}, time.Minute)
		testenv.WaitFor(t, 20*time.Second, "the others", func() bool {
			return len(book.of("alone")) == 1 && len(book.of("plain")) == 2 && link.failed.Load() > 2
		})
		if diff := cmp.Diff([]string{"first"}, book.of("k")); diff != "" {
			t.Error("before the commit: " + diff)
		}
		link.on.Store(false)
		for _, answer := range []<-chan broker.Reply{first, after, last, alone, plain, behind} {
			if r := gateway.await(answer); r.Code != "" {
				t.Errorf("%s", r.Body)
			}
		}
		if diff := cmp.Diff([]string{"first", "after", "last"}, book.of("k")); diff != "" {
			t.Error(diff)
		}
	})
}

// Whose node dies before the commit has not run: the next owner begins with the first.
func TestACommandAfterCommitsThatNeverCame(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		link := &brokenLink{broken: isCommit}
		link.on.Store(true)
		mine, theirs := newNotebook(), newNotebook()
		gateway := startNode(t, url, "g", nil, onePartition)
		a := link.start(t, url, "a", mine, onePartition)
		first := gateway.submit(noteInput{Key: "k", Text: "first"}, time.Minute)
		after := gateway.submitTo(noteAfter, noteInput{Key: "k", Text: "after"}, time.Minute)
		testenv.WaitFor(t, 20*time.Second, "commits that fail", func() bool { return link.failed.Load() > 2 })
		a.worker.Close() // as if it had died: the lease lapses
		startNode(t, url, "b", theirs, onePartition)
		for _, answer := range []<-chan broker.Reply{first, after} {
			if r := gateway.await(answer); r.Code != "" {
				t.Errorf("%s", r.Body)
			}
		}
		if diff := cmp.Diff([][]string{{"first"}, {"first", "after"}}, [][]string{mine.of("k"), theirs.of("k")}); diff != "" {
			t.Error(diff)
		}
	})
}
