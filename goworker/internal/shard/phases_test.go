package shard

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/sync/errgroup"
)

// meeting is work whose first uploads wait for each other.
type meeting struct {
	*fakeWork
	here atomic.Int64
	all  chan struct{}
}

func (w *meeting) Upload(ctx context.Context, p Plan, a Announced, s Shard, read ReadOut) (UpOut, error) {
	if w.here.Add(1) == uploadsAtOnce {
		close(w.all)
	}
	select {
	case <-w.all:
	case <-ctx.Done():
	}
	return w.fakeWork.Upload(ctx, p, a, s, read)
}

// TestUploadsAtOnce: a slot uploads some of its shards at once, each of them once.
func TestUploadsAtOnce(t *testing.T) {
	t.Parallel()
	const shards = 3 * uploadsAtOnce
	for _, memory := range []bool{true, false} {
		j, w := newJob(t), newWorld(3*shards)
		var store Store = NewMemory()
		if !memory {
			store = j.store()
		}
		// No lease is lost, however slow the machine is: a shard would go up twice.
		_, err := Run(t.Context(), store, &meeting{fakeWork: w.slot(), all: make(chan struct{})}, Options{Size: 3, Poll: 50 * time.Millisecond})
		require.NoError(t, err)
		assert.Equal(t, 1, w.commits)
		assert.Equal(t, shards, w.calls["upload"])
		if memory {
			continue
		}
		n, err := j.Collection(shardsCollection).CountDocuments(t.Context(), bson.M{"_id.j": j.id, "up.tries": 1, "up.state": shardDone})
		require.NoError(t, err)
		assert.EqualValues(t, shards, n, "no slot takes a shard from itself")
	}
}

// inTurn is work that counts how many shards that it has not read it uploads at once.
type inTurn struct {
	*fakeWork
	now, most atomic.Int64
}

func (w *inTurn) Upload(ctx context.Context, p Plan, a Announced, s Shard, read ReadOut) (UpOut, error) {
	if n := w.now.Add(1); n > w.most.Load() {
		w.most.Store(n)
	}
	defer w.now.Add(-1)
	pause(ctx, 20*time.Millisecond)
	return w.fakeWork.Upload(ctx, p, a, s, read)
}

// TestShardsOfADeadSlotAreTakenInTurn: a slot holds no more of them than it reads, so that others get their share.
func TestShardsOfADeadSlotAreTakenInTurn(t *testing.T) {
	t.Parallel()
	j, w := newJob(t), newWorld(15)
	all(t, start(t, j, w, 1, at(once("upload:0:begin"), die)), 1)
	require.Equal(t, Uploading, j.now(t).State)
	work := &inTurn{fakeWork: w.slot()}
	_, err := Run(t.Context(), j.store(), work, quick(1))
	require.NoError(t, err)
	assert.EqualValues(t, 1, work.most.Load())
	assert.Equal(t, 1, w.commits)
}

// TestPausesGrow: who has waited for a short time looks again soon, and who waits long does not ask the database all the time.
func TestPausesGrow(t *testing.T) {
	t.Parallel()
	s := &slot{Options: Options{}.withDefaults()}
	assert.Equal(t, firstPause, s.nextPause())
	for s.waited < time.Minute {
		before := s.waited
		d := s.nextPause()
		assert.LessOrEqual(t, d, max(before/2, firstPause))
		assert.LessOrEqual(t, d, defaultPoll)
	}
	assert.Equal(t, defaultPoll, s.nextPause())
}

// slow is the store of a slot that finds no shard left to read, and then does nothing until another slot has opened some again.
type slow struct {
	*Mongo
	there, reopened, leads chan struct{}
	first, second          sync.Once
}

func (s *slow) undone(ctx context.Context, plan string, p phase, tries int) (int, *failure, error) {
	n, why, err := s.Mongo.undone(ctx, plan, p, tries)
	if err == nil && n == 0 && p == phaseRead {
		s.first.Do(func() {
			close(s.there)
			<-s.reopened
		})
	}
	return n, why, err
}

func (s *slow) lead(ctx context.Context, in State) (*lease, error) {
	l, err := s.Mongo.lead(ctx, in)
	if in == Reading {
		s.second.Do(func() { close(s.leads) })
	}
	return l, err
}

// reopening is the store of the slot that opens them.
type reopening struct {
	*Mongo
	with *slow
	once sync.Once
}

func (s *reopening) giveUp(ctx context.Context, l *lease, why *failure, counted bool) error {
	err := s.Mongo.giveUp(ctx, l, why, counted)
	if l.phase == phaseLead {
		s.once.Do(func() {
			close(s.with.reopened)
			<-s.with.leads
		})
	}
	return err
}

func TestALeadThatLookedBeforeShardsWereOpenedAgain(t *testing.T) {
	t.Parallel()
	j, w := newJob(t), newWorld(15)
	w.before = func(m string, _ int) error {
		if m == "announce" && w.calls["announce"] == 1 {
			return &RereadError{State: []byte("plan"), Shards: []int{1, 3}}
		}
		return nil
	}
	late := &slow{Mongo: j.store(), there: make(chan struct{}), reopened: make(chan struct{}), leads: make(chan struct{})}
	var g errgroup.Group
	g.Go(func() error {
		o := quick(0)
		o.Lease = time.Minute
		o.Point = func(point string) {
			if point == "announce:begin" {
				<-late.there
			}
		}
		_, err := Run(t.Context(), &reopening{Mongo: j.store(), with: late}, w.slot(), o)
		return err
	})
	g.Go(func() error {
		o := quick(1)
		o.Lease = time.Minute
		_, err := Run(t.Context(), late, w.slot(), o)
		return err
	})
	require.NoError(t, g.Wait())
	assert.Equal(t, 1, w.commits)
	for n, want := range []int{1, 2, 1, 2, 1} {
		assert.Equal(t, want, w.calls[fmt.Sprintf("read %d", n)], "shard %d", n)
	}
}
