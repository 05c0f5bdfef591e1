package shard

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// checkDone makes sure that a job was committed once, and that every slot that lived has its outcome.
func checkDone(t *testing.T, w *world, ends []ended, digest string) {
	t.Helper()
	assert.Equal(t, 1, w.commits)
	for _, e := range ends {
		if e.err == errDead {
			continue
		}
		require.NoError(t, e.err)
		assert.Equal(t, digest+" finished", string(e.outcome.State))
	}
}

// plain is the digest that one slot gives, with a store in memory.
func plain(t *testing.T, w *world) string {
	alone := newWorld(0)
	alone.ids, alone.mode = w.ids, w.mode
	out, err := Run(t.Context(), NewMemory(), alone.slot(), quick(0))
	require.NoError(t, err)
	require.Equal(t, 1, alone.commits)
	return string(out.State[:len(out.State)-len(" finished")])
}

func TestManySlotsDoEachShardOnce(t *testing.T) {
	t.Parallel()
	const slots, rows = 16, 240
	j, w := newJob(t), newWorld(rows)
	ends := all(t, start(t, j, w, slots, func(_ int, o *Options, _ *mortal) { o.Lease = time.Minute }), slots)
	checkDone(t, w, ends, plain(t, w))
	for _, step := range []string{"plan", "announce", "commit", "finish"} {
		assert.Equal(t, 1, w.calls[step], step)
	}
	for n := range rows / 3 {
		for _, phase := range []string{"read", "upload"} {
			assert.Equal(t, 1, w.calls[fmt.Sprintf("%s %d", phase, n)], "%s %d", phase, n)
		}
	}
	assert.Equal(t, rows/3, w.calls["read"])
	assert.Equal(t, rows/3, w.calls["upload"])
	assert.Zero(t, w.abandoned)

	names, err := j.ListCollectionNames(t.Context(), bson.M{"name": bulkPrefix + j.id})
	require.NoError(t, err)
	assert.Empty(t, names, "rows and pieces are dropped at the end")
}

func TestModesAndSizes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode         Mode
		rows, slots  int
		size, shards int64
	}{
		"one row":            {Local, 1, 1, 3, 1},
		"exact":              {Local, 9, 2, 3, 3},
		"one over":           {Whole, 10, 2, 3, 4},
		"alone":              {Alone, 10, 3, 3, 1},
		"across id chunks":   {Local, 2*chunkIDs + 5, 2, chunkIDs - 100, 3},
		"chunks of own size": {Whole, 2 * chunkIDs, 1, chunkIDs, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, w := newJob(t), newWorld(c.rows)
			w.mode = c.mode
			w.noPieces = true
			seen := &seenIDs{fakeWork: w.slot(), by: map[int][]bson.ObjectID{}}
			o := quick(0)
			o.Size = c.size
			_, err := Run(t.Context(), j.store(), seen, o)
			require.NoError(t, err)
			assert.EqualValues(t, c.shards, len(seen.by))
			var got []bson.ObjectID
			for n := range len(seen.by) {
				got = append(got, seen.by[n]...)
			}
			if c.mode != Alone {
				assert.Equal(t, w.ids, got, "all rows, in order, each once")
			}
		})
	}
}

func TestDistinct(t *testing.T) {
	const many = 2*chunkIDs + 9
	ids := make([]bson.ObjectID, many)
	for i := range ids {
		binary.BigEndian.PutUint32(ids[i][:], uint32(i)) //nolint:gosec // it is small
	}
	swapped, twice, atOnce := slices.Clone(ids), slices.Clone(ids), slices.Clone(ids)
	swapped[7], swapped[chunkIDs+7] = ids[chunkIDs+7], ids[7]
	twice[many-1] = ids[7]
	atOnce[chunkIDs] = ids[chunkIDs-1]
	for _, c := range []struct {
		name string
		ids  []bson.ObjectID
		want bool
	}{
		{"in their order", ids, true}, {"in another order", swapped, true}, {"one twice", twice, false}, {"one twice, one after the other", atOnce, false},
		{"one", ids[:1], true}, {"none", nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &idWriter{store: NewMemory(), plan: "x"}
			for _, id := range c.ids {
				require.NoError(t, w.Add(t.Context(), id))
			}
			got, err := w.Distinct(t.Context())
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
			assert.EqualValues(t, len(c.ids), w.Len())
			require.NoError(t, w.flush(t.Context()))
			stored, err := load(t.Context(), w.store, "x", Shard{Rows: w.Len()})
			require.NoError(t, err)
			assert.True(t, slices.Equal(c.ids, stored))
		})
	}
}

// points are where slots die or stop, in the order of a job's life.
var points = []string{
	"plan:ids", "plan:shards", "read:2:begin", "read:2:before_store", "read:2:after", "announce:before_store",
	"upload:2:begin", "upload:2:before_store", "upload:2:after", "commit:begin", "commit:sure", "commit:committed", "finish:begin",
}

// once gives a function that reports whether it is the first to come to a point.
func once(name string) func(string) bool {
	var mu sync.Mutex
	hit := false
	return func(at string) bool {
		mu.Lock()
		defer mu.Unlock()
		first := at == name && !hit
		hit = hit || first
		return first
	}
}

// at has a slot that comes to a point do something there.
func at(here func(point string) bool, do func(s *mortal)) func(int, *Options, *mortal) {
	return func(_ int, o *Options, s *mortal) {
		o.Point = func(point string) {
			if here(point) {
				do(s)
			}
		}
	}
}

// die ends a slot as kill -9 does.
func die(s *mortal) {
	s.dead.Store(true)
	runtime.Goexit()
}

func TestSlotDies(t *testing.T) {
	t.Parallel()
	for _, name := range points {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, w := newJob(t), newWorld(15)
			ends := all(t, start(t, j, w, 3, at(once(name), die)), 3)
			checkDone(t, w, ends, plain(t, w))
			dead := 0
			for _, e := range ends {
				if e.err == errDead {
					dead++
				}
			}
			assert.Equal(t, 1, dead, "the point was reached")
		})
	}
}

func TestSlotIsStoppedAndWakes(t *testing.T) {
	t.Parallel()
	for _, name := range points {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, w := newJob(t), newWorld(15)
			here := once(name)
			ends := all(t, start(t, j, w, 3, at(here, func(s *mortal) {
				s.dead.Store(true)
				s.stopped.Store(true)
				assert.Eventually(t, func() bool { return j.now(t).State.Over() }, time.Minute, 20*time.Millisecond,
					"the others finish without the one that is stopped")
				s.dead.Store(false)
				s.stopped.Store(false)
			})), 3)
			checkDone(t, w, ends, plain(t, w))
			assert.True(t, !here(name), "the point was reached")
		})
	}
}

func TestAllSlotsDieAndTheJobIsResumed(t *testing.T) {
	t.Parallel()
	j, w := newJob(t), newWorld(15)
	for range all(t, start(t, j, w, 1, at(once("upload:3:begin"), die)), 1) {
		require.Equal(t, Uploading, j.now(t).State)
	}
	ends := all(t, start(t, j, w, 2, nil), 2)
	checkDone(t, w, ends, plain(t, w))
}

func TestRowsChangeWhenTheSpoolIsGone(t *testing.T) {
	t.Parallel()
	j, w := newJob(t), newWorld(15)
	ends := all(t, start(t, j, w, 2, at(once("read:2:after"), func(s *mortal) {
		w.mu.Lock()
		w.version++
		w.mu.Unlock()
		die(s)
	})), 2)
	assert.Zero(t, w.commits)
	assert.Equal(t, 1, w.abandoned)
	for _, e := range ends {
		if e.err != errDead {
			assert.Equal(t, fault.ViewChanged, fault.Code(e.err))
		}
	}
	assert.Equal(t, Failed, j.now(t).State)
}

// seenIDs is work that notes which ids each shard has.
type seenIDs struct {
	*fakeWork
	by map[int][]bson.ObjectID
}

func (w *seenIDs) Read(ctx context.Context, plan Plan, s Shard, pieces Pieces) (ReadOut, error) {
	var err error
	if w.by[s.N], _, err = w.idsOf(ctx, s); err != nil {
		return ReadOut{}, err
	}
	return w.fakeWork.Read(ctx, plan, s, pieces)
}
