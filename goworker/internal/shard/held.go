package shard

import (
	"context"
	"time"
)

type heldKey struct{}

// Held reports whether the lease under which a method of [Work] runs has not passed, by this process's own clock. Ask right before
// what must not be done late, such as a heartbeat: a process that was stopped and wakes up goes on where it was, and only afterwards
// learns that another slot has the lease. Outside of such a method it is true.
func Held(ctx context.Context) bool {
	held, ok := ctx.Value(heldKey{}).(func() bool)
	return !ok || held()
}

// inTime reports whether a lease was renewed within its time. It needs no answer from the store.
func (b *beat) inTime(h *hold) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Since(h.kept) < b.lease
}
