package job_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

func TestLogEvaluationOfDetections(t *testing.T) {
	d := golden(t).store()
	res, err := d.log("ev").Run(t.Context(), d.callbacks())
	require.NoError(t, err)
	assert.Empty(t, res.Warnings)
	assert.EqualValues(t, 30, res.Samples)
	assert.EqualValues(t, 30, res.Evaluation.Evaluated)
	assert.EqualValues(t, 0, res.Evaluation.Report.Changed)
	assert.InDelta(t, 0.2653339300060494, res.Metrics["eval/mAP"], 1e-15)
	assert.InDelta(t, 0.5673098020637123, res.Metrics["eval/mAP_50"], 1e-15)
	assert.InDelta(t, 48, res.Metrics["eval/tp"], 0)

	columns, data := d.table("samples.table.json")
	assert.Equal(t, []string{"sample_id", "filepath", "tags", "tp", "fp", "fn", "precision", "recall", "F1", "mean_iou", "max_confidence", "mean_confidence", "missed", "wrong"}, columns)
	require.Len(t, data, 30)
	sum := 0.0
	for _, v := range columnOf(t, columns, data, "tp") {
		if v != nil {
			sum += v.(float64)
		}
	}
	assert.InDelta(t, 48, sum, 0)
	assert.Equal(t, []any{2.0, 2.0, 1.0}, []any{data[5][3], data[5][4], data[5][5]})
	assert.Equal(t, "dog", data[5][12])
	assert.Equal(t, "cat, dog", data[5][13])
	assert.Equal(t, []any{0.0, 0.0, 0.0, nil}, data[22][3:7], "without labels there is no precision")

	columns, data = d.table("classes.table.json")
	assert.Equal(t, []any{"car", "cat", "dog", "person"}, columnOf(t, columns, data, "class"))
	assert.Equal(t, []any{0.9091691777873441, nil, 0.0, 0.7927602284037927}, columnOf(t, columns, data, "AP_50"))
	_, data = d.table("confusion.table.json")
	assert.Len(t, data, 9)
	_, data = d.table("curves.table.json")
	assert.Len(t, data, 3*101)
	assert.Equal(t, 12*25, len(d.file("fiftyone/fp_label_ids.txt")))
	assert.Equal(t, 15*25, len(d.file("fiftyone/fn_label_ids.txt")))
	assert.Contains(t, d.file("fiftyone/metadata.json"), `"mAP":0.2653339300060494`)
	assert.NotContains(t, d.file("fiftyone/metadata.json"), "2026")
	assert.Empty(t, spoolLeft(t))

	again, err := d.log("ev").Run(t.Context(), d.callbacks())
	require.NoError(t, err)
	assert.False(t, again.NewVersion, "the same evaluation has the same bytes")
}

// Every evaluation of the golden file is logged from start to finish, and none has changed since.
func TestLogEveryEvaluation(t *testing.T) {
	d := golden(t).store()
	for _, e := range d.runs {
		if e.Key == "ev_err" {
			continue
		}
		t.Run(e.Key, func(t *testing.T) {
			j := d.log(e.Key)
			j.Target.ArtifactName = "a_" + e.Key
			res, err := j.Run(t.Context(), d.callbacks())
			require.NoError(t, err)
			assert.LessOrEqual(t, res.Evaluation.Report.Changed, int64(0))
			assert.NotContains(t, warningCodes(res), "labels_changed")
			assert.NotEmpty(t, res.Metrics)
		})
	}
}

// The numbers of a view are those of the evaluation restricted to it.
func TestLogEvaluationOfAView(t *testing.T) {
	d := golden(t).store()
	j := match(d.log("ev"), `{"split": "night"}`)
	j.Subsets = []job.EvaluationSubset{{Name: "good", Query: match(d.log("ev"), `{"quality": {"$gt": 0.5}}`).View.Query}}
	res, err := j.Run(t.Context(), d.callbacks())
	require.NoError(t, err)
	assert.Empty(t, res.Warnings)
	assert.EqualValues(t, 24, res.Evaluation.Report.Matches)
	assert.InDelta(t, 0.7692307692307693, res.Metrics["eval/F1"], 1e-15)
	assert.NotContains(t, res.Metrics, "eval/mAP")
	assert.Contains(t, res.Metrics, "eval/mAP_50")
	assert.Contains(t, res.Metrics, "eval/good/F1")
	_, data := d.table("samples.table.json")
	assert.Len(t, data, 10)
}

// All kinds of labels are logged, those of frames too, and their labels tell what the results have.
func TestLogEvaluationOfEveryLayout(t *testing.T) {
	for name, want := range map[string]map[string]map[string]any{ // the first row of each evaluation
		"instance masks":             {"ev": {"tp": 1.0, "F1": 1.0}},
		"polylines":                  {"ev": {"tp": 1.0, "mean_confidence": 0.8}},
		"keypoints":                  {"ev": {"tp": 1.0, "mean_confidence": 0.7000000000000001}},
		"3D":                         {"ev": {"tp": 1.0}},
		"label None, confidence NaN": {"ev": {"tp": 2.0, "fp": 1.0, "wrong": "cat"}},
		"max_preds of open-images":   {"ev": {"fp": 2.0, "wrong": "cat (2)"}},
		"custom metrics":             {"ev": {"tp": 1.0, "mean_size": 2.0}},
		"renamed":                    {"renamed": {"tp": 1.0}},
		"RGB segmentation":           {"sg": {"accuracy": 0.5}},
		"video": {
			"te": {"tp": 1.0, "fp": 1.0, "fn": 1.0, "missed": "jump", "wrong": "run"},
			"fd": {"tp": 1.0, "fp": 1.0, "fn": 1.0, "wrong": "bus for car"},
			"fc": {"accuracy": 0.5, "frames": 2.0, "wrong": "night"},
			"fr": {"error": 0.25},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := layout(t, name)
			for key, cells := range want {
				j := d.log(key)
				j.Frames = &view.Query{URI: mongo.URI, Database: d.database, Collection: "frames"}
				res, err := j.Run(t.Context(), d.callbacks())
				require.NoError(t, err, key)
				assert.LessOrEqual(t, res.Evaluation.Report.Changed, int64(0), key)
				assert.Equal(t, int64(len(d.samples)), res.Evaluation.Evaluated, key)
				columns, data := d.table("samples.table.json")
				for column, cell := range cells {
					assert.Equal(t, cell, columnOf(t, columns, data, column)[0], "%s %s", key, column)
				}
			}
		})
	}
}

// The picture has a layer for the ground truth and one for each model, whose captions tell what is right.
func TestEvaluationsAreDrawn(t *testing.T) {
	d := golden(t)
	path := d.picture(0, 64)
	for _, s := range d.samples {
		for i := range s {
			if s[i].Key == "filepath" {
				s[i].Value = path
			}
		}
	}
	d.store()
	j := match(compare(d.log("ev"), "ev_b"), `{"filepath": {"$exists": true}}`)
	j.CompareWith = ""
	j.Pictures = &picture.Config{Mode: picture.Thumbnail, Size: 64, Overlays: &picture.Overlays{}}
	_, err := j.Run(t.Context(), d.callbacks())
	require.NoError(t, err)
	columns, data := d.table("samples.table.json")
	assert.Equal(t, map[string][]string{
		"ground_truth": {"person TP", "car TP", "dog FN"},
		"predictions":  {"person (0.85) TP", "car (0.60) TP", "cat (0.40) FP", "dog (0.61) FP"},
	}, captions(t, columnOf(t, columns, data, "image")[5]))

	j.EvalKey, j.CompareWith = "ev_b", "ev_cw0"
	_, err = j.Run(t.Context(), d.callbacks())
	require.NoError(t, err)
	columns, data = d.table("samples.table.json")
	row := slices.Index(columnOf(t, columns, data, "sample_id"), any("100000000000000005000000"))
	assert.Equal(t, map[string][]string{
		"ground_truth": {"person TP/TP", "car TP/FN", "dog TP/FN"},
		"predictions":  {"person (0.85) TP", "car (0.60) FP", "cat (0.40) FP", "dog (0.61) FP"},
		"model_b":      {"person (0.65) TP", "car (0.75) TP", "dog (0.55) TP"},
	}, captions(t, columnOf(t, columns, data, "image")[row]))
}

// captions are those of a picture's boxes, by their layers.
func captions(t *testing.T, cell any) map[string][]string {
	raw, err := json.Marshal(cell)
	require.NoError(t, err)
	var image struct {
		Boxes map[string][]struct {
			Caption string `json:"box_caption"`
		} `json:"boxes"`
	}
	require.NoError(t, json.Unmarshal(raw, &image))
	out := map[string][]string{}
	for key, layer := range image.Boxes {
		for _, box := range layer {
			out[key] = append(out[key], box.Caption)
		}
	}
	return out
}

func TestDryRunOfAnEvaluation(t *testing.T) {
	d := golden(t).store()
	j := d.log("ev")
	j.Target.DryRun = true
	res, err := j.Run(t.Context(), d.callbacks())
	require.NoError(t, err)
	assert.True(t, res.DryRun)
	assert.EqualValues(t, 30, res.Samples)
	assert.EqualValues(t, 75, res.Evaluation.Report.Matches)
	assert.Empty(t, d.server.State().Artifacts)
	assert.Empty(t, d.server.State().Runs)
}

// A cancel while the results are read ends the job without a version.
func TestCancelledEvaluation(t *testing.T) {
	d := golden(t).store()
	ctx, cancel := context.WithCancel(t.Context())
	events := d.callbacks()
	progress := events.Progress
	events.Progress = func(p collect.Progress) {
		progress(p)
		if p.RowsDone > 0 {
			cancel()
		}
	}
	_, err := d.log("ev").Run(ctx, events)
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, d.server.State().Artifacts)
	assert.Empty(t, spoolLeft(t))
}

// The classes of masks have the dataset's names, as in FiftyOne's panel.
func TestMasksAreNamed(t *testing.T) {
	d := golden(t).store()
	j := d.log("sg")
	j.Dataset.MaskTargetsJSON = `{"seg_gt":{"1":"road","2":"sky"}}`
	_, err := j.Run(t.Context(), d.callbacks())
	require.NoError(t, err)
	columns, data := d.table("classes.table.json")
	assert.Equal(t, []any{"road", "sky", "3"}, columnOf(t, columns, data, "class"))
}

// The numbers that a form shows are those that are logged.
func TestReadEvaluation(t *testing.T) {
	d := golden(t).store()
	for _, j := range []job.LogEvaluation{d.log("ev"), d.log("cl_b"), d.log("sg"), d.log("rg"), match(d.log("ev"), `{"split": "night"}`)} {
		read, _, err := job.ReadEvaluation{View: j.View, Dataset: j.Dataset, EvalKey: j.EvalKey}.Run(t.Context(), d.callbacks(), noIDs)
		require.NoError(t, err)
		logged, err := j.Run(t.Context(), d.callbacks())
		require.NoError(t, err)
		assert.Equal(t, logged.Evaluation.Report, read.Report, j.EvalKey)
		assert.Equal(t, logged.Charts, read.Charts, j.EvalKey)
	}
	requests := len(d.server.State().Artifacts)
	_, _, err := job.ReadEvaluation{View: d.log("nope").View, Dataset: d.log("nope").Dataset, EvalKey: "nope"}.Run(t.Context(), d.callbacks(), noIDs)
	assert.Equal(t, "unknown_key", fault.Code(err))
	assert.Len(t, d.server.State().Artifacts, requests)
}
