// Package tests sees the service as its users do: whole nodes, a real Redis, real
// clients, nothing mocked.
package tests

import (
	"os"
	"testing"

	"github.com/example/switchyard/internal/siotest"
)

func TestMain(m *testing.M) { os.Exit(siotest.Main(m)) }
