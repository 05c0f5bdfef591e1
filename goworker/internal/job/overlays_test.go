package job_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/overlay"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// shapes fills the collection with n samples, each of which has a box, a filled polygon and a keypoint at a place of its own.
func (w *world) shapes(n, files int) {
	docs := make([]any, n)
	for i := range docs {
		at := float64(i%64) / 64
		corners := bson.A{bson.A{at, 0}, bson.A{1, 0}, bson.A{1, 1}, bson.A{at, 1}}
		docs[i] = bson.D{
			{Key: "_id", Value: objectID(i, 99)}, {Key: "filepath", Value: filepath.Join(w.dir, fmt.Sprintf("%04d.png", i%files))},
			{Key: "box", Value: bson.D{{Key: "_cls", Value: "Detection"}, {Key: "label", Value: fmt.Sprint("c", i%7)},
				{Key: "bounding_box", Value: bson.A{at, 0, 1 - at, 1}}, {Key: "confidence", Value: at}}},
			{Key: "area", Value: bson.D{{Key: "_cls", Value: "Polyline"}, {Key: "label", Value: fmt.Sprint("c", i%5)},
				{Key: "points", Value: bson.A{corners}}, {Key: "closed", Value: true}, {Key: "filled", Value: true}}},
		}
	}
	require.NoError(w.t, mongo.Insert(w.t.Context(), w.name, docs))
	for i := range files {
		w.picture(i, 64)
	}
}

func (w *world) drawShapes() job.LogView {
	box := view.Field{Path: "box", DBPath: "box", LabelType: "Detection"}
	area := view.Field{Path: "area", DBPath: "area", LabelType: "Polyline"}
	j := w.logView()
	j.Labels = nil
	j.Pictures = &picture.Config{Mode: picture.Thumbnail, Size: 64, Overlays: &picture.Overlays{Fields: []view.Field{box, area}}}
	return j
}

// TestLabelsAreDrawnOverTheirOwnPictures has many rows on their way at a time, in any order.
func TestLabelsAreDrawnOverTheirOwnPictures(t *testing.T) {
	w := newWorld(t)
	const rows = 1500
	w.shapes(rows, 5)
	res, err := w.drawShapes().Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.Empty(t, res.Warnings)

	_, data := w.table("samples.table.json")
	require.Len(t, data, rows)
	classes, names := map[string]any{}, map[string]float64{}
	for i, row := range data {
		at := float64(i%64) / 64
		cell := row[3].(map[string]any)
		box := cell["boxes"].(map[string]any)["box"].([]any)[0].(map[string]any)
		require.InDelta(t, at, box["position"].(map[string]any)["minX"], 1e-6, "row %d", i)
		require.Equal(t, fmt.Sprintf("c%d (%.2f)", i%7, at), box["box_caption"])
		require.InDelta(t, at, box["scores"].(map[string]any)["confidence"], 1e-9)

		id, name := box["class_id"].(float64), fmt.Sprint("c", i%7)
		if old, has := names[name]; has {
			require.InDelta(t, old, id, 0)
		}
		names[name] = id
		classes[cell["classes"].(map[string]any)["path"].(string)] = nil

		mask := cell["masks"].(map[string]any)["area"].(map[string]any)["path"].(string)
		if i%97 == 0 {
			w.checkMask(mask, i%64, uint8(names[fmt.Sprint("c", i%5)]))
		}
	}
	assert.Len(t, classes, 1)

	// The same bytes, whatever comes first.
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	again, err := w.drawShapes().Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.False(t, again.NewVersion)
	assert.Empty(t, spoolLeft(t))
}

// checkMask makes sure that a mask has its class from a column on.
func (w *world) checkMask(path string, from int, class uint8) {
	img, err := png.Decode(bytes.NewReader([]byte(w.file(path))))
	require.NoError(w.t, err)
	grey := img.(*image.Gray)
	require.Equal(w.t, image.Rect(0, 0, 64, 64), grey.Rect)
	for x := range 64 {
		want := uint8(0)
		if x >= from {
			want = class
		}
		require.Equal(w.t, want, grey.GrayAt(x, 31).Y, "%s, column %d", path, x)
	}
}

// TestClassesThatComeLate has a class, or the first mask, behind the rows whose classes are trusted: the job begins again, and the
// classes are the same as those of a view that shows the late row first.
func TestClassesThatComeLate(t *testing.T) {
	for name, late := range map[string]bson.E{
		"a class": {Key: "box", Value: bson.D{{Key: "_cls", Value: "Detection"}, {Key: "label", Value: "gnu"}, {Key: "bounding_box", Value: bson.A{0.1, 0.2, 0.3, 0.4}}}},
		"a mask": {Key: "area", Value: bson.D{{Key: "_cls", Value: "Polyline"}, {Key: "label", Value: "c1"}, {Key: "filled", Value: true},
			{Key: "points", Value: bson.A{bson.A{bson.A{0, 0}, bson.A{1, 0}, bson.A{1, 1}}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.picture(0, 64)
			docs := make([]any, 2020)
			for i := range docs {
				docs[i] = bson.D{
					{Key: "_id", Value: objectID(i, 99)}, {Key: "filepath", Value: filepath.Join(w.dir, "0000.png")}, {Key: "n", Value: i},
					{Key: "box", Value: bson.D{{Key: "_cls", Value: "Detection"}, {Key: "label", Value: fmt.Sprint("c", i%3)}, {Key: "bounding_box", Value: bson.A{0, 0, 0.5, 0.5}}}},
				}
			}
			docs[2010] = bson.D{{Key: "_id", Value: objectID(2010, 99)}, {Key: "filepath", Value: filepath.Join(w.dir, "0000.png")}, {Key: "n", Value: 2010}, late}
			require.NoError(t, mongo.Insert(t.Context(), w.name, docs))
			classes := func(order int) string {
				j := w.drawShapes()
				stage, err := bson.Marshal(bson.D{{Key: "$sort", Value: bson.D{{Key: "n", Value: order}}}})
				require.NoError(t, err)
				j.View.Query.Pipeline = []bson.Raw{stage}
				res, err := j.Run(t.Context(), w.callbacks())
				require.NoError(t, err)
				assert.Empty(t, res.Warnings)
				columns, data := w.table("samples.table.json")
				require.Len(t, data, len(docs))
				cell := data[0][slices.Index(columns, "image")].(map[string]any)
				return w.file(cell["classes"].(map[string]any)["path"].(string))
			}
			early := classes(-1)
			assert.Equal(t, early, classes(1))
			assert.Equal(t, name == "a class", strings.Contains(early, "gnu"))
			assert.Equal(t, name == "a mask", strings.Contains(early, "background"))
			assert.Empty(t, spoolLeft(t))
		})
	}
}

// TestLargeMasksAreDrawn has masks of which only one is in memory at a time.
func TestLargeMasksAreDrawn(t *testing.T) {
	w := newWorld(t)
	const side = 4200
	large := image.NewGray(image.Rect(0, 0, side, side))
	for i := range large.Pix {
		large.Pix[i] = 1
	}
	var file bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&file, large))
	path := filepath.Join(t.TempDir(), "mask.png")
	require.NoError(t, os.WriteFile(path, file.Bytes(), 0o600))
	var docs []any
	for i := range 4 {
		docs = append(docs, bson.D{
			{Key: "_id", Value: objectID(i, 0)}, {Key: "filepath", Value: w.picture(i, 64)},
			{Key: "ground", Value: bson.D{{Key: "_cls", Value: "Segmentation"}, {Key: "mask_path", Value: path}}},
		})
	}
	require.NoError(t, mongo.Insert(t.Context(), w.name, docs))
	j := w.drawShapes()
	j.Pictures.Overlays.Fields = []view.Field{{Path: "ground", DBPath: "ground", LabelType: "Segmentation"}}
	res, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.Empty(t, res.Warnings)
	_, data := w.table("samples.table.json")
	require.Len(t, data, 4)
	for _, row := range data {
		w.checkMask(row[3].(map[string]any)["masks"].(map[string]any)["ground"].(map[string]any)["path"].(string), 0, 1)
	}
}

func TestWhatIsDrawnIsPartOfTheContent(t *testing.T) {
	w := newWorld(t)
	w.shapes(10, 2)
	for version, change := range []func(*picture.Overlays){
		func(*picture.Overlays) {},
		func(o *picture.Overlays) { o.Masks = overlay.AllMasks }, // draws the same here
		func(o *picture.Overlays) { o.Masks = overlay.NoMasks },
		func(o *picture.Overlays) { o.Fields = o.Fields[:1] },
	} {
		j := w.drawShapes()
		change(j.Pictures.Overlays)
		res, err := j.Run(t.Context(), w.callbacks())
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprint("v", version), res.ArtifactVersion)
	}
	bad := w.drawShapes()
	bad.Dataset.MaskTargetsJSON = "["
	_, err := bad.Run(t.Context(), w.callbacks())
	require.ErrorContains(t, err, "overlays=False")
}

// TestOtherSlicesHaveTheirOwnLabels has groups of two, of which the view shows one.
func TestOtherSlicesHaveTheirOwnLabels(t *testing.T) {
	w := newWorld(t)
	var docs []any
	for i := range 6 {
		side := []string{"left", "right"}[i%2]
		docs = append(docs, bson.D{
			{Key: "_id", Value: objectID(i, 0)}, {Key: "filepath", Value: w.picture(i, 20)},
			{Key: "group", Value: bson.D{{Key: "_id", Value: objectID(i/2, 50)}, {Key: "name", Value: side}}},
			{Key: "box", Value: bson.D{{Key: "_cls", Value: "Detection"}, {Key: "label", Value: side}, {Key: "bounding_box", Value: bson.A{0, 0, 1, 1}}}},
		})
	}
	require.NoError(t, mongo.Insert(t.Context(), w.name, docs))
	match, err := bson.Marshal(bson.D{{Key: "$match", Value: bson.D{{Key: "group.name", Value: "left"}}}})
	require.NoError(t, err)
	j := w.drawShapes()
	j.View.Query.Pipeline = []bson.Raw{match}
	j.Pictures.Slices = picture.Slices{Names: []string{"right"}, Field: "group", Collection: w.name}
	res, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	assert.Empty(t, res.Warnings)
	columns, data := w.table("samples.table.json")
	require.Len(t, data, 3)
	for _, row := range data {
		for i, side := range []string{"left", "right"} {
			assert.Equal(t, []string{"image", "image_right"}[i], columns[3+i])
			box := row[3+i].(map[string]any)["boxes"].(map[string]any)["box"].([]any)[0].(map[string]any)
			assert.Equal(t, side, box["box_caption"])
		}
	}
}
