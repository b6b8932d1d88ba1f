// Command progress starts a task and shows how far it is: an example of work that takes
// longer than an acknowledgement may.
//
//	go run ./examples/progress -title "dig a hole" -steps 40
//
// The task goes on whatever becomes of this program, or of the node that runs it; Ctrl-C
// cancels it. Events are how one sees it move, and not how one knows how far it is: each
// says it anew, so a missed one does no harm.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/example/switchyard/transport/socketio/client"
	"github.com/example/switchyard/usecases/tasks"
)

func main() {
	url := flag.String("url", "http://localhost:8080", "the service")
	user := flag.String("user", "digger", "who you are")
	title := flag.String("title", "dig a hole", "what to do")
	steps := flag.Int("steps", 40, "in how many steps")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *url, *user, tasks.StartInput{Title: *title, Steps: *steps}, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "progress:", err)
		os.Exit(1)
	}
}

var errCancelled = errors.New("cancelled")

// run does a task. When ctx ends it cancels it.
func run(ctx context.Context, url, user string, task tasks.StartInput, show io.Writer) error {
	// An event may come before the answer that says of which task it tells.
	progress := make(chan tasks.ProgressPayload, task.Steps)
	c, err := client.Dial(ctx, url, tasks.Namespace, client.Auth(map[string]any{"user": user}), client.Handlers(func(c *client.Client) {
		client.On(c, tasks.Progress, func(p tasks.ProgressPayload) {
			select {
			case progress <- p:
			case <-ctx.Done():
			}
		})
	}))
	if err != nil {
		return err
	}
	defer c.Close()
	started, err := client.Call(ctx, c, tasks.Start, task)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	for {
		select {
		case p := <-progress:
			if p.TaskID != started.TaskID {
				continue
			}
			fmt.Fprintf(show, "\r%s [%s] %d of %d", task.Title, bar(p.Done, p.Total), p.Done, p.Total)
			if p.Done == p.Total {
				fmt.Fprintln(show)
				return nil
			}
		case <-c.Done():
			return fmt.Errorf("the task goes on: %w", c.Err())
		case <-ctx.Done():
			return cancel(c, started.TaskID)
		}
	}
}

func cancel(c *client.Client, id string) error {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	out, err := client.Call(ctx, c, tasks.Cancel, tasks.CancelInput{TaskID: id})
	switch {
	case err != nil:
		return fmt.Errorf("cancel: %w", err)
	case !out.Cancelled:
		return nil // it was finished meanwhile
	}
	return errCancelled
}

func bar(done, total int) string {
	const width = 30
	full := width * done / max(total, 1)
	return strings.Repeat("#", full) + strings.Repeat(".", width-full)
}
