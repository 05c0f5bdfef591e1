package overlay_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/mongotest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/overlay"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

var mongo *mongotest.Server

func TestMain(m *testing.M) { mongotest.Main(m, &mongo) }

func field(path, kind string) overlay.SeenField {
	return overlay.SeenField{Field: overlay.Field{Path: path, Type: kind}, DBPath: path}
}

// learn runs stages on documents.
func learn(t *testing.T, docs []any, fn func(run func([]bson.D, func(bson.Raw)) error) error) {
	t.Helper()
	require.NoError(t, mongo.Insert(t.Context(), "samples", docs))
	src, err := view.Connect(t.Context(), mongo.URI)
	require.NoError(t, err)
	defer src.Close()
	query := view.Query{URI: mongo.URI, Database: mongotest.Database, Collection: "samples"}
	require.NoError(t, fn(func(stages []bson.D, row func(bson.Raw)) error {
		return src.Aggregate(t.Context(), query, stages, row)
	}))
}

// seenIn surveys documents.
func seenIn(t *testing.T, docs []any, mode overlay.MaskMode, fields ...overlay.SeenField) (spec overlay.ClassSpec) {
	t.Helper()
	learn(t, docs, func(run func([]bson.D, func(bson.Raw)) error) error { return spec.Survey(fields, mode, run) })
	return spec
}

// sampleIn samples documents.
func sampleIn(t *testing.T, docs []any, mode overlay.MaskMode, fields ...overlay.SeenField) (spec overlay.ClassSpec, few bool) {
	t.Helper()
	learn(t, docs, func(run func([]bson.D, func(bson.Raw)) error) (err error) {
		few, err = spec.Sample(fields, mode, run)
		return err
	})
	return spec, few
}

func TestSeenClasses(t *testing.T) {
	mask := bson.Binary{Data: []byte{1}}
	label := func(name any, more ...bson.E) bson.D { return append(bson.D{{Key: "label", Value: name}}, more...) }
	list := func(key string, items ...any) bson.D { return bson.D{{Key: key, Value: bson.A(items)}} }
	docs := []any{
		bson.D{
			{Key: "gt", Value: list("detections", label("cat"), label("cat"), label("dog", bson.E{Key: "mask", Value: mask}), bson.D{})},
			{Key: "one", Value: label("emu", bson.E{Key: "mask_path", Value: "x"})},
			{Key: "lines", Value: list("polylines", label("road", bson.E{Key: "filled", Value: true}), label("lane", bson.E{Key: "closed", Value: true}, bson.E{Key: "filled", Value: false}))},
		},
		bson.D{
			{Key: "gt", Value: list("detections", label("cat", bson.E{Key: "mask", Value: nil}, bson.E{Key: "rotation", Value: 3}))},
			{Key: "one", Value: nil},
			{Key: "dots", Value: list("keypoints", label("nose"), label(nil), label(5))},
		},
		bson.D{{Key: "gt", Value: list("detections")}, {Key: "lines", Value: "odd"}, {Key: "dots", Value: bson.D{}}},
		bson.D{{Key: "turned", Value: label("cat", bson.E{Key: "rotation", Value: 3})}, {Key: "closed", Value: label("lane", bson.E{Key: "closed", Value: true})}},
		bson.D{},
	}
	fields := []overlay.SeenField{field("gt", "Detections"), field("one", "Detection"), field("lines", "Polylines"), field("dots", "Keypoints"), field("words", "Classification")}
	own := seenIn(t, docs, overlay.OwnMasks, fields...)
	names := []overlay.Seen{
		{Name: "", Rows: 3, Masks: 3}, {Name: "cat", Rows: 2, Masks: 2}, {Name: "dog", Rows: 1, Masks: 1}, {Name: "emu", Rows: 1, Masks: 1},
		{Name: "lane", Rows: 1, Masks: 1}, {Name: "nose", Rows: 1, Masks: 1}, {Name: "road", Rows: 1, Masks: 1},
	}
	assert.ElementsMatch(t, names, own.Seen, "some have masks, and there is room for all")
	for i := range names {
		names[i].Masks = 0
	}
	assert.Equal(t, names, seenIn(t, docs, overlay.NoMasks, fields...).Seen)
	assert.Empty(t, seenIn(t, docs, overlay.OwnMasks, field("words", "Classification"), field("area", "Segmentation")).Seen)
	for _, c := range []struct {
		field  overlay.SeenField
		mode   overlay.MaskMode
		masked bool
	}{
		{field("gt", "Detections"), overlay.OwnMasks, true}, {field("one", "Detection"), overlay.OwnMasks, true},
		{field("lines", "Polylines"), overlay.OwnMasks, true}, {field("dots", "Keypoints"), overlay.AllMasks, false},
		{field("turned", "Detection"), overlay.OwnMasks, false}, {field("turned", "Detection"), overlay.AllMasks, true},
		{field("closed", "Polyline"), overlay.OwnMasks, false}, {field("closed", "Polyline"), overlay.AllMasks, true},
	} {
		seen := seenIn(t, docs, c.mode, c.field).Seen
		require.NotEmpty(t, seen)
		assert.Equal(t, c.masked, seen[0].Masks > 0, "%+v", c)
	}

	// Where there are very many, those of masks come first, so that they have an id in them.
	var many bson.A
	for i := range 200 {
		many = append(many, label(fmt.Sprintf("class %03d", i)))
	}
	docs = append(docs, bson.D{{Key: "gt", Value: bson.D{{Key: "detections", Value: many}}}})
	own = seenIn(t, docs, overlay.OwnMasks, fields...)
	assert.Equal(t, []overlay.Seen{
		{Name: "dog", Rows: 1, Masks: 1}, {Name: "emu", Rows: 1, Masks: 1}, {Name: "road", Rows: 1, Masks: 1},
		{Name: "", Rows: 2}, {Name: "cat", Rows: 2}, {Name: "class 000", Rows: 1},
	}, own.Seen[:6])
	masks := map[string]int64{}
	for _, s := range seenIn(t, docs, overlay.AllMasks, fields...).Seen {
		if s.Masks > 0 {
			masks[s.Name] = s.Masks
		}
	}
	assert.Equal(t, map[string]int64{"dog": 1, "emu": 1, "road": 1, "lane": 1, "cat": 1}, masks)
}

func TestTooManyClasses(t *testing.T) {
	var docs []any
	for i := range overlay.MaxClasses + 5 {
		docs = append(docs, bson.D{{Key: "one", Value: bson.D{{Key: "label", Value: fmt.Sprint("class ", i)}}}})
	}
	spec := seenIn(t, docs, overlay.OwnMasks, field("one", "Detection"))
	assert.Len(t, spec.Seen, overlay.MaxClasses)
	assert.True(t, spec.Truncated)
}

// TestClassesAreFoundWhereverTheyAre has classes and masks behind the rows of the sample.
func TestClassesAreFoundWhereverTheyAre(t *testing.T) {
	label := func(name any, more ...bson.E) bson.D { return append(bson.D{{Key: "label", Value: name}}, more...) }
	docs := make([]any, 2100)
	for i := range docs {
		docs[i] = bson.D{{Key: "gt", Value: bson.D{{Key: "detections", Value: bson.A{label("cat"), label("dog")}}}}, {Key: "one", Value: label("emu")}}
	}
	fields := []overlay.SeenField{field("gt", "Detections"), field("one", "Detection"), field("lines", "Polylines")}
	of := func(mode overlay.MaskMode, last any) (names []string, masked bool) {
		spec := seenIn(t, append(docs[:len(docs)-1:len(docs)-1], last), mode, fields...)
		for _, s := range spec.Seen {
			names = append(names, s.Name)
			masked = masked || s.Masks > 0
		}
		return names, masked
	}
	gt := func(labels ...any) bson.D {
		return bson.D{{Key: "gt", Value: bson.D{{Key: "detections", Value: bson.A(labels)}}}}
	}
	for name, c := range map[string]struct {
		last   any
		names  []string
		masked bool
	}{
		"nothing new":    {gt(label("dog")), nil, false},
		"a class":        {gt(label("cat"), label("gnu")), []string{"gnu"}, false},
		"a single label": {bson.D{{Key: "one", Value: label("gnu")}}, []string{"gnu"}, false},
		"another field":  {bson.D{{Key: "lines", Value: bson.D{{Key: "polylines", Value: bson.A{label("cat"), label("lane")}}}}}, []string{"lane"}, false},
		"no name":        {gt(label("cat"), bson.D{}), []string{""}, false},
		"a null name":    {bson.D{{Key: "one", Value: label(nil)}}, []string{""}, false},
		"a number":       {gt(label(5)), []string{""}, false},
		"no label":       {bson.D{{Key: "one", Value: nil}}, nil, false},
		"a mask":         {gt(label("cat"), label("dog", bson.E{Key: "mask", Value: bson.Binary{Data: []byte{1}}})), nil, true},
		"a mask's path":  {bson.D{{Key: "one", Value: label("cat", bson.E{Key: "mask_path", Value: "x"})}}, nil, true},
		"a filled line":  {bson.D{{Key: "lines", Value: bson.D{{Key: "polylines", Value: bson.A{label("cat", bson.E{Key: "filled", Value: true})}}}}}, nil, true},
		"a turned box":   {gt(label("dog", bson.E{Key: "rotation", Value: 0.5})), nil, true},
	} {
		for _, mode := range []overlay.MaskMode{overlay.AllMasks, overlay.OwnMasks, overlay.NoMasks} {
			names, masked := of(mode, c.last)
			assert.ElementsMatch(t, append([]string{"cat", "dog", "emu"}, c.names...), names, name)
			want := c.masked && mode != overlay.NoMasks && (mode == overlay.AllMasks || name != "a turned box")
			assert.Equal(t, want, masked, "%s %d", name, mode)
		}
	}
}

// TestSampleGivesTheClassesOfSurvey holds where the first rows have all classes.
func TestSampleGivesTheClassesOfSurvey(t *testing.T) {
	label := func(name any, more ...bson.E) bson.D { return append(bson.D{{Key: "label", Value: name}}, more...) }
	docs := make([]any, 2100)
	for i := range docs {
		docs[i] = bson.D{{Key: "one", Value: label([]string{"cat", "dog", "emu"}[i%7%3])}}
	}
	one := field("one", "Detection")
	for _, masked := range []bool{false, true} {
		if masked {
			docs[5] = bson.D{{Key: "one", Value: label("dog", bson.E{Key: "mask", Value: bson.Binary{Data: []byte{1}}})}}
		}
		all := seenIn(t, docs, overlay.OwnMasks, one)
		sampled, few := sampleIn(t, docs, overlay.OwnMasks, one)
		assert.True(t, few)
		assert.Less(t, sampled.Seen[0].Rows, all.Seen[0].Rows, "not all rows were looked at")
		assert.Equal(t, overlay.NewClasses(all), overlay.NewClasses(sampled))
		assert.Equal(t, masked, overlay.NewClasses(sampled).Names()[0] == "background")
	}
	for i := range 121 {
		docs[i] = bson.D{{Key: "one", Value: label(fmt.Sprint(i))}}
	}
	_, few := sampleIn(t, docs, overlay.OwnMasks, one)
	assert.False(t, few)
}
