package node

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/example/switchyard/internal/config"
)

// HealthCheck asks the node on this machine whether it is ready; its error says why
// it may not be.
func HealthCheck(c config.Config) error {
	host, port, err := net.SplitHostPort(c.HTTPAddr)
	if err != nil {
		return fmt.Errorf("HTTP_ADDR: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	client := &http.Client{Timeout: 3 * time.Second}
	resp, err := client.Get("http://" + net.JoinHostPort(host, port) + "/readyz")
	if err != nil {
		return fmt.Errorf("the node does not answer: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the node is not ready: %s", resp.Status)
	}
	return nil
}
