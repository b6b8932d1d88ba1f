package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
)

func TestARoundTripOfCommitsIsBounded(t *testing.T) {
	t.Parallel()
	a, b := newPartition(0), newPartition(1)
	many := make([]*partition, 6*commitBatch)
	for i := range many {
		if many[i] = newPartition(i); i >= 6 {
			many[i] = many[i%6]
		}
	}
	large := strings.Repeat("x", commitBytes/2)
	for name, tc := range map[string]struct {
		queue   []*partition
		payload string
		want    []string // partition and number of completions of each chunk, by round trip
	}{
		"one chunk of a partition": {append(repeat(a, 150), b), "", []string{"0:64 1:1", "0:64", "0:22"}},
		"bytes":                    {append(repeat(a, 4), b, a), large, []string{"0:2", "0:2", "1:1 0:1"}},
		"one too large":            {repeat(a, 2), strings.Repeat("x", 2*commitBytes), []string{"0:1", "0:1"}},
		"commands":                 {many, "", []string{"0:43 1:43 2:43 3:43 4:42 5:42", "4:22 5:22 0:21 1:21 2:21 3:21"}},
	} {
		c := newCommitter(nil)
		for i, p := range tc.queue {
			c.add(&completion{p: p, entry: fmt.Sprint(i), messages: []*message.Message{newMessage("", nil, []byte(tc.payload))}})
		}
		var got []string
		last := map[*partition]int{}
		for chunks := c.next(time.Now()); len(chunks) > 0; chunks = c.next(time.Now()) {
			var trip []string
			for _, chunk := range chunks {
				trip = append(trip, fmt.Sprint(chunk.p.number, ":", len(chunk.done)))
				for _, done := range chunk.done {
					var n int
					if fmt.Sscan(done.entry, &n); n < last[done.p] {
						t.Errorf("%s: %d comes after %d", name, n, last[done.p])
					}
					last[done.p] = n
				}
			}
			got = append(got, strings.Join(trip, " "))
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func repeat(p *partition, n int) []*partition {
	all := make([]*partition, n)
	for i := range all {
		all[i] = p
	}
	return all
}

func TestWhatFailedIsTriedWhenTheFirstIsDue(t *testing.T) {
	t.Parallel()
	c := newCommitter(nil)
	if !c.nextDue().IsZero() {
		t.Error("nothing has failed, and something is due")
	}
	now := time.Now()
	c.failed = []*chunk{{due: now.Add(3)}, {due: now.Add(2)}, {due: now.Add(4)}}
	if got := c.nextDue(); !got.Equal(now.Add(2)) {
		t.Errorf("the first of the failed is due after %s", got.Sub(now))
	}
	c.apart[newPartition(0)] = &setApart{due: now.Add(1)}
	if got := c.nextDue(); !got.Equal(now.Add(1)) {
		t.Errorf("with what is set apart it is due after %s", got.Sub(now))
	}
}
