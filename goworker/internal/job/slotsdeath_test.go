package job_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/sharing"
)

// mortal has a slot work on a queued job that dies at a point, as a process that is killed there: nothing that it holds is given back, and what it has
// read is gone. An empty point is one that lives. The result is that of the job, or nil.
func (w *world) mortal(j sharing.Shardable, id string, slot int, point string) (*publish.Result, error) {
	database := connected(w.t)
	ctx, die := context.WithCancel(w.t.Context())
	defer die()
	work, err := sharing.NewWork(j, publish.Events{})
	if err != nil {
		return nil, err
	}
	defer work.Close()
	dead := false
	o := shard.Options{Slot: slot, Size: 7, Lease: 1500 * time.Millisecond, Poll: 20 * time.Millisecond, Away: time.Millisecond, Point: func(name string) {
		if name == point {
			dead = true
			_ = database.Client().Disconnect(context.Background()) // first, so that nobody hears of it
			die()
		}
	}}
	out, err := shard.Run(ctx, shard.NewMongo(database, id), work, o)
	if dead || err != nil {
		assert.Equal(w.t, point != "", dead, "%v", err)
		if dead {
			return nil, nil
		}
		return nil, err
	}
	assert.Empty(w.t, point, "a point that was not reached")
	return sharing.ResultOf(out)
}

// TestSlotsOfAnEvaluationDie kills slots of an evaluation in each phase. The others, or those that come when all have died, make what one worker makes, once.
func TestSlotsOfAnEvaluationDie(t *testing.T) {
	d := golden(t)
	shownPictures(d)
	d.store()
	j := sharedEvaluations(d)["detections"]
	j.Target.ArtifactName = "alone"
	want, err := j.Run(t.Context(), d.callbacks())
	require.NoError(t, err)
	_, wantFiles := d.world.files("alone")
	wantRun := runOf(t, d.world, want.RunID)
	for what, points := range map[string][]string{ // of the slots that die; then one comes that does not
		"planning":                    {"plan:shards"},
		"reading":                     {"read:2:before_store"},
		"with what it has read":       {"upload:3:begin"},
		"in an upload":                {"upload:1:before_store"},
		"the lead before the numbers": {"announce:begin"},
		"the lead with the numbers":   {"announce:before_store"},
		"the lead before the commit":  {"commit:sure"},
		"the lead after the commit":   {"commit:committed"},
		"the lead before its run":     {"finish:begin"},
		"all of them, and again":      {"read:3:begin", "upload:2:begin", "commit:begin"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w, j := *d.world, j
			w.t = t
			j.Target.ArtifactName = "dying_" + strings.ReplaceAll(strings.ReplaceAll(what, ",", ""), " ", "_")
			_, id := w.queued()
			for n, point := range points {
				res, err := w.mortal(j, id, n, point)
				require.NoError(t, err)
				require.Nil(t, res)
			}
			results := make([]*publish.Result, 2)
			var g errgroup.Group
			for n := range results {
				g.Go(func() (err error) {
					results[n], err = w.mortal(j, id, len(points)+n, "")
					return err
				})
			}
			require.NoError(t, g.Wait())
			assert.Equal(t, results[0], results[1])
			got := results[0]
			_, files := w.files(got.ArtifactName)
			assert.Equal(t, wantFiles, files)
			assert.Equal(t, want.Metrics, got.Metrics)
			assert.Equal(t, want.Warnings, got.Warnings)
			assert.Equal(t, wantRun, runOf(t, &w, got.RunID))
			var versions []string
			for _, a := range w.server.State().Artifacts {
				if a.Collection == got.ArtifactName {
					versions = append(versions, a.State)
				}
			}
			assert.Equal(t, []string{"COMMITTED"}, versions, "one version, and none left pending")
		})
	}
}
