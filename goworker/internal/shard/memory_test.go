package shard

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// TestAJobInMemoryGoesOnAfterAnError as one in MongoDB does.
func TestAJobInMemoryGoesOnAfterAnError(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"read", "upload"} {
		w := newWorld(15)
		want := plain(t, w)
		failed := false
		w.before = func(m string, n int) error {
			if m == method && n == 2 && !failed {
				failed = true
				return errors.New("a reset connection")
			}
			return nil
		}
		out, err := Run(t.Context(), NewMemory(), w.slot(), quick(0))
		require.NoError(t, err)
		assert.Equal(t, want+" finished", string(out.State))
		assert.Equal(t, 2, w.calls[method+" 2"])
		assert.Equal(t, 1, w.commits)
	}
}

// TestAJobInMemoryFails with the reason of the shard that is out of tries, and commits nothing.
func TestAJobInMemoryFails(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"read", "upload"} {
		w := newWorld(15)
		w.before = func(m string, n int) error {
			if m == method && n == 3 {
				return fault.New(fault.WandB, fault.Refused, "no")
			}
			return nil
		}
		_, err := Run(t.Context(), NewMemory(), w.slot(), quick(0))
		assert.Equal(t, fault.Refused, fault.Code(err))
		assert.Equal(t, 4, w.calls[method+" 3"], "as often as usual")
		assert.Zero(t, w.commits)
		assert.Equal(t, 1, w.abandoned)
	}
}

// TestProgressOfAJobInMemory counts what is read and what went up. The job goes on when that was told.
func TestProgressOfAJobInMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(15)
	told := map[string]chan struct{}{"announce": make(chan struct{}), "commit": make(chan struct{})}
	w.before = func(m string, _ int) error {
		if c := told[m]; c != nil {
			<-c
		}
		return nil
	}
	var read, uploaded sync.Once
	o := quick(0)
	o.Poll = time.Millisecond
	o.Progress = func(c Counts) {
		assert.Equal(t, 1, c.Slots)
		if c.State != Planning {
			assert.EqualValues(t, 15, c.Rows)
		}
		if c.State == Reading && c.Read == c.Shards {
			assert.Equal(t, []any{5, int64(15), 0}, []any{c.Shards, c.RowsRead, c.Uploaded})
			read.Do(func() { close(told["announce"]) })
		}
		if c.State == Uploading && c.Uploaded == c.Shards {
			uploaded.Do(func() { close(told["commit"]) })
		}
	}
	_, err := Run(t.Context(), NewMemory(), w.slot(), o)
	require.NoError(t, err)
	assert.Equal(t, 1, w.commits)
}
