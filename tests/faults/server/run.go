package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/siotest/assemble"
)

var namespace = contract.Namespace{Name: "/faults", Doc: "Where handlers go wrong."}

// Run is the command to go wrong.
var Run = contract.Command[RunInput, RunOutput]{
	Namespace: namespace, Event: "run", Operation: "faults.run",
	Doc: "Go wrong, or take long.",
	Key: func(in RunInput) string { return in.Key },
}

// RunPatiently is Run for callers that wait longer than a node's leases last.
var RunPatiently = contract.Command[RunInput, RunOutput]{
	Namespace: namespace, Event: "run_patiently", Operation: "faults.run_patiently",
	Doc:     "Go wrong, or take long.",
	Key:     func(in RunInput) string { return in.Key },
	Timeout: 30 * time.Second,
}

// RunInput says how.
type RunInput struct {
	Key string `json:"key" minLength:"1" maxLength:"64"`
	How string `json:"how" enum:"work|fail|refuse|panic|exit|transient|hang|crash"`
	// Times is how often "transient" fails.
	Times int `json:"times,omitempty" minimum:"0" maximum:"10"`
	MS    int `json:"ms,omitempty" minimum:"0" maximum:"60000" doc:"How long it takes, whatever its context says."`
}

// RunOutput says how often the handler has run for the command in this process.
type RunOutput struct {
	Attempt int `json:"attempt"`
}

// Catalog is what this server does.
func Catalog(assemble.Ports) *contract.Catalog {
	a := &attempts{by: map[string]int{}}
	return contract.NewCatalog([]contract.Route{Run.Handle(a.run), RunPatiently.Handle(a.run)})
}

type attempts struct {
	mu sync.Mutex
	by map[string]int // command
}

func (a *attempts) run(ctx context.Context, in RunInput) (RunOutput, []contract.Effect, error) {
	id := contract.CallerFrom(ctx).CommandID
	a.mu.Lock()
	a.by[id]++
	out := RunOutput{Attempt: a.by[id]}
	a.mu.Unlock()
	fmt.Fprintf(os.Stderr, "EXECUTED %s\n", in.Key)     // tests count these lines, over all nodes
	time.Sleep(time.Duration(in.MS) * time.Millisecond) // its work, which heeds no deadline
	switch in.How {
	case "fail":
		return out, nil, errors.New("an accident, as it was told")
	case "refuse":
		return out, nil, fault.New(fault.Conflict, "refused, as it was told")
	case "panic":
		panic("as it was told")
	case "exit":
		runtime.Goexit()
	case "transient":
		if out.Attempt <= in.Times {
			return out, nil, fault.Transient(errors.New("not yet, as it was told"))
		}
	case "crash":
		os.Exit(3)
	}
	return out, nil, nil
}
