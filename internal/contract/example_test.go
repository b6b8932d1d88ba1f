package contract_test

import (
	"context"
	"fmt"
	"reflect"

	"github.com/example/switchyard/internal/contract"
)

// The declarations of a use case stand at the top of its files.
var boards = contract.Namespace{Name: "/boards", Doc: "Boards to write on."}

type archiveInput struct {
	BoardID string `json:"board_id" minLength:"1" maxLength:"40"`
}

type archiveOutput struct {
	Archived bool `json:"archived"`
}

type archivedPayload struct {
	BoardID string `json:"board_id"`
	By      string `json:"by"`
}

var archived = contract.Event[archivedPayload]{
	Namespace: boards, Name: "board.archived",
	Doc: "A board was closed for writing.",
	To:  func(p archivedPayload) []contract.Room { return []contract.Room{contract.Room(p.BoardID)} },
}

var archive = contract.Command[archiveInput, archiveOutput]{
	Namespace: boards, Event: "archive", Operation: "boards.archive",
	Doc:    "Close a board for writing and tell everyone in it.",
	Key:    func(in archiveInput) string { return in.BoardID },
	Raises: []contract.EventSpec{archived.Spec()},
}

// A handler returns its output and what it wants done; it holds neither a publisher
// nor a socket.
func serveArchive(ctx context.Context, in archiveInput) (archiveOutput, []contract.Effect, error) {
	by := contract.CallerFrom(ctx).UserID
	return archiveOutput{Archived: true}, []contract.Effect{
		archived.Of(archivedPayload{BoardID: in.BoardID, By: by}),
		contract.Leave(contract.Room(in.BoardID)),
	}, nil
}

// Handle binds a declaration to its handler; the catalog is made of such routes.
func ExampleCommand_Handle() {
	route := archive.Handle(serveArchive)
	ctx := contract.WithCaller(context.Background(), contract.Caller{UserID: "alice"})
	out, err := route.Serve(ctx, []byte(`{"board_id":"b1"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(out.Output))
	for _, e := range out.Effects {
		switch e := e.(type) {
		case contract.Emission:
			fmt.Println("emit", e.Event.Name, "to", e.Audience.Rooms)
		case contract.Membership:
			fmt.Println("leave", e.Room)
		}
	}
	// Output:
	// {"archived":true}
	// emit board.archived to [b1]
	// leave b1
}

// An emission can be addressed beyond its event's To.
func ExampleEmission() {
	m := archived.Of(archivedPayload{BoardID: "b1"}).To("watchers").ToUser("bob").ExceptCaller().AsVolatile()
	fmt.Printf("%+v volatile=%t\n", m.Audience, m.Volatile)
	// Output:
	// {Everyone:false Rooms:[b1 watchers] Users:[bob] Sockets:[] Caller:false ExceptCaller:true Except:[] Local:false} volatile=true
}

// A follow-up command runs after this one is committed, on behalf of the same caller.
func ExampleSubmit() {
	next := contract.Submit(archive, archiveInput{BoardID: "b2"})
	fmt.Println(next.Operation, next.Key)
	// Output:
	// boards.archive b2
}

// A catalog knows all its mistakes at once.
func ExampleCatalog_Check() {
	unfinished := archive
	unfinished.Doc, unfinished.Event = "", "Archive!"
	catalog := contract.NewCatalog([]contract.Route{unfinished.Handle(nil)})
	fmt.Println(catalog.Check())
	// Output:
	// command "boards.archive": it has no Doc; one sentence will do
	// command "boards.archive": it has no handler: Handle was given nil
	// command "boards.archive": the event name "Archive!" must be lowercase and start with a letter
}

// Several arguments are the fields of a struct. The handler sees a struct like any other,
// and a client calls
//
//	socket.emit("pin", "b1", { x: 1, y: 2 }, photo, callback)
//
// where photo is binary data, which the handler has as bytes.
func ExampleArgs() {
	type place struct {
		X int `json:"x" minimum:"0"`
		Y int `json:"y" minimum:"0"`
	}
	type pinInput struct {
		contract.Args
		BoardID string          `json:"board_id" minLength:"1"`
		At      place           `json:"at"`
		Photo   contract.Binary `json:"photo"`
	}
	shape := contract.ShapeOf(reflect.TypeFor[pinInput]())
	fmt.Println(shape.Args)
	fmt.Println(shape.Binary)
	// Output:
	// [board_id at photo]
	// [/photo]
}
