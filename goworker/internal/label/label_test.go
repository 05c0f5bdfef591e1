package label

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

type m = bson.M

func TestOddDocuments(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(-1)
	decimal, err := bson.ParseDecimal128("0.5")
	require.NoError(t, err)
	for _, c := range []struct {
		name, labelType string
		doc             any
		text            string
	}{
		{"keypoint with nulls among its confidences", "Keypoint", m{"label": "a", "confidence": bson.A{nil, 0.25, nan, inf, "x", int32(1)}}, "a"},
		{"old keypoint with one confidence", "Keypoint", m{"label": "a", "confidence": 0.625}, "a"},
		{"no class in the document", "Regression", m{"value": int32(2)}, "2.0"},
		{"label of a number", "Classification", m{"label": int32(5), "confidence": "high"}, "None"},
		{"label of null", "Detection", m{"label": nil, "confidence": nil}, "None"},
		{"confidence of Decimal128", "Classification", m{"label": "a", "confidence": decimal}, "a"},
		{"confidence of bool", "Classification", m{"label": "a", "confidence": true}, "a"},
		{"class of a number", "Segmentation", m{"_cls": 5}, "segmentation mask"},
		{"list of a string", "Detections", m{"detections": "none"}, "0 detections"},
		{"list of null", "Polylines", m{"polylines": nil}, "0 polylines"},
		{"list absent", "Keypoints", m{}, "0 keypoints"},
		{"list of odd items", "Detections", m{"detections": bson.A{nil, 5, bson.A{}, m{"label": "a"}, m{}}}, "2 detections: a(1)"},
		{"shapes of odd items", "Polyline", m{"points": bson.A{nil, 5, bson.A{1, bson.A{0, 0}}, m{}}}, "polyline (1 points)"},
		{"points of both kinds", "Polyline", m{"label": "x", "points": bson.A{bson.A{bson.A{0, 0}}}, "points3d": bson.A{bson.A{bson.A{0, 0, 0}}}}, "x (2 points)"},
		{"polyline with an empty label", "Polyline", m{"label": "", "points": "x"}, "polyline (0 points)"},
		{"heatmap range with NaN", "Heatmap", m{"range": bson.A{0, nan}}, "heatmap [0.00, nan]"},
		{"heatmap range of one", "Heatmap", m{"range": bson.A{0}}, "heatmap"},
		{"heatmap range of three", "Heatmap", m{"range": bson.A{0, 1, 2}}, "heatmap"},
		{"heatmap range of integers", "Heatmap", m{"range": bson.A{int64(0), int32(7)}}, "heatmap [0.00, 7.00]"},
		{"support absent", "TemporalDetection", m{"label": "a"}, "a @ None"},
		{"support of longs", "TemporalDetection", m{"label": "a", "support": bson.A{int64(1), int64(1) << 40}}, "a @ [1, 1099511627776]"},
		{"point with NaN", "GeoLocation", m{"point": m{"coordinates": bson.A{1, nan}}}, "point [1, nan]"},
		{"point with NaN before a line", "GeoLocation", m{"point": m{"coordinates": bson.A{nan, 1}}, "line": m{"coordinates": bson.A{bson.A{0, 0}}}}, "point [nan, 1]"},
		{"point of no coordinates", "GeoLocation", m{"point": m{"coordinates": bson.A{}}, "line": nil}, "geolocation"},
		{"point as a bare list", "GeoLocation", m{"point": bson.A{1, 2.5}}, "point [1, 2.5]"},
		{"point of another document", "GeoLocation", m{"point": m{"type": "Point"}}, "geolocation"},
		{"geolocations of odd values", "GeoLocations", m{"points": 5, "lines": m{}, "polygons": bson.A{bson.A{}}}, "1 geolocations"},
		{"regression of text", "Regression", m{"value": "high", "confidence": nan}, "None (nan)"},

		{"own class of a known field", "Detections", m{"_cls": "MyBoxes", "detections": bson.A{m{"label": "a"}}}, "1 detections: a(1)"},
		{"class with its parents in front", "", m{"_cls": "Label.Detections"}, "0 detections"},
		{"own class with its parents in front", "", m{"_cls": "Label.Mine"}, "Mine"},
		{"known class of another field", "Classification", m{"_cls": "Polylines", "polylines": bson.A{m{"label": "a"}}}, "1 polylines: a(1)"},
		{"own class with a label", "", m{"_cls": "Mine", "label": "a", "confidence": 0.0}, "a (0.00)"},
		{"own class with a list", "", m{"_cls": "Mine", "keypoints": bson.A{m{"label": "a"}}}, "1 keypoints: a(1)"},
		{"own class with a value", "", m{"_cls": "Mine", "value": 0.5}, "0.5"},
		{"own class with nothing", "", m{"_cls": "Mine", "label": nil, "value": nan}, "Mine"},
		{"no class at all", "", m{"x": 1}, "label"},
		{"class of an empty name", "NoSuch", m{"_cls": ""}, "label"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := NewFormatter(c.labelType).Format(document(c.doc))
			assert.False(t, got.Null)
			assert.Equal(t, c.text, string(got.Text))
		})
	}
}

func TestKeypointConfidences(t *testing.T) {
	list := document(m{"_cls": "Keypoints", "keypoints": bson.A{
		m{"confidence": bson.A{nil, 0.25, math.NaN(), 0.75, math.Inf(1)}},
		m{"confidence": bson.A{nil, math.NaN()}},
		m{"confidence": bson.A{}},
		m{"confidence": 0.0},
	}})
	got := NewFormatter("").Format(list)
	require.Len(t, got.Leaves, 4)
	assert.Equal(t, 0.5, got.Leaves[0].Confidence)
	assert.Equal(t, []bool{true, false, false, true}, []bool{got.Leaves[0].HasConfidence, got.Leaves[1].HasConfidence, got.Leaves[2].HasConfidence, got.Leaves[3].HasConfidence})
	assert.True(t, got.HasAvg)
	assert.Equal(t, 0.25, got.Avg)
}

func TestSumsThatOverflow(t *testing.T) {
	huge := bson.A{math.MaxFloat64, math.MaxFloat64}
	got := NewFormatter("Keypoint").Format(document(m{"confidence": huge}))
	assert.False(t, got.HasAvg)
	items := bson.A{m{"confidence": math.MaxFloat64}, m{"confidence": math.MaxFloat64}}
	got = NewFormatter("Detections").Format(document(m{"detections": items}))
	assert.False(t, got.HasAvg)
	assert.Equal(t, 2, got.Count)
}

func TestValuesThatAreNoLabel(t *testing.T) {
	f := NewFormatter("Detections")
	f.Format(boxes(3, 3))
	raw, err := bson.Marshal(m{"null": nil, "text": "cat", "list": bson.A{m{"label": "a"}}, "number": 5})
	require.NoError(t, err)
	for _, v := range []bson.RawValue{
		{},
		{Type: bson.TypeEmbeddedDocument},
		{Type: bson.TypeEmbeddedDocument, Value: []byte{1, 2, 3}},
		{Type: bson.TypeEmbeddedDocument, Value: []byte{0, 0, 0, 0, 0}},
		bson.Raw(raw).Lookup("null"), bson.Raw(raw).Lookup("text"), bson.Raw(raw).Lookup("list"), bson.Raw(raw).Lookup("number"),
	} {
		assert.Equal(t, Label{Null: true}, f.Format(v))
	}
}

// naive formats a list in the plainest way.
func naive(labels []string) string {
	type class struct {
		name     string
		n, first int
	}
	var all []class
	for i, name := range labels {
		at := slices.IndexFunc(all, func(c class) bool { return c.name == name })
		if at < 0 {
			all = append(all, class{name, 1, i})
		} else {
			all[at].n++
		}
	}
	slices.SortFunc(all, func(a, b class) int { return (b.n-a.n)*100_000 + a.first - b.first })
	parts := make([]string, len(all))
	for i, c := range all {
		parts[i] = fmt.Sprintf("%s(%d)", c.name, c.n)
	}
	return fmt.Sprintf("%d polylines: %s", len(labels), strings.Join(parts, ", "))
}

func TestListsOfAnyClasses(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	f := NewFormatter("Polylines")
	for round := range 300 {
		labels, items := []string{}, bson.A{}
		classes := 1 + rng.IntN(1+round)
		for range 1 + rng.IntN(600) {
			name := "c" + strconv.Itoa(rng.IntN(classes))
			labels = append(labels, name)
			items = append(items, bson.D{{Key: "confidence", Value: rng.Float64()}, {Key: "label", Value: name}})
		}
		got := f.Format(document(bson.D{{Key: "polylines", Value: items}}))
		require.Equal(t, naive(labels), string(got.Text))
		require.Len(t, got.Leaves, len(labels))
		require.True(t, got.HasAvg && got.Avg >= 0 && got.Avg < 1)
		for i := range labels {
			require.Equal(t, labels[i], string(got.Leaves[i].Class))
		}
	}
}

func TestPythonFloatsReadBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		x := math.Float64frombits(rng.Uint64())
		if x-x != 0 {
			continue
		}
		s := string(appendPythonFloat(nil, x))
		back, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err, s)
		require.Equal(t, x, back, s)
		require.True(t, strings.ContainsAny(s, ".e"), "%s would be an integer in Python", s)
	}
}

func TestFormatAllocatesNothingForFewClasses(t *testing.T) {
	for _, v := range []bson.RawValue{
		boxes(10, 10), boxes(500, linearClasses),
		document(m{"_cls": "Regression", "value": 1e-300, "confidence": 0.5}),
		document(m{"_cls": "GeoLocation", "point": m{"coordinates": bson.A{1.5, 2}}}),
		document(m{"_cls": "Heatmap", "range": bson.A{0, 1}}),
	} {
		f := NewFormatter("")
		assert.Zero(t, testing.AllocsPerRun(50, func() { f.Format(v) }))
	}
	many, f := boxes(500, 100), NewFormatter("")
	assert.LessOrEqual(t, testing.AllocsPerRun(50, func() { f.Format(many) }), 100.0, "one for each of many classes")
}

func TestHugeTextsOfOneLabelDoNotStay(t *testing.T) {
	f := NewFormatter("Classification")
	f.Format(document(m{"label": strings.Repeat("x", 100_000)}))
	assert.Equal(t, "y", string(f.Format(document(m{"label": "y"})).Text))
}
