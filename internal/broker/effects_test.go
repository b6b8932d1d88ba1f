package broker

import "testing"

// What a command submits is told from whatever else it submits.
func TestFollowUpIDs(t *testing.T) {
	t.Parallel()
	const cause = "01a205bf-f786-7379-bc92-0729062a2fd7"
	seen := map[string]int{}
	for n := range 1<<16 + 600 {
		id := followUpID(cause, n)
		if before, ok := seen[id]; ok {
			t.Fatalf("%d is called like %d", n, before)
		}
		seen[id] = n
	}
}
