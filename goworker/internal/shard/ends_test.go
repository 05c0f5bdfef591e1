package shard

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/mongotest"
)

func TestCancelReachesAllSlots(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plan:ids", "read:2:begin", "announce:before_store", "upload:2:begin", "commit:sure"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, w := newJob(t), newWorld(15)
			ends := all(t, start(t, j, w, 3, at(once(name), func(*mortal) { j.cancel(t) })), 3)
			for _, e := range ends {
				require.ErrorIs(t, e.err, ErrCancelled)
			}
			assert.Zero(t, w.commits)
			assert.Equal(t, 1, w.abandoned)
			assert.Equal(t, Cancelled, j.now(t).State)
		})
	}
}

func TestCancelThatComesTooLate(t *testing.T) {
	t.Parallel()
	for _, dies := range []bool{false, true} {
		j, w := newJob(t), newWorld(15)
		ends := all(t, start(t, j, w, 3, at(once("commit:committed"), func(s *mortal) {
			j.cancel(t)
			if dies {
				die(s)
			}
		})), 3)
		checkDone(t, w, ends, plain(t, w))
	}
}

func TestCancelWhileALeadIsDeadBeforeItsCommit(t *testing.T) {
	t.Parallel()
	j, w := newJob(t), newWorld(15)
	died := false
	w.before = func(method string, _ int) error {
		if method == "commit" && !died { // as if it died between sure and the commit
			died = true
			_, err := j.Collection(jobsCollection).UpdateByID(context.Background(), j.id, bson.M{"$set": bson.M{"committing": true, "cancel": true}})
			return gone(err)
		}
		return nil
	}
	for _, e := range all(t, start(t, j, w, 2, nil), 2) {
		require.ErrorIs(t, e.err, ErrCancelled)
	}
	assert.Zero(t, w.commits)
}

func TestHostOfASlotGivesUp(t *testing.T) {
	t.Parallel()
	j, w := newJob(t), newWorld(15)
	ctx, stop := context.WithCancel(t.Context())
	o := quick(0)
	o.Point = func(at string) {
		if at == "read:2:begin" {
			stop()
		}
	}
	_, err := Run(ctx, j.store(), w.slot(), o)
	require.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, w.abandoned)
	began := time.Now()
	ends := all(t, start(t, j, w, 1, func(_ int, o *Options, _ *mortal) { o.Lease = time.Hour }), 1)
	checkDone(t, w, ends, plain(t, w))
	assert.Less(t, time.Since(began), time.Hour, "the shard was open again at once")
}

func TestShardWithoutTriesFailsTheJob(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"read", "upload"} {
		j, w := newJob(t), newWorld(15)
		w.before = func(m string, n int) error {
			if m == method && n == 3 {
				return fault.New(fault.WandB, fault.Refused, "no")
			}
			return nil
		}
		for _, e := range all(t, start(t, j, w, 2, nil), 2) {
			assert.Equal(t, fault.Refused, fault.Code(e.err))
		}
		assert.Equal(t, 4, w.calls[method+" 3"])
		assert.Zero(t, w.commits)
		assert.Equal(t, 1, w.abandoned)
	}
}

func TestShardThatKillsItsSlots(t *testing.T) {
	t.Parallel()
	j, w := newJob(t), newWorld(15)
	ends := all(t, start(t, j, w, 6, at(func(point string) bool { return point == "read:3:begin" }, die)), 6)
	left := 0
	for _, e := range ends {
		if e.err != errDead {
			left++
			assert.Equal(t, fault.ShardFailed, fault.Code(e.err))
		}
	}
	assert.Equal(t, 2, left, "it kills as many slots as it has tries, and no more")
}

// gone is the error of a database that does not answer.
func gone(err error) error {
	return fault.Wrap(err, fault.FiftyOne, fault.NoDatabase, "The database did not answer.")
}

func TestErrorThatPasses(t *testing.T) {
	t.Parallel()
	j, w := newJob(t), newWorld(15)
	failed := map[string]bool{}
	w.before = func(m string, n int) error {
		if (m == "read" || m == "upload") && n == 2 && !failed[m] {
			failed[m] = true
			return errors.New("a reset connection")
		}
		if m == "commit" && !failed[m] {
			failed[m] = true
			return gone(nil)
		}
		return nil
	}
	checkDone(t, w, all(t, start(t, j, w, 2, nil), 2), plain(t, w))
	assert.Len(t, failed, 3)
}

func TestSlotThatCannotWorkLeaves(t *testing.T) {
	t.Parallel()
	j, w := newJob(t), newWorld(15)
	bad := &leaver{fakeWork: w.slot()}
	o := quick(0)
	_, err := Run(t.Context(), j.store(), w.slot(), Options{Size: 3, Poll: o.Poll, Lease: time.Hour, Point: func(at string) {
		if at == "read:0:begin" { // planned: now one comes that has no media
			_, err := Run(t.Context(), j.store(), bad, o)
			assert.Equal(t, fault.MissingFile, fault.Code(err))
		}
	}})
	require.NoError(t, err)
	assert.Equal(t, 1, w.commits)
	var doc shardDoc
	require.NoError(t, j.Collection(shardsCollection).FindOne(t.Context(), bson.M{"_id.j": j.id, "_id.n": 1}).Decode(&doc))
	assert.Equal(t, 1, doc.Read.Tries, "the slot that left has cost no try")
}

// leaver is work on a machine without the media.
type leaver struct{ *fakeWork }

func (leaver) Read(context.Context, Plan, Shard, Pieces) (ReadOut, error) {
	return ReadOut{}, Leave(fault.New(fault.Settings, fault.MissingFile, "The media are not on this machine."))
}

func TestOnlySlotLeavesBeforeThePlan(t *testing.T) {
	t.Parallel()
	j, w := newJob(t), newWorld(15)
	w.before = func(string, int) error {
		return Leave(fault.New(fault.Settings, fault.BadKey, "The key is not valid."))
	}
	_, err := Run(t.Context(), j.store(), w.slot(), quick(0))
	assert.Equal(t, fault.BadKey, fault.Code(err))
	assert.Equal(t, Failed, j.now(t).State, "nobody is left to do it")
	_, err = Run(t.Context(), j.store(), w.slot(), quick(1))
	assert.Equal(t, fault.BadKey, fault.Code(err), "a slot that comes later is told why")
}

func TestOtherMachineLeaves(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]Machine{
		"worker 2": {Build: "2", Go: "go1.26", Arch: "amd64", FFmpeg: "7"}, "arm64": {Build: "1", Go: "go1.26", Arch: "arm64", FFmpeg: "7"},
		"go1.27":      {Build: "1", Go: "go1.27", Arch: "amd64", FFmpeg: "7"},
		"ffmpeg none": {Build: "1", Go: "go1.26", Arch: "amd64"}, "ffmpeg 8": {Build: "1", Go: "go1.26", Arch: "amd64", FFmpeg: "8"},
	} {
		j, w := newJob(t), newWorld(3)
		o := quick(0)
		o.Machine = Machine{Build: "1", Go: "go1.26", Arch: "amd64", FFmpeg: "7"}
		o.Point = func(at string) {
			if at == "read:0:begin" {
				p := quick(1)
				p.Machine = other
				_, err := Run(t.Context(), j.store(), w.slot(), p)
				assert.Equal(t, fault.OtherMachine, fault.Code(err), name)
			}
		}
		_, err := Run(t.Context(), j.store(), w.slot(), o)
		require.NoError(t, err)
		assert.Equal(t, 1, w.commits)
	}
}

func TestAnotherJobCommitsFirst(t *testing.T) {
	t.Parallel()
	j, w := newJob(t), newWorld(15)
	ends := all(t, start(t, j, w, 2, at(once("commit:sure"), func(*mortal) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.base = "another"
	})), 2)
	checkDone(t, w, ends, plain(t, w))
	assert.Equal(t, 2, w.calls["announce"])
	assert.Equal(t, 5, w.calls["read"], "what was read is kept")
	assert.Equal(t, 10, w.calls["upload"])
}

func TestSecondJobOfTheSameContent(t *testing.T) {
	t.Parallel()
	w := newWorld(9)
	for range 2 {
		j := newJob(t)
		checkDone(t, w, all(t, start(t, j, w, 2, nil), 2), plain(t, w))
	}
	assert.Equal(t, 3, w.calls["upload"])
}

func TestJobIsRemovedWhileItRuns(t *testing.T) {
	t.Parallel()
	j, w := newJob(t), newWorld(15)
	for _, e := range all(t, start(t, j, w, 2, at(once("read:2:begin"), func(*mortal) {
		_, err := j.Collection(jobsCollection).DeleteOne(t.Context(), bson.M{"_id": j.id})
		assert.NoError(t, err)
	})), 2) {
		require.ErrorIs(t, e.err, ErrNoJob)
	}
	assert.Zero(t, w.commits)
}

func TestDatabaseCrashesInThePhases(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plan:ids", "read:2:before_store", "upload:2:begin", "commit:committed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own, err := mongotest.Start()
			require.NoError(t, err)
			t.Cleanup(own.Stop)
			j, w := newJobAt(t, own, "shards"), newWorld(15)
			ends := all(t, start(t, j, w, 2, at(once(name), func(*mortal) { assert.NoError(t, own.Restart(500*time.Millisecond)) })), 2)
			checkDone(t, w, ends, plain(t, w))
		})
	}
}

func TestShardsAreReadAgain(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "reread:amended"} {
		j, w := newJob(t), newWorld(15)
		asked := false
		w.before = func(m string, _ int) error {
			if m == "announce" && !asked {
				asked = name == "" || w.calls["announce"] == 2 // the lead dies before the shards are open: the next one asks again
				return &RereadError{State: []byte("plan"), Shards: []int{1, 3}}
			}
			return nil
		}
		ends := all(t, start(t, j, w, 2, at(once(name), die)), 2)
		checkDone(t, w, ends, plain(t, w))
		for n, want := range []int{1, 2, 1, 2, 1} {
			assert.Equal(t, want, w.calls[fmt.Sprintf("read %d", n)], "shard %d", n)
		}
	}
	m, w := NewMemory(), newWorld(15)
	w.before = func(m string, _ int) error {
		if m == "announce" && w.calls["announce"] == 1 {
			return &RereadError{State: []byte("plan"), Shards: []int{4}}
		}
		return nil
	}
	_, err := Run(t.Context(), m, w.slot(), quick(0))
	require.NoError(t, err)
	assert.Equal(t, 6, w.calls["read"])

	w.before = func(m string, _ int) error {
		if m == "announce" {
			return &RereadError{State: []byte("plan"), Shards: []int{4}}
		}
		return nil
	}
	_, err = Run(t.Context(), NewMemory(), w.slot(), quick(0))
	require.Error(t, err, "not for ever")
}
