package job_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// row is a document of a generated collection, whose source is the first sample.
func row(n int, more ...bson.E) bson.D {
	return append(bson.D{{Key: "_id", Value: objectID(n, 1)}, {Key: "_sample_id", Value: objectID(0, 99)}, {Key: "filepath", Value: "/data/a.mp4"},
		{Key: "tags", Value: bson.A{"val"}}}, more...)
}

// plainRows is a job that lists the rows, without labels.
func (w *world) plainRows(kind view.RowKind, docs ...any) job.LogView {
	require.NoError(w.t, mongo.Insert(w.t.Context(), w.name, docs))
	j := w.logView()
	j.IncludeLabels, j.Labels, j.View.Rows = false, nil, kind
	return j
}

// references are the rows of sample_references.json.
func (w *world) references() (rows []map[string]any) {
	require.NoError(w.t, json.Unmarshal([]byte(w.file("sample_references.json")), &rows))
	return rows
}

// TestRowsOfEachKind holds that rows of one sample can be told apart, in the list of references and in the table.
func TestRowsOfEachKind(t *testing.T) {
	source := objectID(0, 99).Hex()
	for name, c := range map[string]struct {
		kind    view.RowKind
		doc     bson.D
		want    map[string]any
		columns []string
		cells   []any
	}{
		"samples": {view.RowSample, row(1), map[string]any{}, nil, nil},
		"patches": {view.RowPatch, row(1), map[string]any{"patch_id": objectID(1, 1).Hex()}, []string{"patch_id"}, []any{objectID(1, 1).Hex()}},
		"clips": {view.RowClip, row(1, bson.E{Key: "support", Value: bson.A{3, int64(30)}}), map[string]any{"support": "[3, 30]"},
			[]string{"support"}, []any{"[3, 30]"}},
		"clips without an end": {view.RowClip, row(1, bson.E{Key: "support", Value: bson.A{3}}), map[string]any{}, []string{"support"}, []any{nil}},
		"clips of no frames":   {view.RowClip, row(1, bson.E{Key: "support", Value: "all"}), map[string]any{}, []string{"support"}, []any{nil}},
		"frames": {view.RowFrame, row(1, bson.E{Key: "frame_number", Value: 7}), map[string]any{"frame_id": objectID(1, 1).Hex(), "frame_number": 7.0},
			[]string{"frame_id", "frame_number"}, []any{objectID(1, 1).Hex(), 7.0}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			j := w.plainRows(c.kind, c.doc)
			res, err := j.Run(t.Context(), w.callbacks())
			require.NoError(t, err)
			assert.EqualValues(t, 1, res.Samples)
			id := source
			if c.kind == view.RowSample {
				id = objectID(1, 1).Hex()
			}
			want := map[string]any{"id": id, "filepath": "/data/a.mp4", "tags": []any{"val"}}
			for key, value := range c.want {
				want[key] = value
			}
			assert.Equal(t, []map[string]any{want}, w.references())

			j.IncludeLabels = true
			_, err = j.Run(t.Context(), w.callbacks())
			require.NoError(t, err)
			columns, data := w.table("samples.table.json")
			require.Len(t, data, 1)
			for i, column := range c.columns {
				assert.Equal(t, c.cells[i], columnOf(t, columns, data, column)[0], column)
			}
			assert.Len(t, columns, 3+len(c.columns))
		})
	}
}

// TestClipsAreChosenByTheirFrames: their ids are new each time that FiftyOne makes them, and the choice is the same.
func TestClipsAreChosenByTheirFrames(t *testing.T) {
	w := newWorld(t)
	var chosen []string
	for made := range 2 {
		var docs []any
		for i := range 20 {
			docs = append(docs, row(1000*made+i, bson.E{Key: "support", Value: bson.A{10 * i, 10*i + 9}}))
		}
		j := w.plainRows(view.RowClip, docs...)
		j.View.Selection = &collect.Selection{Max: 5}
		_, err := j.Run(t.Context(), w.callbacks())
		require.NoError(t, err)
		var supports string
		for _, one := range w.references() {
			supports += one["support"].(string)
		}
		chosen = append(chosen, supports)
	}
	assert.NotEmpty(t, chosen[0])
	assert.Equal(t, chosen[0], chosen[1])
}

// TestMetadataOfSamples is written as JSON, whatever is in it; what JSON cannot carry is null.
func TestMetadataOfSamples(t *testing.T) {
	w := newWorld(t)
	id := objectID(5, 5)
	j := w.plainRows(view.RowSample, row(1, bson.E{Key: "metadata", Value: bson.D{
		{Key: "_cls", Value: "Mine"}, {Key: "text", Value: `a "b"`}, {Key: "whole", Value: int64(1) << 40}, {Key: "part", Value: 0.5},
		{Key: "none", Value: nil}, {Key: "nan", Value: math.NaN()}, {Key: "yes", Value: true}, {Key: "id", Value: id},
		{Key: "at", Value: time.Date(2026, 1, 31, 12, 0, 0, 5e6, time.UTC)}, {Key: "bytes", Value: bson.Binary{Data: []byte{1}}},
		{Key: "list", Value: bson.A{1, "x", nil, bson.A{math.Inf(1)}}}, {Key: "camera", Value: bson.D{{Key: "_cls", Value: "Camera"}, {Key: "f", Value: 2.8}}},
	}}), row(2, bson.E{Key: "metadata", Value: "odd"}, bson.E{Key: "tags2", Value: 1}))
	_, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	rows := w.references()
	require.Len(t, rows, 2)
	assert.Equal(t, map[string]any{"text": `a "b"`, "whole": float64(1 << 40), "part": 0.5, "none": nil, "nan": nil, "yes": true, "id": id.Hex(),
		"at": "2026-01-31T12:00:00.005Z", "bytes": nil, "list": []any{1.0, "x", nil, []any{nil}}, "camera": map[string]any{"f": 2.8}}, rows[0]["metadata"])
	assert.NotContains(t, rows[1], "metadata")
}

// TestVectorsThatCannotBeUsed cost their samples only, which are told.
func TestVectorsThatCannotBeUsed(t *testing.T) {
	w := newWorld(t)
	vector := func(v any) bson.E { return bson.E{Key: "v", Value: v} }
	j := w.plainRows(view.RowSample, row(1, vector(bson.A{1.0, 2.0})), row(2, vector("no vector")), row(3, vector(bson.A{1.0})), row(4), row(5, vector(bson.A{3.0, 4.0})))
	j.Embeddings = []view.Field{{Path: "v", DBPath: "v", FieldType: "VectorField"}}
	res, err := j.Run(t.Context(), w.callbacks())
	require.NoError(t, err)
	got := map[string][]string{}
	for _, one := range res.Warnings {
		got[one.Code] = one.SampleIDs
	}
	assert.Equal(t, map[string][]string{"bad_vector v": {objectID(2, 1).Hex()}, "other_length v": {objectID(3, 1).Hex()}}, got)
	assert.NotEmpty(t, w.file("embeddings/v.npz"))
}
