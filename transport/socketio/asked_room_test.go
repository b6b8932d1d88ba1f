package socketio_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
)

// A letter is asked about with two arguments and perhaps others, and answered likewise.
type letter struct {
	contract.Args
	Title string          `json:"title"`
	Paper contract.Binary `json:"paper"`
	Note  string          `json:"note,omitempty"`
	Pages int             `json:"pages,omitempty"`
}

type signature struct {
	contract.Args
	Signed bool   `json:"signed"`
	Seal   []byte `json:"seal,omitempty"`
	Place  string `json:"place,omitempty"`
}

var sign = contract.Ask[letter, signature]{Namespace: ns, Name: "sign", Doc: "Do you sign?", Timeout: 20 * time.Second}

// An event to a room, with a callback: each of its sockets answers, on whichever node.
func TestARoomIsAsked(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		one, two := hold(t, url, "one"), hold(t, url, "two")
		asker := broker.NewAsker(newLanes(t, url, "worker"))
		clients, ids := make([]*rawsio.Client, 4), map[string]int{}
		for i, h := range []*holder{one, one, two, two} {
			clients[i] = rawsio.Dial(t, h.url)
			id := clients[i].Connect("/board", `{"user":"alice"}`)
			ids[id] = i
			if i < 3 { // the last is not in the room
				h.Move("/board", emitter.Audience{Sockets: []string{id}}, []string{"b1"}, false)
			}
		}
		got := make(chan []contract.AnswerOf[signature], 1)
		go func() {
			answers, missing, err := sign.CallRoom(context.Background(), asker, "b1", letter{Title: "peace", Paper: contract.Binary{1}})
			if err != nil || missing != nil {
				t.Errorf("missing %v, %v", missing, err)
			}
			got <- answers
		}()
		answer := func(c *rawsio.Client, packet string, attachments ...[]byte) {
			if asked := c.Expect("/board", "sign"); asked != `"peace","binary AQ==",null,null` { // the callback is the fifth
				t.Errorf("the question is %s", asked)
			}
			heard := c.Heard() // the question, and its attachment
			id, _, _ := strings.Cut(strings.TrimPrefix(heard[len(heard)-2], "451-/board,"), "[")
			c.Send(strings.Replace(packet, "ID", id, 1))
			for _, a := range attachments {
				c.SendBinary(a)
			}
		}
		answer(clients[0], `461-/board,ID[true,{"_placeholder":true,"num":0}]`, []byte{2})
		answer(clients[1], `43/board,ID[{"kind":"error","code":"conflict"}]`)
		answer(clients[2], `43/board,ID[false,null,"Rome"]`)
		said := map[int]signature{}
		for _, a := range <-got {
			if i := ids[a.Socket]; i == 1 != errors.Is(a.Err, contract.ErrRefused) {
				t.Errorf("client %d: %v", i, a.Err)
			}
			said[ids[a.Socket]] = a.Answer
		}
		if diff := cmp.Diff(map[int]signature{0: {Signed: true, Seal: []byte{2}}, 1: {}, 2: {Place: "Rome"}}, said); diff != "" {
			t.Error(diff)
		}
		if _, err := asker.Ask(t.Context(), sign.Spec(), contract.Who{}, letter{}); err == nil {
			t.Error("everybody is asked")
		}
	})
}
