package job_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/mongotest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/sharing"
)

// together has slots do a job at once, and gives what each says that it has come to. Each calls point where a slot may have trouble.
func (w *world) together(j sharing.Shardable, count int, point func(name string)) []*publish.Result {
	w.t.Helper()
	database, id := w.queued()
	results := make([]*publish.Result, count)
	var g errgroup.Group
	for n := range results {
		g.Go(func() error {
			work, err := sharing.NewWork(j, publish.Events{})
			if err != nil {
				return err
			}
			defer work.Close()
			o := shard.Options{Slot: n, Size: 10, Lease: 5 * time.Second, Poll: 50 * time.Millisecond, Point: point}
			out, err := shard.Run(w.t.Context(), shard.NewMongo(database, id), work, o)
			if err == nil {
				results[n], err = sharing.ResultOf(out)
			}
			return err
		})
	}
	require.NoError(w.t, g.Wait())
	return results
}

// TestTheDatabaseGoesAwayUnderSlots has MongoDB crash, or hand over to another server of its replica set, in each phase of a job.
func TestTheDatabaseGoesAwayUnderSlots(t *testing.T) {
	shared := mongo
	defer func() { mongo = shared }()
	for what, one := range map[string]struct {
		start func() (*mongotest.Server, error)
		away  func() error
	}{
		"it crashes":                  {mongotest.Start, func() error { return mongo.Restart(300 * time.Millisecond) }},
		"another one becomes primary": {mongotest.StartReplicaSet, func() error { return mongo.FailOver(t.Context()) }},
	} {
		t.Run(what, func(t *testing.T) {
			own, err := one.start()
			require.NoError(t, err)
			defer own.Stop()
			mongo = own
			w := newWorld(t)
			j := w.variedView(60)
			_, err = j.Run(t.Context(), w.callbacks())
			require.NoError(t, err)
			_, want := w.files("the_view")

			var mu sync.Mutex
			left := map[string]bool{"plan:ids": true, "read:1:before_store": true, "upload:1:begin": true, "commit:committed": true}
			j.Target.ArtifactName = "under_trouble"
			results := w.together(j, 2, func(name string) {
				mu.Lock()
				defer mu.Unlock()
				if left[name] {
					delete(left, name)
					assert.NoError(t, one.away())
				}
			})

			assert.Empty(t, left, "points that were not reached")
			assert.Equal(t, results[0], results[1])
			_, got := w.files("under_trouble")
			assert.Equal(t, want, got)
			versions := 0
			for _, a := range w.server.State().Artifacts {
				if a.Collection == "under_trouble" {
					versions++
				}
			}
			assert.Equal(t, 1, versions)
			for _, run := range w.server.State().Runs {
				assert.Equal(t, "finished", run.State)
			}
		})
	}
}
