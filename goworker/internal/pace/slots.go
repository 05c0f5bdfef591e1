package pace

import (
	"context"
	"sync"
	"time"
)

// largeSize is the number of bytes from which a transfer takes more than one slot: one more for each further largeSize, and
// mostSlots at most. Each one then keeps more of the way to the server busy, and more of the kernel's buffers.
const (
	largeSize = 4 << 20
	mostSlots = 8
)

// Slots lets as many transfers run at once as a Controller allows. It is safe for concurrent use.
type Slots struct {
	mu      sync.Mutex
	control Controller
	taken   int
	waiting []*waiter // in the order in which they came
}

type waiter struct {
	slots   int
	granted chan struct{}
}

// NewSlots makes slots for a controller.
func NewSlots(c Controller) *Slots { return &Slots{control: c} }

// Run calls f when there are slots for a transfer of so many bytes. It returns the context's error, or f's.
func (s *Slots) Run(ctx context.Context, size int64, f func() error) error {
	n := slotsFor(size)
	if err := s.acquire(ctx, n); err != nil {
		return err
	}
	defer s.release(n)
	return f()
}

// Try begins one try of a transfer of so many bytes. The caller reports how it ended to the function that it gets.
func (s *Slots) Try(size int64) func(took time.Duration, pushedBack bool) {
	s.mu.Lock()
	epoch := s.control.Epoch()
	s.mu.Unlock()
	return func(took time.Duration, pushedBack bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.control = s.control.Observe(Observation{
			Epoch: epoch, PushedBack: pushedBack, Bytes: size, Slots: slotsFor(size), Took: took, Waiting: len(s.waiting) > 0,
		})
		s.grant()
	}
}

// Limit is how many slots there are now.
func (s *Slots) Limit() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.control.Limit()
}

func slotsFor(size int64) int { return int(min(1+max(size, 0)/largeSize, mostSlots)) }

func (s *Slots) acquire(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &waiter{slots: n, granted: make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, w)
	s.grant()
	s.mu.Unlock()
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-w.granted: // at the same moment
		s.taken -= n
	default:
		for i, other := range s.waiting {
			if other == w {
				s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
				break
			}
		}
	}
	s.grant()
	return ctx.Err()
}

func (s *Slots) release(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken -= n
	s.grant()
}

// grant gives slots to those who wait. A transfer that needs more than there are runs alone.
func (s *Slots) grant() {
	for len(s.waiting) > 0 {
		w := s.waiting[0]
		if s.taken > 0 && s.taken+w.slots > s.control.Limit() {
			return
		}
		s.waiting[0] = nil
		s.waiting = s.waiting[1:]
		s.taken += w.slots
		close(w.granted)
	}
}
