package shard

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// meeting is work whose uploads wait for each other: each goes on when so many are under way.
type meeting struct {
	*fakeWork
	mu   sync.Mutex
	here int
	all  chan struct{}
}

func (w *meeting) Upload(ctx context.Context, p Plan, a Announced, s Shard, read ReadOut) (UpOut, error) {
	w.mu.Lock()
	all := w.all
	if w.here++; w.here == uploadsAtOnce {
		close(all)
		w.here, w.all = 0, make(chan struct{})
	}
	w.mu.Unlock()
	select {
	case <-all:
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
		_, err := Run(t.Context(), store, &meeting{fakeWork: w.slot(), all: make(chan struct{})}, quick(0))
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
