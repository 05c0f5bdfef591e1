package job_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
)

// TestPicturesKeepTheRowsOrder has many batches on their way at a time.
func TestPicturesKeepTheRowsOrder(t *testing.T) {
	w := newWorld(t)
	const rows, files = 3000, 30
	w.samples(rows)
	for i := range files {
		w.picture(i, 10+i)
	}
	j := w.logView()
	j.Labels = nil
	j.View.Query.Pipeline = []bson.Raw{stage(`{"$addFields": {"filepath": {"$concat": ["` + filepath.ToSlash(w.dir) +
		`/00", {"$cond": [{"$lt": [{"$mod": ["$score", 30]}, 10]}, "0", ""]}, {"$toString": {"$mod": ["$score", 30]}}, ".png"]}}}`)}
	j.Fields = []job.Field{{Path: "score", DBPath: "score", FieldType: "IntField"}}
	j.Pictures = &job.Pictures{Mode: job.PictureThumbnail, Size: 256, CacheDir: filepath.Join(t.TempDir(), "cache"), CacheBytes: 1 << 20}
	res, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.Empty(t, res.Warnings)

	_, data := w.table("samples.table.json")
	require.Len(t, data, rows)
	for i, row := range data {
		require.InDelta(t, i, row[4], 0)
		require.InDelta(t, 10+i%files, row[3].(map[string]any)["width"], 0, "row %d", i)
	}
	assert.Empty(t, spoolLeft(t))
	// Each picture is one file of the artifact, however many rows have it.
	assert.LessOrEqual(t, res.FilesUploaded, int64(files+10))
}

func TestCancelWhilePicturesAreMade(t *testing.T) {
	w := newWorld(t)
	w.samples(2000)
	for i := range 50 {
		w.picture(i, 400)
	}
	ctx, cancel := context.WithCancel(t.Context())
	j := w.logView()
	j.Pictures = &job.Pictures{Mode: job.PictureThumbnail, Size: 64}
	events := w.callbacks()
	events.Progress = func(p job.Progress) {
		if p.RowsDone > 0 {
			cancel()
		}
	}
	_, err := j.Run(ctx, events)
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, spoolLeft(t))
	assert.Empty(t, w.server.State().Runs)
}

func TestSelectionsAreTheSameEachTime(t *testing.T) {
	w := newWorld(t)
	w.samples(2500)
	choose := func(s *job.Selection) []any {
		j := w.logPredictions()
		j.View.Selection = s
		res, err := j.Run(t.Context(), w.callbacks())
		require.NoError(t, err)
		require.EqualValues(t, 2500, res.ViewSamples)
		_, data := w.table("predictions.table.json")
		ids := make([]any, len(data))
		for i, row := range data {
			ids[i] = row[0]
		}
		require.IsIncreasing(t, texts(ids), "in the view's order")
		return ids
	}
	first := choose(&job.Selection{Max: 100})
	assert.Len(t, first, 100)
	assert.Equal(t, first, choose(&job.Selection{Max: 100}))
	more := choose(&job.Selection{Max: 200})
	assert.Subset(t, more, first, "more of them are the same ones and others")
	assert.NotEqual(t, first, choose(&job.Selection{Max: 100, Seed: 1}))
	assert.Len(t, choose(&job.Selection{Max: 10, ByConfidence: true}), 10)
}

func texts(list []any) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.(string)
	}
	return out
}

func TestADryRunCountsWhatWouldGoUp(t *testing.T) {
	for name, pictures := range map[string]*job.Pictures{
		"thumbnails": {Mode: job.PictureThumbnail, Size: 256}, "originals": {Mode: job.PictureOriginal},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.samples(20)
			w.picture(3, 30)
			w.picture(4, 30) // The same bytes in another file go up once.
			j := w.logView()
			j.Pictures = pictures
			compare := func() {
				j.Target.DryRun = true
				before := w.server.State()
				res, err := j.Run(t.Context(), w.callbacks())
				require.NoError(t, err)
				assert.True(t, res.DryRun)
				assert.Len(t, w.server.State().Runs, len(before.Runs))
				assert.Len(t, w.server.State().Artifacts, len(before.Artifacts))

				j.Target.DryRun = false
				real, err := j.Run(t.Context(), w.callbacks())
				require.NoError(t, err)
				assert.Equal(t, []int64{real.FilesUploaded, real.FilesUnchanged, real.BytesUploaded}, []int64{res.FilesUploaded, res.FilesUnchanged, res.BytesUploaded})
			}
			compare()
			w.picture(5, 30)
			w.picture(6, 40)
			compare() // Beside an older version, which has the bytes of one under other paths.
			assert.Empty(t, spoolLeft(t))
			_, err := os.Stat(w.dir)
			require.NoError(t, err)
		})
	}
}
