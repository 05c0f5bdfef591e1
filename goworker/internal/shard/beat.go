package shard

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// beat shows heartbeats of a slot and of what it holds, in a goroutine of its own: work may take long between two looks at the clock.
// The times here are local and only decide when this slot gives up; who has a lease is decided by the store's clock.
type beat struct {
	store Store
	lease time.Duration

	keeping sync.Mutex // held while leases are renewed

	mu   sync.Mutex
	held map[*lease]*hold
}

// hold is a lease under which something is done.
type hold struct {
	kept time.Time // when the lease was last known to be ours
	stop context.CancelCauseFunc
}

// hold gives a context for the work under a lease, which ends when the lease is lost, and a function that ends it.
func (b *beat) hold(ctx context.Context, l *lease) (context.Context, func()) {
	h := &hold{kept: time.Now()}
	ctx, h.stop = context.WithCancelCause(context.WithValue(ctx, heldKey{}, func() bool { return b.inTime(h) }))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held == nil {
		b.held = map[*lease]*hold{}
	}
	b.held[l] = h
	return ctx, func() {
		b.drop(l)
		h.stop(nil)
	}
}

func (b *beat) drop(l *lease) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.held, l)
}

// quiet ends the renewals of a lease whose outcome is about to be stored: one that came behind it would find no lease.
func (b *beat) quiet(l *lease) {
	b.keeping.Lock()
	defer b.keeping.Unlock()
	b.drop(l)
}

// run beats until ctx ends, four times in the time of a lease.
func (b *beat) run(ctx context.Context) {
	tick := time.NewTicker(b.lease / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			b.once(ctx)
		}
	}
}

func (b *beat) once(ctx context.Context) {
	b.keeping.Lock()
	defer b.keeping.Unlock()
	b.mu.Lock()
	held := maps.Clone(b.held)
	b.mu.Unlock()

	// A server that does not answer must not hold up the look at the clock.
	ctx, cancel := context.WithTimeout(ctx, b.lease/2)
	defer cancel()
	began := time.Now()
	signed := b.store.signOn(ctx)
	for l, h := range held {
		err := b.store.keep(ctx, l)
		b.mu.Lock()
		late := time.Since(h.kept) >= b.lease
		if err == nil && signed == nil {
			h.kept = began
		}
		b.mu.Unlock()
		if errors.Is(err, ErrLost) || err != nil && late {
			h.stop(ErrLost)
		}
	}
}

// watch looks at the job each time that tick passes, until it is over or cancelled: then stop is called.
func watch(ctx context.Context, s Store, poll time.Duration, show func(*job), stop context.CancelCauseFunc) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		j, err := s.job(ctx)
		switch {
		case errors.Is(err, ErrNoJob):
			stop(ErrNoJob)
			return
		case err != nil: // the loop notices when the store stays away
		case j.State.Over(), j.cancelled():
			stop(errOver)
			return
		default:
			show(j)
		}
	}
}

// errOver ends what a slot does when the job is over or was cancelled.
var errOver = errors.New("shard: the job is over")
