package label

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// shapesOf is a copy of each shape of a label.
func shapesOf(labelType string, v bson.RawValue) (all []Shape) {
	NewShaper(labelType).Each(v, func(s *Shape) {
		one := *s
		one.Points, one.Ends, one.Scores = slices.Clone(s.Points), slices.Clone(s.Ends), slices.Clone(s.Scores)
		all = append(all, one)
	})
	return all
}

func TestShapes(t *testing.T) {
	nan := math.NaN()
	mask := bson.Binary{Data: []byte{1, 2, 3}}
	for name, c := range map[string]struct {
		labelType string
		doc       bson.D
		want      []Shape
	}{
		"detection": {"Detection",
			bson.D{{Key: "label", Value: "cat"}, {Key: "confidence", Value: 0.5}, {Key: "bounding_box", Value: bson.A{0.1, int32(0), int64(1), 0.4}}, {Key: "rotation", Value: int32(90)}},
			[]Shape{{Kind: Rectangle, Class: []byte("cat"), Confidence: 0.5, HasConfidence: true, Box: [4]float64{0.1, 0, 1, 0.4}, HasBox: true, Turn: math.Pi / 2}}},
		"detection in 3D": {"Detection",
			bson.D{{Key: "label", Value: "car"}, {Key: "bounding_box", Value: bson.A{}}, {Key: "rotation", Value: bson.A{0, 0, 1}}},
			[]Shape{{Kind: Rectangle, Class: []byte("car")}}},
		"without anything": {"Detection", bson.D{}, []Shape{{Kind: Rectangle}}},
		"box with NaN":     {"Detection", bson.D{{Key: "bounding_box", Value: bson.A{0.1, nan, 0.1, 0.1}}}, []Shape{{Kind: Rectangle, Box: [4]float64{0.1}, Broken: true}}},
		"box of three":     {"Detection", bson.D{{Key: "bounding_box", Value: bson.A{0.1, 0.1, 0.1}}}, []Shape{{Kind: Rectangle, Box: [4]float64{0.1, 0.1, 0.1}, Broken: true}}},
		"box of five":      {"Detection", bson.D{{Key: "bounding_box", Value: bson.A{0, 0, 1, 1, 1}}}, []Shape{{Kind: Rectangle, Box: [4]float64{0, 0, 1, 1}, Broken: true}}},
		"negative box":     {"Detection", bson.D{{Key: "bounding_box", Value: bson.A{0, 0, -1.0, 1}}}, []Shape{{Kind: Rectangle, Box: [4]float64{0, 0, -1, 1}, Broken: true}}},
		"detections, one masked": {"Detections",
			bson.D{{Key: "_cls", Value: "Detections"}, {Key: "detections", Value: bson.A{
				bson.D{{Key: "label", Value: ""}, {Key: "bounding_box", Value: bson.A{0, 0, 1, 1}}, {Key: "mask", Value: mask}},
				"no document",
				bson.D{{Key: "label", Value: "b"}, {Key: "bounding_box", Value: bson.A{0, 0, 0, 0}}, {Key: "mask_path", Value: "m.png"}, {Key: "mask", Value: nil}},
			}}},
			[]Shape{
				{Kind: Rectangle, Box: [4]float64{0, 0, 1, 1}, HasBox: true, Raster: bson.RawValue{Type: bson.TypeBinary, Value: []byte{3, 0, 0, 0, 0, 1, 2, 3}}},
				{Kind: Rectangle, Class: []byte("b"), HasBox: true, Path: []byte("m.png")},
			}},
		"polyline": {"Polyline",
			bson.D{{Key: "points", Value: bson.A{bson.A{bson.A{0, 0}, bson.A{nan, 1}, bson.A{1, 0.5}}, bson.A{}, bson.A{bson.A{0.5, 0.5}}}}, {Key: "closed", Value: true}, {Key: "filled", Value: false}},
			[]Shape{{Kind: Outline, Points: []Point{{0, 0}, {1, 0.5}, {0.5, 0.5}}, Ends: []int{2, 3}, Closed: true}}},
		"polyline of NaN": {"Polyline", bson.D{{Key: "points", Value: bson.A{bson.A{bson.A{nan, nan}}}}}, []Shape{{Kind: Outline, Broken: true}}},
		"polyline in 3D":  {"Polyline", bson.D{{Key: "points", Value: bson.A{}}, {Key: "points3d", Value: bson.A{bson.A{bson.A{1, 2, 3}}}}}, []Shape{{Kind: Outline}}},
		"keypoints": {"Keypoints",
			bson.D{{Key: "keypoints", Value: bson.A{bson.D{{Key: "label", Value: "hand"}, {Key: "points", Value: bson.A{bson.A{0.5, 0.25}}}, {Key: "confidence", Value: bson.A{0.25}}}}}},
			[]Shape{{Kind: Dots, Class: []byte("hand"), Confidence: 0.25, HasConfidence: true, Points: []Point{{0.5, 0.25}}, Scores: []float64{0.25}}}},
		"segmentation":    {"Segmentation", bson.D{{Key: "mask_path", Value: "~/m.png"}}, []Shape{{Kind: Area, Path: []byte("~/m.png")}}},
		"heatmap":         {"Heatmap", bson.D{{Key: "map", Value: mask}, {Key: "range", Value: bson.A{-1, 0.5}}}, []Shape{{Kind: Map, Raster: bson.RawValue{Type: bson.TypeBinary, Value: []byte{3, 0, 0, 0, 0, 1, 2, 3}}, Low: -1, High: 0.5, HasRange: true}}},
		"classifications": {"Classifications", bson.D{{Key: "classifications", Value: bson.A{bson.D{{Key: "label", Value: "a"}}}}}, []Shape{{Kind: Word, Class: []byte("a")}}},
		"own class first": {"Classification", bson.D{{Key: "_cls", Value: "Polyline"}}, []Shape{{Kind: Outline}}},
		"users' class":    {"Detection", bson.D{{Key: "_cls", Value: "Mine"}, {Key: "bounding_box", Value: bson.A{0, 0, 1, 1}}}, []Shape{{Kind: Rectangle, Box: [4]float64{0, 0, 1, 1}, HasBox: true}}},
		"temporal":        {"TemporalDetections", bson.D{{Key: "detections", Value: bson.A{bson.D{{Key: "label", Value: "a"}}}}}, nil},
		"geo":             {"GeoLocation", bson.D{{Key: "point", Value: bson.A{1, 2}}}, nil},
		"unknown":         {"", bson.D{{Key: "label", Value: "x"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := shapesOf(c.labelType, document(c.doc))
			require.Len(t, got, len(c.want))
			for i, want := range c.want {
				if want.Kind == Dots || want.Kind == Outline {
					assert.ElementsMatch(t, want.Points, got[i].Points)
				}
				one := got[i]
				if len(one.Points) == 0 {
					one.Points = nil
				}
				if len(one.Ends) == 0 {
					one.Ends = nil
				}
				if len(one.Scores) == 0 {
					one.Scores = nil
				}
				assert.Equal(t, want, one)
			}
		})
	}
	assert.Empty(t, shapesOf("Detection", bson.RawValue{Type: bson.TypeNull}))
	missing := shapesOf("Keypoint", document(bson.D{{Key: "points", Value: bson.A{bson.A{nan, nan}, "x"}}, {Key: "confidence", Value: bson.A{nan, 0.5}}}))[0]
	assert.True(t, math.IsNaN(missing.Points[0].X) && math.IsNaN(missing.Points[1].X) && math.IsNaN(missing.Scores[0]))
	assert.Equal(t, 0.5, missing.Scores[1])
}

func TestShapePaths(t *testing.T) {
	assert.Equal(t, []string{"_cls", "detections.label", "detections.confidence", "detections.bounding_box", "detections.rotation"}, ShapePaths("Detections", false))
	assert.Equal(t, []string{"_cls", "label", "confidence", "bounding_box", "rotation", "mask", "mask_path"}, ShapePaths("Detection", true))
	assert.Equal(t, []string{"_cls", "map", "map_path", "range"}, ShapePaths("Heatmap", true))
	assert.Equal(t, []string{"_cls", "classifications.label", "classifications.confidence"}, ShapePaths("Classifications", true))
	for _, none := range []string{"", "Regression", "TemporalDetection", "TemporalDetections", "GeoLocation", "Mine"} {
		assert.Empty(t, ShapePaths(none, true), none)
	}
}

// FuzzShapes gives any bytes to all kinds of fields.
func FuzzShapes(f *testing.F) {
	for _, d := range []bson.D{
		{{Key: "bounding_box", Value: bson.A{0, 0, 1, 1}}, {Key: "mask", Value: bson.Binary{Data: []byte{1}}}},
		{{Key: "points", Value: bson.A{bson.A{bson.A{0, 0}, bson.A{1, 1}}}}, {Key: "filled", Value: true}},
		{{Key: "keypoints", Value: bson.A{bson.D{{Key: "points", Value: bson.A{bson.A{0, 0}}}, {Key: "confidence", Value: bson.A{1}}}}}},
	} {
		raw, _ := bson.Marshal(d)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, kind := range []string{"Detection", "Detections", "Polyline", "Polylines", "Keypoint", "Keypoints", "Segmentation", "Heatmap", "Classification"} {
			NewShaper(kind).Each(bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: raw}, func(s *Shape) {
				last := 0
				for _, end := range s.Ends {
					if end <= last || end > len(s.Points) {
						t.Fatalf("the lines end at %v of %d points", s.Ends, len(s.Points))
					}
					last = end
				}
				if s.HasBox {
					for _, v := range s.Box {
						if v-v != 0 {
							t.Fatalf("the box is %v", s.Box)
						}
					}
				}
			})
		}
	})
}
