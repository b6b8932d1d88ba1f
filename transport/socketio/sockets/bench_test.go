package sockets_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

// These benchmarks run the same clients against this package and against the library
// as it comes, so that one run gives the ratios:
//
//	go test ./transport/socketio/sockets -run xxx -bench . -benchtime 2s
//
// Clients are bare. Those of broadcasts are another process, so that cpu-ns is the
// server's alone; elsewhere it is both sides'. Memory is the heap and the stacks,
// after a collection.

const benchPayload = `{"room":"lobby","text":"The quick brown fox jumps over the lazy dog","n":12345}`

func each(b *testing.B, bench func(b *testing.B, s subject, address string)) {
	for _, name := range []string{"ours", "library"} {
		b.Run(name, func(b *testing.B) {
			s, address := serve(b, name)
			bench(b, s, address)
		})
	}
}

func BenchmarkReceive(b *testing.B) {
	each(b, func(b *testing.B, _ subject, address string) {
		c := dialMany(b, address, 1)[0]
		const batch = 64
		frames := []byte(strings.Repeat(string(masked(`42["n",`+benchPayload+`]`)), batch))
		received.Store(0)
		n := (b.N + batch - 1) / batch * batch
		measured(b, n, "event", func() {
			for sent := 0; sent < n; sent += batch {
				if _, err := c.Write(frames); err != nil {
					b.Fatal(err)
				}
			}
			await(b, "all events", func() bool { return received.Load() == int64(n) })
		})
	})
}

func BenchmarkAcknowledgement(b *testing.B) {
	each(b, func(b *testing.B, _ subject, address string) {
		c := dialMany(b, address, 1)[0]
		const batch = 64
		frames := []byte(strings.Repeat(string(masked(`421["ack",`+benchPayload+`]`)), batch))
		n := (b.N + batch - 1) / batch * batch
		measured(b, n, "ack", func() {
			for sent := 0; sent < n; sent += batch {
				if _, err := c.Write(frames); err != nil {
					b.Fatal(err)
				}
				for range batch {
					if _, err := c.frame(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	})
}

const audienceEnv = "SWITCHYARD_BENCH_AUDIENCE" // address of the server, in the other process

func TestMain(m *testing.M) {
	if address := os.Getenv(audienceEnv); address != "" {
		if err := listen(address); err != nil {
			fmt.Fprintln(os.Stderr, "audience:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const audience = 1000 // sockets

// listen is the process of a broadcast's clients. For each number that it reads it
// answers when so many bytes have come to each client.
func listen(address string) error {
	clients := make([]*bare, audience)
	for i := range clients {
		var err error
		for tries := 0; tries < 10; tries++ { // the library drops some CONNECTs
			if clients[i], err = dialBare(address); err == nil {
				break
			}
		}
		if err != nil {
			return err
		}
	}
	fmt.Println("ready")
	buf := make([]byte, 64<<10)
	var wanted int
	for {
		if _, err := fmt.Scan(&wanted); err != nil {
			return nil //nolint:nilerr // the other process is done
		}
		for _, c := range clients {
			for c.got < wanted {
				n, err := c.Read(buf)
				if err != nil {
					return err
				}
				c.got += n
			}
		}
		fmt.Println(wanted)
	}
}

func BenchmarkBroadcast1000(b *testing.B) {
	each(b, func(b *testing.B, s subject, address string) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), audienceEnv+"="+address)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		check(err)
		out, err := cmd.StdoutPipe()
		check(err)
		check(cmd.Start())
		b.Cleanup(func() { check(in.Close()); check(cmd.Wait()) })
		answers := bufio.NewScanner(out)
		if !answers.Scan() {
			b.Fatal("no audience")
		}
		size := len(masked(`42["n",`+benchPayload+`]`)) - 4 // without a mask
		measured(b, b.N*audience, "delivery", func() {
			for i := range b.N { // one at a time: the library loses those that wait
				s.broadcast(json.RawMessage(benchPayload))
				fmt.Fprintln(in, size*(i+1))
				if !answers.Scan() {
					b.Fatal("the audience has gone")
				}
			}
		})
	})
}

func BenchmarkIdleConnection(b *testing.B) {
	each(b, func(b *testing.B, _ subject, address string) {
		const connections = 1000
		dialMany(b, address, 10) // what is made once
		held := func() (bytes, goroutines int) {
			var m runtime.MemStats
			for range 3 {
				runtime.GC()
				time.Sleep(50 * time.Millisecond) // finalizers
			}
			runtime.ReadMemStats(&m)
			return int(m.HeapAlloc + m.StackInuse), runtime.NumGoroutine()
		}
		for range b.N {
			bytes, goroutines := held()
			clients := dialMany(b, address, connections)
			for _, c := range clients {
				c.r = nil // the client's own
			}
			after, running := held()
			b.ReportMetric(float64(after-bytes)/connections, "B/conn")
			b.ReportMetric(float64(running-goroutines)/connections, "goroutines/conn")
			b.ReportMetric(0, "ns/op")
			runtime.KeepAlive(clients)
		}
	})
}
