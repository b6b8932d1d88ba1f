package faults

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/tests/faults/proxy"
)

// BenchmarkFarRedis is how many commands a second one node takes, runs and answers whose
// Redis is so far away. Each command waits for three round trips, to its lane, to its
// worker and to its commit, which others share.
func BenchmarkFarRedis(b *testing.B) {
	const keys, underWay = 64, 1024
	type number struct{ N int }
	add := contract.Command[number, number]{
		Namespace: contract.Namespace{Name: "/far"}, Event: "add", Operation: "far.add",
		Key: func(in number) string { return fmt.Sprint(in.N % keys) },
	}
	for _, latency := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond} {
		b.Run(fmt.Sprint(latency), func(b *testing.B) {
			near, err := url.Parse(testenv.Redis(b))
			if err != nil {
				b.Fatal(err)
			}
			way, err := proxy.New(near.Host)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(way.Close)
			way.Delay(latency)
			near.Host = way.Address()
			far := near.String()
			lanes, err := broker.NewLanes(broker.Config{Node: "far"}, testenv.Client(b, far), testenv.Client(b, far), slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			defer lanes.Close()
			gateway := broker.NewGateway(lanes)
			worker := broker.NewWorker(lanes, broker.NewHandlers(contract.NewCatalog([]contract.Route{
				add.Handle(func(_ context.Context, in number) (number, []contract.Effect, error) { return in, nil, nil }),
			})))
			if err := gateway.Start(b.Context(), func(*broker.Event) error { return nil }, func(string) {}); err != nil {
				b.Fatal(err)
			}
			defer gateway.Close()
			if err := worker.Start(b.Context()); err != nil {
				b.Fatal(err)
			}
			defer worker.Close()

			room := make(chan struct{}, underWay)
			b.ResetTimer()
			for i := range b.N {
				room <- struct{}{}
				in := fmt.Appendf(nil, `{"N":%d}`, i)
				gateway.Submit(&broker.Command{Operation: add.Operation, Key: fmt.Sprint(i % keys), Input: in}, func(r broker.Reply) {
					if r.Code != "" {
						b.Errorf("%s %s", r.Code, r.Body)
					}
					<-room
				})
			}
			for range underWay {
				room <- struct{}{}
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
		})
	}
}
