package broker

import (
	"fmt"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/testenv"
)

// However much changes at once, one write is small enough for a slow connection, also when
// answers are lost; and each partition has its turn, also while others have ever more.
func TestARosterIsWrittenInPieces(t *testing.T) {
	t.Parallel()
	g := newGatewayAlone(t, testenv.Embedded(t), "a")
	const floods, sockets, bytes = 3, 400, 4 << 10
	written := map[int]bool{}
	next := func() []rosterRun {
		runs, size := g.roster.next(), 0
		for _, run := range runs {
			written[run.partition] = true
			for _, arg := range run.args {
				if value, ok := arg.([]byte); ok {
					size += len(value)
				}
			}
		}
		if size > commitBytes+bytes {
			t.Errorf("one write has %d bytes", size)
		}
		return runs
	}
	for range floods {
		for i := range sockets {
			if _, err := g.Enter(&Command{Operation: "test.gone", Key: fmt.Sprint(i), Caller: contract.Caller{UserID: "alice"}, Input: make([]byte, bytes)}); err != nil {
				t.Fatal(err)
			}
		}
		g.writeUnanswered(next()[:1])
		next()
		if _, err := g.roster.write(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(written) != g.cfg.Partitions {
		t.Errorf("written were the partitions %v", written)
	}
	g.write()
	var known int64
	for p := range g.cfg.Partitions {
		known += g.rdb.HLen(t.Context(), rosterKey(p, g.roster.current())).Val() - 1 // the number of the last batch
	}
	if known != floods*sockets {
		t.Errorf("Redis knows of %d sockets of %d", known, floods*sockets)
	}
}
