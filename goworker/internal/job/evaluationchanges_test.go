package job_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
)

// Labels that were edited and samples that were deleted since are counted; the numbers stay the evaluation's.
func TestChangedSince(t *testing.T) {
	d := golden(t)
	d.samples = d.samples[5:]
	d.store()
	res, err := d.log("ev").Run(t.Context(), d.callbacks())
	require.NoError(t, err)
	assert.EqualValues(t, 15, res.Evaluation.Report.Changed)
	assert.InDelta(t, 48, res.Metrics["eval/tp"], 0)
	require.Equal(t, []string{"labels_changed"}, warningCodes(res))
	assert.Contains(t, res.Warnings[0].Message, "15 matches are no longer those")
}

// Masks that were replaced since, and those of samples that are gone, are counted.
func TestMasksThatWereReplaced(t *testing.T) {
	for name, want := range map[string]struct {
		change  func(d *storedDataset)
		changed int64
	}{
		"nothing":           {func(*storedDataset) {}, 0},
		"deleted samples":   {func(d *storedDataset) { d.samples = d.samples[2:] }, 2},
		"another mask":      {func(d *storedDataset) { replaceID(d.samples[3], "seg_pred") }, 1},
		"both masks of one": {func(d *storedDataset) { replaceID(d.samples[4], "seg_gt"); replaceID(d.samples[4], "seg_pred") }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			d := golden(t)
			want.change(d)
			d.store()
			for _, key := range []string{"sg", "sg_t"} {
				res, err := d.log(key).Run(t.Context(), d.callbacks())
				require.NoError(t, err)
				assert.Equal(t, want.changed, res.Evaluation.Report.Changed, key)
			}
		})
	}
}

// replaceID gives a sample's label another id, as a model that was run again does.
func replaceID(sample bson.D, field string) {
	for _, f := range sample {
		if doc, ok := f.Value.(bson.D); ok && f.Key == field {
			for i := range doc {
				if doc[i].Key == "_id" {
					doc[i].Value = bson.NewObjectID()
				}
			}
		}
	}
}

func TestWorstSamplesAreChosen(t *testing.T) {
	d := golden(t).store()
	j := d.log("ev")
	j.View.Selection = &collect.Selection{Max: 3, ByErrors: true}
	res, err := j.Run(t.Context(), d.callbacks())
	require.NoError(t, err)
	assert.EqualValues(t, 3, res.Samples)
	assert.InDelta(t, 48, res.Metrics["eval/tp"], 0) // of all samples
	columns, data := d.table("samples.table.json")
	for _, f1 := range columnOf(t, columns, data, "F1") {
		assert.InDelta(t, 0, f1, 0)
	}
	assert.Equal(t, 12*25, len(d.file("fiftyone/fp_label_ids.txt")), "the lists are those of all samples")
	assert.Contains(t, d.file("fiftyone/metadata.json"), `"select_by":"worst"`)
}

func TestCompareTwoModels(t *testing.T) {
	d := golden(t).store()
	j := compare(d.log("ev_b"), "ev_cw0")
	res, err := j.Run(t.Context(), d.callbacks())
	require.NoError(t, err)
	require.NotNil(t, res.Evaluation.Other)
	columns, data := d.table("samples.table.json")
	for _, name := range []string{"a_tp", "b_tp", "a_F1", "b_F1", "delta_F1", "better"} {
		assert.Contains(t, columns, name)
	}
	a, b, delta, better := columnOf(t, columns, data, "a_F1"), columnOf(t, columns, data, "b_F1"), columnOf(t, columns, data, "delta_F1"), columnOf(t, columns, data, "better")
	last := -2.0
	for i := range data {
		if delta[i] == nil {
			continue
		}
		if a[i] != nil && b[i] != nil {
			assert.InDelta(t, a[i].(float64)-b[i].(float64), delta[i], 1e-12)
		}
		assert.GreaterOrEqual(t, delta[i].(float64), last-1e-3, "rows are sorted by where it got worse")
		last = delta[i].(float64)
		assert.Equal(t, map[bool]string{true: "ev_b"}[last > 0]+map[bool]string{true: "ev_cw0"}[last < 0]+map[bool]string{true: "same"}[last == 0], better[i])
	}
	columns, _ = d.table("classes.table.json")
	assert.Contains(t, columns, "delta_F1")
}

// Masks that were painted over in their files are told apart from labels that were changed: whether their pixels are others is not known.
func TestMaskFilesThatWereWrittenSince(t *testing.T) {
	d := golden(t)
	evaluated := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for i, sample := range d.samples {
		for _, field := range []string{"seg_gt", "seg_pred"} {
			path := filepath.Join(d.dir, fmt.Sprintf("%s-%d.png", field, i))
			require.NoError(t, os.WriteFile(path, nil, 0o600))
			at := evaluated.Add(-time.Hour)
			if field == "seg_pred" && i < 3 || field == "seg_gt" && i == 2 {
				at = evaluated.Add(time.Hour)
			}
			require.NoError(t, os.Chtimes(path, at, at))
			for j := range sample {
				if doc, ok := sample[j].Value.(bson.D); ok && sample[j].Key == field {
					sample[j].Value = append(doc, bson.E{Key: "mask_path", Value: path})
				}
			}
		}
	}
	d.store()
	res, err := d.log("sg").Run(t.Context(), d.callbacks())
	require.NoError(t, err)
	assert.EqualValues(t, 4, res.Evaluation.Report.MasksWritten)
	assert.Zero(t, res.Evaluation.Report.Changed)
	require.Equal(t, []string{"masks_written"}, warningCodes(res))
	assert.Contains(t, res.Warnings[0].Message, "4 masks have files")
	assert.Contains(t, string(d.server.State().Artifacts[0].Metadata), `"masks_written_since":4`)

	for i := range 3 {
		for _, field := range []string{"seg_gt", "seg_pred"} {
			require.NoError(t, os.Chtimes(filepath.Join(d.dir, fmt.Sprintf("%s-%d.png", field, i)), evaluated, evaluated))
		}
	}
	again, err := d.log("sg").Run(t.Context(), d.callbacks())
	require.NoError(t, err)
	assert.Empty(t, again.Warnings)
	assert.False(t, again.NewVersion, "times of files are not the evaluation's content")
}
