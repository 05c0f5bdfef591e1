package job_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/mongotest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/sharing"
)

// queued puts a shared job into MongoDB, for slots to work on, and gives its database and its id.
func (w *world) queued() (*driver.Database, string) {
	w.t.Helper()
	id := bson.NewObjectID().Hex()
	require.NoError(w.t, mongo.Append(w.t.Context(), mongotest.Database, "wandb.jobs", []any{bson.D{{Key: "_id", Value: id}, {Key: "state", Value: shard.Planning}}}))
	return connected(w.t), id
}

// connected is the database of shared jobs over a connection of its own, which may be cut.
func connected(t *testing.T) *driver.Database {
	t.Helper()
	client, err := driver.Connect(options.Client().ApplyURI(mongo.URI.Reveal()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client.Database(mongotest.Database)
}

// TestSlotsAtOnce has three slots share a job in MongoDB, one of which is gone with what it has read.
func TestSlotsAtOnce(t *testing.T) {
	w := newWorld(t)
	j := w.variedView(150)
	_, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	_, want := w.files("the_view")

	database, id := w.queued()
	j.Target.ArtifactName = "at_once"
	var g errgroup.Group
	results := make([]*publish.Result, 3)
	for n := range results {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		o := shard.Options{Slot: n, Size: 10, Lease: 2 * time.Second, Poll: 20 * time.Millisecond}
		if n == 0 {
			var reads atomic.Int64
			o.Point = func(name string) {
				if strings.HasSuffix(name, ":after") && reads.Add(1) == 2 {
					cancel()
				}
			}
		}
		g.Go(func() error {
			work, err := sharing.NewWork(j, publish.Events{}) // the world's list of events is for one job at a time
			if err != nil {
				return err
			}
			defer work.Close()
			out, err := shard.Run(ctx, shard.NewMongo(database, id), work, o)
			if n == 0 && ctx.Err() != nil && t.Context().Err() == nil {
				return nil
			}
			if err == nil {
				results[n], err = sharing.ResultOf(out)
			}
			return err
		})
	}
	require.NoError(t, g.Wait())
	require.NotNil(t, results[1])
	assert.Equal(t, results[1], results[2])
	assert.EqualValues(t, 149, results[1].Samples)
	_, got := w.files("at_once")
	assert.Equal(t, want, got)
	for _, run := range w.server.State().Runs {
		assert.Equal(t, "finished", run.State)
	}
	assert.Empty(t, spoolLeft(t))
}
