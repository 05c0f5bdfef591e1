package overlay

import (
	"context"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
)

var catDog = NewClasses(ClassSpec{Default: []string{"cat", "dog"}})

func TestBoxes(t *testing.T) {
	score := func(v float64) []table.Score { return []table.Score{{Name: "confidence", Value: v}} }
	for name, c := range map[string]struct {
		kind    string
		label   any
		pic     Picture
		want    []table.Box
		trouble Trouble
	}{
		"detection": {"Detection", detection("dog", []float64{0.1, 0.2, 0.3, 0.4}, has("confidence", 0.875)), whole,
			[]table.Box{{MinX: 0.1, MaxX: 0.4, MinY: 0.2, MaxY: 0.6, ClassID: 2, Caption: "dog (0.88)", Scores: score(0.875)}}, 0},
		"without confidence": {"Detections", detections(detection("cat", []float64{0, 0, 1, 1})), whole,
			[]table.Box{{MaxX: 1, MaxY: 1, ClassID: 1, Caption: "cat"}}, 0},
		"beyond the edge": {"Detection", detection("cat", []float64{-0.5, 0.75, 1, 1}), whole,
			[]table.Box{{MaxX: 0.5, MinY: 0.75, MaxY: 1, ClassID: 1, Caption: "cat"}}, OutOfPicture},
		"a little beyond the edge": {"Detection", detection("cat", []float64{-0.005, 0, 0.5, 1.005}), whole,
			[]table.Box{{MaxX: 0.495, MaxY: 1, ClassID: 1, Caption: "cat"}}, 0},
		"outside": {"Detection", detection("cat", []float64{1.5, 0, 0.25, 1}), whole, nil, OutOfPicture},
		"pixels":  {"Detection", detection("cat", []float64{120, 40, 60, 30}), whole, nil, InPixels},
		"pixels at the corner": {"Detection", detection("cat", []float64{0, 0, 60, 30}), whole,
			[]table.Box{{MaxX: 1, MaxY: 1, ClassID: 1, Caption: "cat"}}, InPixels},
		"polyline in pixels": {"Polyline", polyline("dog", false, false, 3, 4, 50, 20), whole, nil, InPixels},
		"keypoint outside":   {"Keypoint", bson.D{{Key: "points", Value: bson.A{bson.A{nan, nan}, bson.A{-0.5, 0.5}}}}, whole, nil, OutOfPicture},
		"zero size":          {"Detection", detection("cat", []float64{0.5, 0.5, 0, 0}), whole, []table.Box{{MinX: 0.495, MaxX: 0.505, MinY: 0.49, MaxY: 0.51, ClassID: 1, Caption: "cat"}}, 0},
		"at the edge":        {"Detection", detection("cat", []float64{1, 0, 0, 1}), whole, []table.Box{{MinX: 0.99, MaxX: 1, MaxY: 1, ClassID: 1, Caption: "cat"}}, 0},
		"NaN":                {"Detection", detection("cat", []float64{nan, 0, 1, 1}), whole, nil, BadPosition},
		"endless":            {"Detection", detection("cat", []float64{0, 0, math.Inf(1), 1}), whole, nil, BadPosition},
		"in 3D":              {"Detection", detection("cat", []float64{}, has("location", []float64{1, 2, 3})), whole, nil, 0},
		"null":               {"Detection", nil, whole, nil, 0},
		"late class":         {"Detections", detections(detection("emu", []float64{0, 0, 1, 1})), whole, nil, LateClass},
		"part of the picture": {"Detections", detections(detection("cat", []float64{0.25, 0.1, 0.5, 0.2}), detection("dog", []float64{0.1, 0.1, 0.1, 0.1})), half,
			[]table.Box{{MinX: 0, MaxX: 0.5, MinY: 0.1, MaxY: 0.3, ClassID: 1, Caption: "cat"}}, 0},
		"turned by 90 degrees": {"Detection", detection("cat", []float64{0.4, 0.3, 0.2, 0.2}, has("rotation", 90.0)), whole,
			// 20 x 10 pixels about (50, 20), so 10 x 20.
			[]table.Box{{MinX: 0.45, MaxX: 0.55, MinY: 0.2, MaxY: 0.6, ClassID: 1, Caption: "cat"}}, 0},
		"turned by a quarter of a turn": {"Detection", detection("cat", []float64{0.4, 0.3, 0.2, 0.2}, has("rotation", math.Pi/2)), whole,
			[]table.Box{{MinX: 0.45, MaxX: 0.55, MinY: 0.2, MaxY: 0.6, ClassID: 1, Caption: "cat"}}, 0},
		"turned by a whole turn": {"Detection", detection("cat", []float64{0.4, 0.3, 0.2, 0.2}, has("rotation", -2*math.Pi)), whole,
			[]table.Box{{MinX: 0.4, MaxX: 0.6, MinY: 0.3, MaxY: 0.5, ClassID: 1, Caption: "cat"}}, 0},
		"turned by negative degrees": {"Detection", detection("cat", []float64{0.4, 0.3, 0.2, 0.2}, has("rotation", -270)), whole,
			[]table.Box{{MinX: 0.45, MaxX: 0.55, MinY: 0.2, MaxY: 0.6, ClassID: 1, Caption: "cat"}}, 0},
		"polyline": {"Polyline", polyline("dog", false, false, 0.1, 0.2, 0.5, 0.2), whole,
			[]table.Box{{MinX: 0.1, MaxX: 0.5, MinY: 0.19, MaxY: 0.21, ClassID: 2, Caption: "dog"}}, 0},
		"closed polyline": {"Polylines", bson.D{{Key: "polylines", Value: bson.A{polyline("dog", true, false, 0.1, 0.2, 0.5, 0.2, 0.3, 0.9)}}}, whole,
			[]table.Box{{MinX: 0.1, MaxX: 0.5, MinY: 0.2, MaxY: 0.9, ClassID: 2, Caption: "dog"}}, 0},
		"keypoint": {"Keypoint", bson.D{{Key: "label", Value: "cat"}, {Key: "points", Value: bson.A{bson.A{0.5, 0.5}, bson.A{nan, nan}, bson.A{0.1, 0.1}}}, {Key: "confidence", Value: bson.A{0.5, 0.1, nan}}}, whole,
			[]table.Box{
				{MinX: 0.49, MaxX: 0.51, MinY: 0.48, MaxY: 0.52, ClassID: 1, Caption: "cat (0.50)", Scores: score(0.5)},
				{MinX: 0.09, MaxX: 0.11, MinY: 0.08, MaxY: 0.12, ClassID: 1, Caption: "cat"},
			}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := one(t, Field{Path: "f", Type: c.kind}, catDog, OwnMasks, c.pic, c.label)
			assert.Equal(t, c.trouble, got.Trouble)
			assert.Empty(t, got.Masks)
			if c.want == nil {
				assert.Empty(t, got.Boxes)
				return
			}
			require.Len(t, got.Boxes, 1)
			assert.Equal(t, "f", got.Boxes[0].Key)
			require.Len(t, got.Boxes[0].Boxes, len(c.want))
			for i, want := range c.want {
				box := got.Boxes[0].Boxes[i]
				for _, pair := range [][2]float64{{want.MinX, box.MinX}, {want.MaxX, box.MaxX}, {want.MinY, box.MinY}, {want.MaxY, box.MaxY}} {
					assert.InDelta(t, pair[0], pair[1], 1.1e-6, "%+v", box)
				}
				box.MinX, box.MaxX, box.MinY, box.MaxY = want.MinX, want.MaxX, want.MinY, want.MaxY
				assert.Equal(t, want, box)
			}
		})
	}
}

func TestLayersOfSeveralFields(t *testing.T) {
	fields := []Field{{Path: "ground_truth", Type: "Detections"}, {Path: "predictions", Type: "Detections"}, {Path: "weather", Type: "Classification"}, {Path: "tags", Type: "Classifications"}}
	d := NewPlan(fields, catDog, OwnMasks, 64).NewDrawer(noFiles, nil, MaxRaster)
	values := []bson.RawValue{
		raw(t, detections(detection("cat", []float64{0, 0, 1, 1}))),
		raw(t, detections(detection("dog", []float64{0, 0, 1, 1}, has("confidence", 0.25)), detection("cat", []float64{0, 0, 1, 1}))),
		raw(t, bson.D{{Key: "label", Value: "sun"}, {Key: "confidence", Value: 0.5}}),
		raw(t, bson.D{{Key: "classifications", Value: bson.A{bson.D{{Key: "label", Value: "a"}}, bson.D{{Key: "label", Value: "b"}}}}}),
	}
	first := d.Draw(context.Background(), values, whole)
	require.Len(t, first.Boxes, 2)
	assert.Equal(t, "ground_truth", first.Boxes[0].Key)
	assert.Equal(t, "predictions", first.Boxes[1].Key)
	assert.Len(t, first.Boxes[1].Boxes, 2)
	assert.Equal(t, "weather: sun (0.50); tags: a, b", first.Caption)
	// The memory of a result is its own.
	d.Draw(context.Background(), []bson.RawValue{raw(t, detections(detection("dog", []float64{0.5, 0.5, 0.1, 0.1}, has("confidence", 1)))), {}, {}, {}}, whole)
	assert.Equal(t, "dog (0.25)", first.Boxes[1].Boxes[0].Caption)
	assert.Equal(t, 0.25, first.Boxes[1].Boxes[0].Scores[0].Value)

	none := d.Draw(context.Background(), values, Picture{})
	assert.Empty(t, none.Boxes, "there is no picture")
	assert.Equal(t, first.Caption, none.Caption)
}

func TestCaptions(t *testing.T) {
	var words bson.A
	for range 9 {
		words = append(words, bson.D{{Key: "label", Value: "w"}})
	}
	got := one(t, Field{Path: "f", Type: "Classifications"}, catDog, OwnMasks, whole, bson.D{{Key: "classifications", Value: words}})
	assert.Equal(t, "f: w, w, w, w, w, …", got.Caption)

	long := strings.Repeat("ü", 90)
	classes := NewClasses(ClassSpec{Default: []string{long}})
	got = one(t, Field{Path: "f", Type: "Detection"}, classes, OwnMasks, whole, detection(long, []float64{0, 0, 1, 1}))
	assert.Equal(t, strings.Repeat("ü", 50)+"…", got.Boxes[0].Boxes[0].Caption)
	assert.True(t, utf8.ValidString(got.Boxes[0].Boxes[0].Caption))
}

func TestLabelsWithoutName(t *testing.T) {
	classes := NewClasses(ClassSpec{Seen: []Seen{{Rows: 3}}})
	got := one(t, Field{Path: "f", Type: "Detections"}, classes, OwnMasks, whole, detections(detection("", []float64{0, 0, 1, 1}, has("confidence", 0.5))))
	require.Zero(t, got.Trouble)
	box := got.Boxes[0].Boxes[0]
	assert.Equal(t, "(0.50)", box.Caption)
	assert.Equal(t, "(no label)", classes.Names()[box.ClassID])
}

func BenchmarkBoxes(b *testing.B) {
	var all []bson.D
	for i := range 10 {
		all = append(all, detection([]string{"cat", "dog"}[i%2], []float64{0.1, 0.2, 0.3, 0.4}, has("confidence", 0.5)))
	}
	d := NewPlan([]Field{{Path: "f", Type: "Detections"}}, catDog, OwnMasks, 64).NewDrawer(noFiles, nil, MaxRaster)
	values := []bson.RawValue{raw(b, detections(all...))}
	b.ReportAllocs()
	for b.Loop() {
		d.Draw(context.Background(), values, whole)
	}
}
