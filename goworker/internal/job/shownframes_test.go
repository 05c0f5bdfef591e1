package job_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/poster/postertest"
)

// TestPicturesOfEvaluatedFrames holds that a video's picture is of the frame in which most is wrong, with that frame's labels.
func TestPicturesOfEvaluatedFrames(t *testing.T) {
	d := layout(t, "video")
	video := filepath.Join(t.TempDir(), "v.mp4")
	postertest.Video(t, video, "6", "-c:v", "libx264", "-preset", "ultrafast")
	for i := range d.samples {
		d.samples[i] = slices.DeleteFunc(d.samples[i], func(e bson.E) bool { return e.Key == "filepath" || e.Key == "_media_type" })
		d.samples[i] = append(d.samples[i], bson.E{Key: "filepath", Value: video}, bson.E{Key: "_media_type", Value: "video"})
	}
	d.frameCollection = "frames"
	d.store()
	shown := map[any]any{} // pictures by the frames that they show
	for key, want := range map[string]struct {
		frames []any
		wrong  map[string][]string // of the first video's picture
	}{
		"fd": {[]any{2.0, 1.0}, map[string][]string{"frames.gt": {"car FN"}, "frames.pred": {"bus (0.70) FP"}}},
		"fc": {[]any{2.0, 2.0}, map[string][]string{}},
		"fr": {[]any{1.0, 1.0}, map[string][]string{}}, // the first of several
	} {
		j := d.log(key)
		j.Dataset.MediaType = "video"
		j.Frames = d.framesQuery()
		j.Pictures = &picture.Config{Mode: picture.Thumbnail, Size: 64, FFmpeg: postertest.FFmpeg(t), Overlays: &picture.Overlays{}}
		_, err := j.Run(t.Context(), d.callbacks())
		require.NoError(t, err, key)
		columns, data := d.table("samples.table.json")
		assert.Equal(t, want.frames, columnOf(t, columns, data, "shown_frame"), key)
		for i, cell := range columnOf(t, columns, data, "image") {
			require.NotNil(t, cell, key)
			path := cell.(map[string]any)["path"]
			if other, ok := shown[want.frames[i]]; ok {
				assert.Equal(t, other, path, "%s: the picture is of that frame", key)
			}
			shown[want.frames[i]] = path
		}
		assert.Equal(t, want.wrong, captions(t, columnOf(t, columns, data, "image")[0]), key)
	}
	assert.NotEqual(t, shown[1.0], shown[2.0])
}
