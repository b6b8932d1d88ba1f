package contracttest

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/example/switchyard/internal/contract"
)

// A History keeps events in memory. Safe for concurrent use.
type History struct {
	mu   sync.Mutex
	kept map[string][]contract.Kept // by event and key
}

var _ contract.History = (*History)(nil)

// NewHistory makes an empty history.
func NewHistory() *History { return &History{kept: map[string][]contract.Kept{}} }

// Keep does what the commit of a command does with its effects. The key is that of the
// command.
func (h *History) Keep(t testing.TB, by contract.Caller, key string, effects ...contract.Effect) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, effect := range effects {
		m, ok := effect.(contract.Emission)
		if !ok || m.Event.Keep == 0 {
			continue
		}
		payload, err := json.Marshal(m.Payload)
		if err != nil {
			t.Fatalf("encode %s: %v", m.Event.Name, err)
		}
		if m.Event.Namespace, err = m.NamespaceFor(by); err != nil {
			t.Fatal(err)
		}
		log := append(h.kept[name(m.Event, key)], contract.Kept{Position: by.Position, Payload: payload})
		h.kept[name(m.Event, key)] = log[max(0, len(log)-m.Event.Keep):]
	}
}

func name(e contract.EventSpec, key string) string {
	return strings.Join([]string{e.Namespace.Name, e.Name, key}, " ")
}

// Before returns the events before a position, the newest last.
func (h *History) Before(_ context.Context, e contract.EventSpec, key, position string, limit int) ([]contract.Kept, error) {
	return h.find(e, key, func(all []contract.Kept) []contract.Kept {
		end := len(all)
		if position != "" {
			end = max(0, slices.IndexFunc(all, func(k contract.Kept) bool { return !earlier(k.Position, position) }))
		}
		return all[max(0, end-limit):end]
	})
}

// After returns the events after a position, the newest last.
func (h *History) After(_ context.Context, e contract.EventSpec, key, position string, limit int) ([]contract.Kept, error) {
	return h.find(e, key, func(all []contract.Kept) []contract.Kept {
		begin := slices.IndexFunc(all, func(k contract.Kept) bool { return earlier(position, k.Position) })
		if begin < 0 {
			return nil
		}
		return all[begin:min(len(all), begin+limit)]
	})
}

func (h *History) find(e contract.EventSpec, key string, page func([]contract.Kept) []contract.Kept) ([]contract.Kept, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(page(h.kept[name(e, key)])), nil
}

// earlier compares two positions, "<ms>-<n>".
func earlier(a, b string) bool {
	aMS, aN, _ := strings.Cut(a, "-")
	bMS, bN, _ := strings.Cut(b, "-")
	return cmp.Or(cmp.Compare(len(aMS), len(bMS)), cmp.Compare(aMS, bMS), cmp.Compare(len(aN), len(bN)), cmp.Compare(aN, bN)) < 0
}
