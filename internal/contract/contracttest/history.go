package contracttest

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
	end, ok := placeOf(position, math.MaxUint64)
	if position != "" && !ok || limit < 1 {
		return nil, nil
	}
	found := h.find(e, key, func(p place) bool { return position == "" || slices.Compare(p[:], end[:]) < 0 })
	return found[max(0, len(found)-limit):], nil
}

// After returns the events after a position, the newest last.
func (h *History) After(_ context.Context, e contract.EventSpec, key, position string, limit int) ([]contract.Kept, error) {
	begin, ok := placeOf(position, 0)
	if !ok || limit < 1 {
		return nil, nil
	}
	found := h.find(e, key, func(p place) bool { return slices.Compare(p[:], begin[:]) > 0 })
	return found[:min(len(found), limit)], nil
}

// find returns those kept whose place is asked for.
func (h *History) find(e contract.EventSpec, key string, asked func(place) bool) (found []contract.Kept) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range h.kept[name(e, key)] {
		if p, _ := placeOf(k.Position, 0); asked(p) {
			found = append(found, k)
		}
	}
	return found
}

// A place is what a position says: milliseconds, and a number among theirs.
type place [2]uint64

// placeOf reads a position, "<ms>-<n>"; ok is false for what is none. Redis takes "<ms>",
// too, and fills in what is missing.
func placeOf(position string, missing uint64) (p place, ok bool) {
	ms, n, both := strings.Cut(position, "-")
	if !both {
		n = strconv.FormatUint(missing, 10)
	}
	var errs [2]error
	p[0], errs[0] = strconv.ParseUint(ms, 10, 64)
	p[1], errs[1] = strconv.ParseUint(n, 10, 64)
	return p, errors.Join(errs[:]...) == nil
}

// TestHistory holds a history to what contract.History promises. Of an event and a key it
// must keep what is given, the oldest first: five or more, and nothing else.
func TestHistory(t *testing.T, h contract.History, e contract.EventSpec, key string, kept []contract.Kept) {
	t.Helper()
	all := len(kept)
	middle := all / 2
	const longAgo, toCome = "0-1", "99999999999999-1"
	for name, tc := range map[string]struct {
		read     func(ctx context.Context, e contract.EventSpec, key, position string, limit int) ([]contract.Kept, error)
		position string
		limit    int
		want     []contract.Kept
	}{
		"the newest":             {h.Before, "", 2, kept[all-2:]},
		"all":                    {h.Before, "", all + 1, kept},
		"before one":             {h.Before, kept[middle].Position, 2, kept[middle-2 : middle]},
		"before the first":       {h.Before, kept[0].Position, 2, nil},
		"before long ago":        {h.Before, longAgo, 2, nil},
		"before what is to come": {h.Before, toCome, 2, kept[all-2:]},
		"before no position":     {h.Before, "never", 2, nil},
		"none before":            {h.Before, "", 0, nil},
		"after one":              {h.After, kept[middle].Position, 2, kept[middle+1 : middle+3]},
		"after the last":         {h.After, kept[all-1].Position, 2, nil},
		"after long ago":         {h.After, longAgo, 2, kept[:2]},
		"after what is to come":  {h.After, toCome, 2, nil},
		"after no position":      {h.After, "never", 2, nil},
		"after nothing":          {h.After, "", 2, nil},
		"none after":             {h.After, longAgo, 0, nil},
	} {
		got, err := tc.read(t.Context(), e, key, tc.position, tc.limit)
		if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}
