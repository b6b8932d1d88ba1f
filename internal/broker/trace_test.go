package broker

import (
	"bytes"
	"context"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/tracing"
)

const aSpan = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// Where nothing is traced, the way of a command to its answer has no allocation more and
// no byte more, whatever its client says.
func TestWhatIsNotTracedCostsNothing(t *testing.T) {
	l := &Lanes{cfg: Config{Partitions: 4}}
	g, w := &Gateway{Lanes: l}, &Worker{Lanes: l}
	c := &Command{ID: "1", Operation: "chat.join", Key: "lobby"}
	j := &job{p: newPartition(1), command: c}
	done, commit, reply := func(Reply) {}, &completion{}, newMessage("1", message.Metadata{}, nil)
	ctx, answer := t.Context(), []*message.Message{reply}
	handle := traceable(func(context.Context, *job) ([]*message.Message, error) { return answer, nil })
	n := testing.AllocsPerRun(1000, func() {
		c.Trace = tracing.Header{Parent: aSpan}
		answered := g.receiving(c, done)
		g.publishing(c).End(publishProblem(nil))
		w.tracing(j)
		messages, _ := handle(j.span.Context(ctx), j)
		traced(reply, c)
		commit.committing(messages, nil)
		commit.committed(false)
		answered(Reply{})
	})
	if n != 0 {
		t.Errorf("it allocates %v times", n)
	}
	if len(reply.Metadata) != 0 || bytes.Contains(c.encoded(), []byte("trace")) {
		t.Errorf("it is written: %v %q", reply.Metadata, c.encoded())
	}
}

// A node that does not trace passes on what the others do.
func TestTheTraceOfACommandIsPassedOn(t *testing.T) {
	t.Parallel()
	sent := Command{ID: "1", Operation: "chat.join", Trace: tracing.Header{Parent: aSpan, State: "a=1"}}
	c, err := parseCommand(entry{id: "1-0", uuid: "1", metadata: string(sent.encoded())})
	if err != nil || c.Trace != sent.Trace {
		t.Fatalf("%+v %v", c, err)
	}
	w := &Worker{Lanes: &Lanes{cfg: Config{Partitions: 4}}}
	w.tracing(&job{p: newPartition(1), command: c})
	m := newMessage("1.1", message.Metadata{MetaNamespace: "/chat"}, nil)
	traced(m, c)
	var a arrival
	metadata := encodeMetadata(m.Metadata)
	if err := a.parse(entry{id: "2-0", uuid: "1.1", metadata: string(metadata)}); err != nil || a.event.Trace != sent.Trace {
		t.Errorf("%+v %v", a.event, err)
	}
	if clone := a.event.Clone(); clone.Trace != sent.Trace {
		t.Errorf("%+v", clone)
	}
}
