package testenv

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
	"github.com/twmb/franz-go/pkg/kfake"
)

// NATS starts a NATS server with JetStream for one test and returns its URL, or leaves the
// test out.
func NATS(t testing.TB) string {
	t.Helper()
	return container(t, "events over NATS", "nats:2-alpine", "nats://%s", "4222/tcp", "Server is ready", "-js")
}

// RabbitMQ starts a RabbitMQ for one test and returns its URL, or leaves the test out.
func RabbitMQ(t testing.TB) string {
	t.Helper()
	return container(t, "events over AMQP", "rabbitmq:3-alpine", "amqp://guest:guest@%s/", "5672/tcp", "Server startup complete")
}

// Kafka starts what speaks Kafka's protocol, for one test, and returns its URL.
func Kafka(t testing.TB) string {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return "kafka://" + c.ListenAddrs()[0]
}

func container(t testing.TB, what, image, url, port, ready string, cmd ...string) string {
	t.Helper()
	if exec.Command("docker", "info").Run() != nil {
		LeaveOut(t, what, "no Docker engine answers")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c, err := testcontainers.Run(ctx, image, testcontainers.WithCmd(cmd...), testcontainers.WithExposedPorts(port),
		testcontainers.WithWaitStrategy(wait.ForAll(wait.ForLog(ready), wait.ForListeningPort(port)).WithDeadline(2*time.Minute)))
	testcontainers.CleanupContainer(t, c)
	if err != nil {
		t.Fatalf("start %s in a container: %v", image, err)
	}
	address, err := c.PortEndpoint(ctx, port, "")
	if err != nil {
		t.Fatal(err)
	}
	record(t, "SWITCHYARD_RAN_WITH", image+" in a container")
	return fmt.Sprintf(url, address)
}
