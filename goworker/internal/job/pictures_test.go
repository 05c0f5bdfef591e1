package job_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/poster/postertest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
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
	j.Fields = []view.Field{{Path: "score", DBPath: "score", FieldType: "IntField"}}
	j.Pictures = &picture.Config{Mode: picture.Thumbnail, Size: 256, CacheDir: filepath.Join(t.TempDir(), "cache"), CacheBytes: 1 << 20}
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

// cancelsAtFirstRow runs a job that is cancelled when its first row is done, and checks that it leaves no file.
func (w *world) cancelsAtFirstRow(t *testing.T, j job.LogView) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	events := w.callbacks()
	events.Progress = func(p collect.Progress) {
		if p.RowsDone > 0 {
			cancel()
		}
	}
	_, err := j.Run(ctx, events)
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, spoolLeft(t))
}

func TestCancelWhilePicturesAreMade(t *testing.T) {
	w := newWorld(t)
	w.samples(2000)
	for i := range 50 {
		w.picture(i, 400)
	}
	j := w.logView()
	j.Pictures = &picture.Config{Mode: picture.Thumbnail, Size: 64}
	w.cancelsAtFirstRow(t, j)
	assert.Empty(t, w.server.State().Runs)
}

func TestSelectionsAreTheSameEachTime(t *testing.T) {
	w := newWorld(t)
	w.samples(2500)
	choose := func(s *collect.Selection) []any {
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
	first := choose(&collect.Selection{Max: 100})
	assert.Len(t, first, 100)
	assert.Equal(t, first, choose(&collect.Selection{Max: 100}))
	more := choose(&collect.Selection{Max: 200})
	assert.Subset(t, more, first, "more of them are the same ones and others")
	assert.NotEqual(t, first, choose(&collect.Selection{Max: 100, Seed: 1}))
	assert.Len(t, choose(&collect.Selection{Max: 10, ByConfidence: true}), 10)
}

func TestSomeRowsShowPictures(t *testing.T) {
	w := newWorld(t)
	const rows = 60
	w.samples(rows)
	for i := range rows {
		w.picture(i, 10+i)
	}
	log := func(most, seed int64, selection *collect.Selection) (shown []any, res *publish.Result) {
		j := w.logView()
		j.View.Selection = selection
		j.Pictures = &picture.Config{Mode: picture.Thumbnail, Size: 64, PicturesMax: most, Seed: seed}
		res, err := j.Run(t.Context(), w.callbacks())
		require.NoError(t, err)
		columns, data := w.table("samples.table.json")
		require.Len(t, data, int(res.Samples), "all rows are in the table")
		for _, row := range data {
			if row[slices.Index(columns, "image")] != nil {
				shown = append(shown, row[0])
			}
		}
		return shown, res
	}
	all, res := log(0, 0, nil)
	assert.Len(t, all, rows)
	assert.Empty(t, res.Warnings)
	_, res = log(rows, 0, nil)
	assert.False(t, res.NewVersion, "a limit that is not reached changes nothing")

	some, res := log(20, 0, nil)
	assert.Len(t, some, 20)
	require.IsIncreasing(t, texts(some), "in the view's order")
	require.Len(t, res.Warnings, 1)
	assert.Equal(t, "pictures_max", res.Warnings[0].Code)
	assert.Contains(t, res.Warnings[0].Message, "20 of 60 rows show pictures")
	_, res = log(20, 0, nil)
	assert.False(t, res.NewVersion, "the same ones each time")
	more, _ := log(30, 0, nil)
	assert.Subset(t, more, some)
	other, _ := log(20, 1, nil)
	assert.NotEqual(t, some, other)

	part, res := log(20, 0, &collect.Selection{Max: 40})
	assert.Len(t, part, 20)
	assert.EqualValues(t, 40, res.Samples)
	assert.Equal(t, some, part, "those rows of the selection")
	part, _ = log(20, 0, &collect.Selection{Max: 10})
	assert.Len(t, part, 10)
}

func TestMorePicturesThanAnArtifactHolds(t *testing.T) {
	w := newWorld(t)
	w.samples(3)
	j := w.logView()
	// So many slices that two rows already have too many pictures.
	j.Pictures = &picture.Config{Mode: picture.Thumbnail, Size: 64, Slices: picture.Slices{Names: make([]string, 500_000)}}
	_, err := j.Run(t.Context(), w.callbacks())
	require.Equal(t, fault.TooManyEntries, fault.Code(err), "%v", err)
	assert.Contains(t, err.Error(), "pictures_max")
	assert.Empty(t, w.server.State().Runs)
}

func texts(list []any) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.(string)
	}
	return out
}

func TestADryRunCountsWhatWouldGoUp(t *testing.T) {
	for name, pictures := range map[string]*picture.Config{
		"thumbnails": {Mode: picture.Thumbnail, Size: 256}, "originals": {Mode: picture.Original},
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
				assert.Equal(t, res.FilesTotal, res.Entries)
				assert.Equal(t, 1842*res.Entries, res.ClientMemoryBytes)
				assert.InDelta(t, 140*res.Entries, res.ManifestBytes, 200+30*float64(res.Entries))
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

// TestStretchedPicturesAreCounted logs pictures of 16 bits that use little of their range, from the cache, too.
func TestStretchedPicturesAreCounted(t *testing.T) {
	w := newWorld(t)
	w.samples(6)
	for i := range 6 {
		w.picture(i, 70)
	}
	for i := range 3 {
		m := image.NewGray16(image.Rect(0, 0, 200, 100))
		for at := range 200 * 100 {
			m.SetGray16(at%200, at/200, color.Gray16{Y: uint16(7000 + 500*i + at%200)})
		}
		var file bytes.Buffer
		require.NoError(t, png.Encode(&file, m))
		require.NoError(t, os.WriteFile(w.picture(i, 1), file.Bytes(), 0o600))
	}
	j := w.logView()
	j.Labels = nil
	j.Pictures = &picture.Config{Mode: picture.Thumbnail, Size: 64, CacheDir: filepath.Join(t.TempDir(), "cache"), CacheBytes: 1 << 20}
	shown := func() []string {
		_, rows := w.table("samples.table.json")
		out := make([]string, len(rows))
		for i, row := range rows {
			out[i] = row[3].(map[string]any)["sha256"].(string)
		}
		return out
	}
	for range 2 { // with an empty cache and with a full one
		res, err := j.Run(t.Context(), w.callbacks())
		require.NoError(t, err)
		require.Len(t, res.Warnings, 1)
		assert.Equal(t, "stretched", res.Warnings[0].Code)
		assert.EqualValues(t, 3, res.Warnings[0].Count)
		assert.Contains(t, res.Warnings[0].Message, "3 rows have a picture")
		assert.Contains(t, res.Warnings[0].Message, "image_range")
	}
	own := shown()
	assert.Equal(t, own[0], own[1], "each is stretched by itself")

	j.Pictures.Range = stretch.Range{Low: 7000, High: 8500}
	res, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.Empty(t, res.Warnings)
	alike := shown()
	assert.NotEqual(t, alike[0], alike[1], "their brightness differs")
	assert.NotEqual(t, own[0], alike[0], "the cache's pictures have another range")
	assert.Equal(t, own[3:], alike[3:], "8 bits are 8 bits")
	assert.Contains(t, w.file("fiftyone/metadata.json"), `"image_range":[7000,8500]`)
}

// frames makes the world's rows frames of one video, the n-th row the frame that the expression gives.
func (w *world) frames(t *testing.T, j *job.LogView, count string, number string) string {
	t.Helper()
	video := filepath.Join(t.TempDir(), "v.mp4")
	postertest.Video(t, video, count, "-c:v", "libx264", "-preset", "ultrafast", "-g", "50")
	j.Labels = nil
	j.View.Rows = view.RowFrame
	j.View.Query.Pipeline = []bson.Raw{stage(`{"$addFields": {"filepath": "` + filepath.ToSlash(video) + `", "_sample_id": "$_id", "frame_number": ` + number + `}}`)}
	j.Pictures = &picture.Config{Mode: picture.Thumbnail, Size: 192, FramesOfVideos: true, FFmpeg: postertest.FFmpeg(t)}
	return video
}

// TestFramesOfAnotherFFmpegAreMadeAgain: a cache gives what would be made now.
func TestFramesOfAnotherFFmpegAreMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.samples(3)
	j := w.logView()
	w.frames(t, &j, "3", `{"$toInt": {"$add": [1, "$score"]}}`)
	time.Sleep(2100 * time.Millisecond) // the state of a file that was just written may change without a trace, so it is not used as a key
	j.Pictures.CacheDir, j.Pictures.CacheBytes = filepath.Join(t.TempDir(), "cache"), 1<<20
	program := j.Pictures.FFmpeg
	for _, call := range []struct {
		version string
		made    int64
	}{{"7.0", 3}, {"7.0", 0}, {"7.1", 3}, {"7.0", 0}} {
		script := fmt.Sprintf("#!/bin/sh\ncase \"$*\" in *-version*) echo ffmpeg version %s;; *) exec '%s' \"$@\";; esac\n", call.version, program)
		j.Pictures.FFmpeg = filepath.Join(t.TempDir(), "ffmpeg")
		require.NoError(t, os.WriteFile(j.Pictures.FFmpeg, []byte(script), 0o700)) //nolint:gosec // it is run
		res, err := j.Run(t.Context(), w.callbacks())
		require.NoError(t, err)
		assert.Empty(t, res.Warnings)
		assert.Equal(t, call.made, res.ThumbnailsMade, call.version)
	}
}

// TestFramesKeepTheRowsOrder has frames of one video in many batches, in an order of their own, each of them twice.
func TestFramesKeepTheRowsOrder(t *testing.T) {
	w := newWorld(t)
	const rows, count = 800, 400
	w.samples(rows)
	j := w.logView()
	w.frames(t, &j, "400", `{"$toInt": {"$add": [1, {"$mod": [{"$multiply": ["$score", 7]}, 400]}]}}`)
	res, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.Empty(t, res.Warnings)
	columns, data := w.table("samples.table.json")
	require.Len(t, data, rows)
	image := slices.Index(columns, "image")
	shown := map[any]any{}
	for i, row := range data {
		number := row[len(row)-1]
		require.InDelta(t, 1+i*7%count, number, 0)
		path := row[image].(map[string]any)["path"]
		if other, ok := shown[number]; ok {
			require.Equal(t, other, path)
		}
		shown[number] = path
	}
	paths := map[any]bool{}
	for _, path := range shown {
		paths[path] = true
	}
	assert.Len(t, paths, count, "each frame is another picture")
}

func TestCancelWhileFramesAreTaken(t *testing.T) {
	w := newWorld(t)
	w.samples(1000)
	j := w.logView()
	w.frames(t, &j, "1000", `{"$toInt": {"$add": [1, "$score"]}}`)
	w.cancelsAtFirstRow(t, j)
}
