package pace

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rounds feeds a controller with full rounds, as a server answers that takes so long with so many in flight.
func rounds(c Controller, n int, took func(inFlight int) time.Duration) Controller {
	for range n {
		for range max(c.Limit(), minRound) {
			c = c.Observe(Observation{Epoch: c.Epoch(), Slots: 1, Took: took(c.Limit()), Waiting: true})
		}
	}
	return c
}

func constant(int) time.Duration { return 50 * time.Millisecond }

// serial is a server that does one thing after the other: waiting longer is all that more requests bring.
func serial(inFlight int) time.Duration { return time.Duration(inFlight) * time.Millisecond }

// workers is a server that does so many things at once.
func workers(n int) func(int) time.Duration {
	return func(inFlight int) time.Duration {
		return 50 * time.Millisecond * time.Duration(max(inFlight, n)) / time.Duration(n)
	}
}

func TestLimits(t *testing.T) {
	pushBack := func(c Controller) Controller { return c.Observe(Observation{Epoch: c.Epoch(), PushedBack: true}) }
	for name, c := range map[string]struct {
		got  Controller
		want int
	}{
		"at the beginning":             {NewController(32, 256), 32},
		"a small machine":              {NewController(32, 8), 8},
		"nothing at all":               {NewController(0, 0), 1},
		"doubled at once":              {rounds(NewController(32, 256), 1, constant), 64},
		"doubled up to the most":       {rounds(NewController(32, 256), 3, constant), 256},
		"stays at the most":            {rounds(NewController(32, 256), 50, constant), 256},
		"no gain: back again":          {rounds(NewController(32, 256), 2, serial), 32},
		"no gain: tried again later":   {rounds(NewController(32, 256), 2+holdRounds, serial), 40},
		"and back again":               {rounds(NewController(32, 256), 3+holdRounds, serial), 32},
		"pushed back":                  {pushBack(NewController(32, 256)), 16},
		"grows again":                  {rounds(pushBack(NewController(32, 256)), holdRounds, constant), 20},
		"grows again in small steps":   {rounds(pushBack(NewController(32, 256)), holdRounds+1, constant), 25},
		"twice as slow: halved":        {rounds(rounds(NewController(256, 256), 2, constant), 1, func(int) time.Duration { return time.Second }), 128},
		"slower, but not by that much": {rounds(rounds(NewController(256, 256), 2, constant), 1, func(int) time.Duration { return 90 * time.Millisecond }), 256},
	} {
		assert.Equal(t, c.want, c.got.Limit(), name)
	}
}

func TestALimitThatDoesNotBoundIsLeftAlone(t *testing.T) {
	c := NewController(32, 256)
	for range 1000 {
		c = c.Observe(Observation{Epoch: c.Epoch(), Took: time.Millisecond})
	}
	assert.Equal(t, 32, c.Limit())
}

func TestABurstOfRefusalsIsOne(t *testing.T) {
	c := NewController(64, 256)
	before := c.Epoch()
	for range 64 {
		c = c.Observe(Observation{Epoch: before, PushedBack: true})
	}
	assert.Equal(t, 32, c.Limit())
}

// TestTheLimitSettlesWhereTheServerIsBusy: whatever the server bears, the limit ends near it.
func TestTheLimitSettlesWhereTheServerIsBusy(t *testing.T) {
	for _, n := range []int{4, 20, 32, 50, 100, 200, 1000} {
		c := rounds(NewController(32, 256), 400, workers(n))
		assert.GreaterOrEqual(t, c.Limit(), min(n, 256)*3/4, "%d at once", n)
		if n >= 32 {
			assert.LessOrEqual(t, c.Limit(), min(n*2, 256), "%d at once", n)
		}
	}
}

func TestLargeFilesAreComparedByTheirBytes(t *testing.T) {
	c := NewController(16, 64)
	feed := func(bytes int64, took time.Duration) {
		for range max(c.Limit(), minRound) {
			c = c.Observe(Observation{Epoch: c.Epoch(), Slots: 1, Bytes: bytes, Took: took, Waiting: true})
		}
	}
	feed(0, 50*time.Millisecond)
	feed(100*workUnit, 101*50*time.Millisecond)
	assert.Equal(t, 64, c.Limit(), "files that take longer because they are larger are not a slow server")
}

// TestWhateverIsObserved: a controller that is fed at random keeps its bounds, goes down at each fresh refusal, and
// comes back when the server is well again.
func TestWhateverIsObserved(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		most := 1 + rng.IntN(256)
		c := NewController(1+rng.IntN(64), most)
		for range 1500 {
			o := Observation{
				Epoch: c.Epoch() - rng.IntN(2), PushedBack: rng.IntN(200) == 0, Bytes: rng.Int64N(1 << rng.IntN(30)), Slots: 1 + rng.IntN(8),
				Took: time.Duration(rng.Int64N(int64(time.Second))), Waiting: rng.IntN(10) > 0,
			}
			next := c.Observe(o)
			want := next.Limit()
			switch {
			case o.Epoch != c.Epoch(): // what began under another limit does not count
				want = c.Limit()
			case o.PushedBack:
				want = max(1, c.Limit()/2)
			}
			if l := next.Limit(); l < 1 || l > most || l > 2*c.Limit() || l != want || next != c.Observe(o) {
				require.FailNow(t, "a wrong step", "%+v after %+v, and not %d", next, o, want)
			}
			c = next
		}
		require.Equal(t, most, rounds(c, 120, constant).Limit(), "a server that is well again gets all")
	}
}

func TestNoMoreRunThanThereAreSlots(t *testing.T) {
	s := NewSlots(NewController(6, 6))
	var now, most atomic.Int64
	var g sync.WaitGroup
	for i := range 200 {
		size := []int64{0, 1, largeSize, 3 * largeSize, 1 << 40}[i%5]
		g.Go(func() {
			_ = s.Run(t.Context(), size, func() error {
				taken := now.Add(int64(min(slotsFor(size), 6))) // the largest run alone
				for seen := most.Load(); taken > seen && !most.CompareAndSwap(seen, taken); seen = most.Load() {
				}
				now.Add(-int64(min(slotsFor(size), 6)))
				return nil
			})
		})
	}
	g.Wait()
	assert.LessOrEqual(t, most.Load(), int64(6))
	assert.Zero(t, s.taken)
	failed := errors.New("failed")
	assert.ErrorIs(t, s.Run(t.Context(), 1, func() error { return failed }), failed)
	assert.Equal(t, []int{1, 1, 2, 8}, []int{slotsFor(0), slotsFor(largeSize - 1), slotsFor(largeSize), slotsFor(1 << 40)})
}

func TestWhoGivesUpWaitingTakesNoSlot(t *testing.T) {
	s := NewSlots(NewController(1, 1))
	held, free := make(chan struct{}), make(chan struct{})
	var g sync.WaitGroup
	g.Go(func() { _ = s.Run(t.Context(), 0, func() error { close(held); <-free; return nil }) })
	<-held
	ctx, cancel := context.WithCancel(t.Context())
	var waiters sync.WaitGroup
	for range 20 {
		waiters.Go(func() { assert.Error(t, s.Run(ctx, 0, func() error { t.Error("it ran"); return nil })) })
	}
	cancel()
	waiters.Wait()
	close(free)
	g.Wait()
	assert.NoError(t, s.Run(t.Context(), 0, func() error { return nil }))
	assert.Zero(t, s.taken)
	assert.Empty(t, s.waiting)
}

func TestARefusalLeavesFewerSlots(t *testing.T) {
	s := NewSlots(NewController(8, 8))
	done, refused := s.Try(10), s.Try(10)
	refused(time.Second, true)
	done(time.Second, true)
	assert.Equal(t, 4, s.Limit())
}

func TestBatches(t *testing.T) {
	sizes := func(b *Batch, n int) (out []int) {
		for range n {
			out = append(out, b.Next())
		}
		return out
	}
	b := NewBatch(32, 2000)
	assert.Equal(t, []int{32, 128, 512, 2000, 2000}, sizes(b, 5))
	b.TooMany(2000)
	assert.Equal(t, 1000, b.Most())
	assert.Equal(t, []int{1000, 1000}, sizes(b, 2), "it is remembered")
	b.TooMany(200)
	b.TooMany(1000) // an answer that comes late raises nothing
	assert.Equal(t, 100, b.Most())
	b.Took(100, time.Second)
	assert.Equal(t, []int{100}, sizes(b, 1))
	b.Took(100, 2*time.Minute)
	assert.Equal(t, []int{50}, sizes(b, 1), "a slow batch makes smaller ones")
	b.Took(50, 30*time.Second)
	assert.Equal(t, []int{50}, sizes(b, 1))
	b.Took(50, time.Second)
	assert.Equal(t, []int{100, 100}, append(sizes(b, 1), sizes(b, 1)...))
	for range 10 {
		b.TooMany(1)
	}
	assert.Equal(t, []int{1, 1}, sizes(b, 2))
	assert.Equal(t, []int{1, 1}, sizes(NewBatch(0, 0), 2))
}
