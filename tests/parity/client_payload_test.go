package parity

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/client"
)

// The types say what is several arguments, and what is binary data.
func TestTheTypedClientSpeaksSeveralArgumentsAndBinaryData(t *testing.T) {
	t.Parallel()
	url := serve(t, 1, gallerist)[0]
	ctx, cancel := context.WithTimeout(t.Context(), 20*testenv.Late)
	defer cancel()
	c, err := client.Dial(ctx, url, gallery)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := picture{Name: "sea", Data: contract.Binary{1, 2, 3}, Thumbs: []contract.Binary{{4}}, Plain: []byte{5}}
	got, err := client.Call(ctx, c, hang, p)
	if diff := cmp.Diff(p, got); err != nil || diff != "" {
		t.Errorf("answered %v %s", err, diff)
	}
	got, err = client.Receive(ctx, c, hung)
	if diff := cmp.Diff(p, got); err != nil || diff != "" {
		t.Errorf("heard %v %s", err, diff)
	}
	for _, m := range []move{{Piece: "rook", To: square{X: 1, Y: 2}, Seal: contract.Binary{1}}, {Piece: "pawn"}, {Piece: "king", Clock: 7}} {
		got, err := client.Call(ctx, c, play, m)
		if diff := cmp.Diff(m, got); err != nil || diff != "" {
			t.Errorf("answered %v %s", err, diff)
		}
		got, err = client.Receive(ctx, c, moved)
		if diff := cmp.Diff(m, got); err != nil || diff != "" {
			t.Errorf("heard %v %s", err, diff)
		}
	}
	var f *fault.Fault
	if _, err := client.Call(ctx, c, play, move{}); !errors.As(err, &f) || len(f.Fields) != 1 || f.Fields[0].Pointer != "/0" {
		t.Errorf("a problem: %v", err)
	}
}
