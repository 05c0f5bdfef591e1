package label

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// facts is a Label as testdata/make_labels.py writes it down.
type facts struct {
	Text   string      `json:"text"`
	Count  int         `json:"count"`
	Leaves []leafFacts `json:"leaves"`
	Avg    *float64    `json:"avg"`
}

type leafFacts struct {
	ID         string   `json:"id"`
	Class      string   `json:"class"`
	Confidence *float64 `json:"confidence"`
}

func factsOf(l Label) facts {
	out := facts{Text: string(l.Text), Count: l.Count, Leaves: []leafFacts{}}
	if l.HasAvg {
		out.Avg = new(l.Avg)
	}
	for _, leaf := range l.Leaves {
		f := leafFacts{Class: string(leaf.Class)}
		if leaf.HasID {
			f.ID = leaf.ID.Hex()
		}
		if leaf.HasConfidence {
			f.Confidence = new(leaf.Confidence)
		}
		out.Leaves = append(out.Leaves, f)
	}
	return out
}

type golden struct {
	Name      string          `json:"name"`
	LabelType string          `json:"label_type"`
	Expected  facts           `json:"expected"`
	Document  json.RawMessage `json:"document"`
}

func (g golden) bson(t *testing.T) bson.D {
	t.Helper()
	var d bson.D
	require.NoError(t, bson.UnmarshalExtJSON(g.Document, true, &d))
	return d
}

func goldens(t *testing.T) []golden {
	t.Helper()
	raw, err := os.ReadFile("testdata/labels.json")
	require.NoError(t, err)
	var all []golden
	require.NoError(t, json.Unmarshal(raw, &all))
	require.Greater(t, len(all), 90)
	return all
}

func TestFormatAgreesWithFiftyOne(t *testing.T) {
	for _, g := range goldens(t) {
		t.Run(g.Name, func(t *testing.T) {
			doc := document(g.bson(t))
			f := NewFormatter(g.LabelType)
			label := f.Format(doc)
			assert.False(t, label.Null)
			assert.Equal(t, g.Expected, factsOf(label))
			assert.Equal(t, g.Expected, factsOf(f.Format(doc)), "the second time")
		})
	}
}

func TestPathsAreEnough(t *testing.T) {
	heavy := []string{"mask", "map", "logits", "bounding_box", "attributes", "tags"}
	for _, g := range goldens(t) {
		t.Run(g.Name, func(t *testing.T) {
			for _, labelType := range []string{g.LabelType, ""} {
				if labelType == "" && strings.HasPrefix(g.Name, "own kind of detections") {
					continue // the schema's word is what makes it a Detections
				}
				paths := Paths(labelType)
				for _, key := range heavy {
					assert.NotContains(t, paths, key)
				}
				kept := document(project(g.bson(t), paths))
				assert.Equal(t, g.Expected, factsOf(NewFormatter(labelType).Format(kept)), "paths of %q", labelType)
			}
		})
	}
}

// project keeps paths of a document as MongoDB's inclusion projection does: of a
// list that a path goes through only documents stay, and of other values nothing.
func project(doc bson.D, paths []string) bson.D {
	below := map[string][]string{}
	for _, p := range paths {
		head, rest, _ := strings.Cut(p, ".")
		below[head] = append(below[head], rest)
	}
	out := bson.D{}
	for _, e := range doc {
		rests, kept := below[e.Key]
		if !kept {
			continue
		}
		if rests[0] == "" {
			out = append(out, e)
			continue
		}
		switch v := e.Value.(type) {
		case bson.D:
			out = append(out, bson.E{Key: e.Key, Value: project(v, rests)})
		case bson.A:
			items := bson.A{}
			for _, item := range v {
				if d, ok := item.(bson.D); ok {
					items = append(items, project(d, rests))
				}
			}
			out = append(out, bson.E{Key: e.Key, Value: items})
		}
	}
	return out
}

func TestOneFormatterForAll(t *testing.T) {
	// Nothing of one label may show in the next one.
	f := NewFormatter("Detections")
	for _, g := range goldens(t) {
		if g.LabelType == "" {
			continue
		}
		f.Format(boxes(40, 40))
		f.kind = kindOf([]byte(g.LabelType))
		assert.Equal(t, g.Expected, factsOf(f.Format(document(g.bson(t)))), g.Name)
	}
}

func TestPathsOfEachClass(t *testing.T) {
	for labelType, want := range map[string][]string{
		"Detections":         {"_cls", "detections._id", "detections.label", "detections.confidence"},
		"TemporalDetections": {"_cls", "detections._id", "detections.label", "detections.confidence"},
		"Classifications":    {"_cls", "classifications._id", "classifications.label", "classifications.confidence"},
		"Polylines":          {"_cls", "polylines._id", "polylines.label", "polylines.confidence"},
		"Keypoints":          {"_cls", "keypoints._id", "keypoints.label", "keypoints.confidence"},
		"Classification":     {"_cls", "_id", "label", "confidence"},
		"Detection":          {"_cls", "_id", "label", "confidence"},
		"Keypoint":           {"_cls", "_id", "label", "confidence"},
		"Polyline":           {"_cls", "_id", "label", "confidence", "points", "points3d"},
		"TemporalDetection":  {"_cls", "_id", "label", "confidence", "support"},
		"Segmentation":       {"_cls", "_id"},
		"Heatmap":            {"_cls", "_id", "range"},
		"Regression":         {"_cls", "_id", "value", "confidence"},
		"GeoLocation":        {"_cls", "_id", "point", "line", "polygon"},
		"GeoLocations":       {"_cls", "_id", "points", "lines", "polygons"},
	} {
		assert.ElementsMatch(t, want, Paths(labelType), labelType)
	}
	first := Paths("Classification")
	first[0] = "changed"
	assert.NotContains(t, Paths("Classification"), "changed", "callers may keep and change what they get")
	assert.Subset(t, Paths("UsersOwn"), []string{"_cls", "_id", "label", "confidence", "value", "detections.label"})
	assert.Len(t, setOf(Paths("UsersOwn")), len(Paths("UsersOwn")))
}

func setOf(paths []string) map[string]bool {
	set := map[string]bool{}
	for _, p := range paths {
		set[p] = true
	}
	return set
}
