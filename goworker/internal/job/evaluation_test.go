package job_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// storedDataset is a dataset with evaluations as FiftyOne stored it, in a database of its own.
type storedDataset struct {
	*world
	database  string
	id        bson.ObjectID
	samples   []bson.D
	frames    []bson.D
	fields    []bson.D
	frameDefs []bson.D
	runs      bson.D // keys and ids
	documents []any
	files     []any
	chunks    []any
}

// extended reads Extended JSON, canonical or relaxed, with the golden file's placeholders in it.
func extended(t *testing.T, text []byte) (doc bson.D) {
	clean := strings.NewReplacer(`"<ObjectId>"`, `{"$oid":"`+bson.NewObjectID().Hex()+`"}`, `"<datetime>"`, `{"$date":"2026-11-28T12:00:00Z"}`).Replace(string(text))
	require.NoError(t, bson.UnmarshalExtJSON([]byte(clean), false, &doc))
	return doc
}

func goldenFile(t *testing.T, to any) {
	f, err := os.Open("../evaluation/testdata/golden.json.gz")
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(z).Decode(to))
}

// golden is the dataset of the golden file.
func golden(t *testing.T) *storedDataset {
	var g struct {
		Datasets map[string]struct {
			Samples []json.RawMessage `json:"samples"`
			Runs    map[string]struct {
				Document json.RawMessage `json:"document"`
				Results  *struct {
					Text string `json:"text"`
				} `json:"results"`
			} `json:"runs"`
		} `json:"datasets"`
	}
	goldenFile(t, &g)
	d := newStored(t)
	for _, raw := range g.Datasets["eval_golden"].Samples {
		d.samples = append(d.samples, extended(t, raw))
	}
	for key, run := range g.Datasets["eval_golden"].Runs {
		var text []byte
		if run.Results != nil {
			text = []byte(run.Results.Text)
		}
		d.evaluation(key, extended(t, run.Document), text)
	}
	for field, class := range map[string]string{
		"ground_truth": "Detections", "predictions": "Detections", "predictions_none": "Detections", "model_b": "Detections",
		"cls_gt": "Classification", "cls_pred": "Classification", "cls_logits": "Classification", "bin_gt": "Classification", "bin_pred": "Classification",
		"reg_gt": "Regression", "reg_pred": "Regression", "seg_gt": "Segmentation", "seg_pred": "Segmentation",
	} {
		d.fields = append(d.fields, labelField(field, class))
	}
	return d
}

func labelField(name, class string) bson.D {
	return bson.D{{Key: "name", Value: name}, {Key: "db_field", Value: name}, {Key: "ftype", Value: "fiftyone.core.fields.EmbeddedDocumentField"},
		{Key: "embedded_doc_type", Value: "fiftyone.core.labels." + class}}
}

func newStored(t *testing.T) *storedDataset {
	return &storedDataset{world: newWorld(t), database: "eval_" + bson.NewObjectID().Hex(), id: bson.NewObjectID()}
}

// evaluation adds one. Its results are stored in chunks of GridFS.
func (d *storedDataset) evaluation(key string, run bson.D, text []byte) {
	id, results := bson.NewObjectID(), bson.NewObjectID()
	run = slices.DeleteFunc(run, func(e bson.E) bool { return e.Key == "_id" || e.Key == "results" || e.Key == "key" })
	run = append(run, bson.E{Key: "_id", Value: id}, bson.E{Key: "key", Value: key})
	if text != nil {
		run = append(run, bson.E{Key: "results", Value: results})
		const size = 1000 // FiftyOne's are 261,120
		d.files = append(d.files, bson.D{{Key: "_id", Value: results}, {Key: "chunkSize", Value: size}, {Key: "length", Value: int64(len(text))}})
		for n := 0; n*size < len(text); n++ {
			d.chunks = append(d.chunks, bson.D{{Key: "_id", Value: bson.NewObjectID()}, {Key: "files_id", Value: results}, {Key: "n", Value: n},
				{Key: "data", Value: bson.Binary{Data: text[n*size : min((n+1)*size, len(text))]}}})
		}
	}
	d.runs = append(d.runs, bson.E{Key: key, Value: id})
	d.documents = append(d.documents, run)
}

// store writes all of it to MongoDB.
func (d *storedDataset) store() *storedDataset {
	dataset := bson.D{{Key: "_id", Value: d.id}, {Key: "name", Value: "d"}, {Key: "sample_fields", Value: d.fields}, {Key: "frame_fields", Value: d.frameDefs}, {Key: "evaluations", Value: d.runs}}
	for name, docs := range map[string][]any{
		"datasets": {dataset}, "runs": d.documents, "fs.files": d.files, "fs.chunks": d.chunks, "samples": anys(d.samples), "frames": anys(d.frames),
	} {
		require.NoError(d.t, mongo.InsertInto(d.t.Context(), d.database, name, docs))
	}
	return d
}

func anys(docs []bson.D) (out []any) {
	for _, doc := range docs {
		out = append(out, doc)
	}
	return out
}

func (d *storedDataset) log(key string) job.LogEvaluation {
	query := view.Query{URI: mongo.URI, Database: d.database, Collection: "samples"}
	return job.LogEvaluation{Target: d.target(), View: job.View{Query: query}, EvalKey: key,
		Dataset: job.Dataset{Name: "d", ID: d.id.Hex(), MediaType: "image", Collection: "samples"}}
}

// match restricts a job to the samples that meet a condition.
func match(j job.LogEvaluation, condition string) job.LogEvaluation {
	j.View.Query.Pipeline = []bson.Raw{stage(`{"$match": ` + condition + `}`)}
	j.View.IsSubset, j.View.SerializationJSON = true, `[{"_cls":"fiftyone.core.stages.Mongo","kwargs":[]}]`
	return j
}

// column gives a column of a table that was read back.
func columnOf(t *testing.T, columns []string, data [][]any, name string) (out []any) {
	i := slices.Index(columns, name)
	require.GreaterOrEqual(t, i, 0, "%s in %v", name, columns)
	for _, row := range data {
		out = append(out, row[i])
	}
	return out
}

func warningCodes(res *job.Result) (codes []string) {
	for _, w := range res.Warnings {
		codes = append(codes, w.Code)
	}
	return codes
}

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

func TestRefusalsBeforeReading(t *testing.T) {
	d := golden(t)
	d.fields = slices.DeleteFunc(d.fields, func(f bson.D) bool { return f[0].Value == "reg_gt" })
	d.store()
	for name, one := range map[string]struct {
		job   job.LogEvaluation
		code  string
		words []string
	}{
		"unknown key":       {d.log("nope"), "unknown_key", []string{`"nope"`, "cl_b", "ev_oi"}},
		"failed evaluation": {d.log("ev_err"), "unfinished_evaluation", []string{`"ev_err"`}},
		"field gone":        {d.log("rg"), "field_gone", []string{`"reg_gt"`}},
		"nothing evaluated": {match(d.log("ev"), `{"filepath": "none"}`), "not_evaluated", []string{`"ev"`}},
		"other type":        {compare(d.log("ev"), "cl"), "not_comparable", []string{"types differ", "detection and classification"}},
		"other IoU":         {compare(d.log("ev"), "ev_cls"), "not_comparable", []string{"IoUs differ: 0.5 and 0.75"}},
		"other method":      {compare(d.log("ev"), "ev_oi"), "not_comparable", []string{"methods differ: coco and open-images"}},
		"itself":            {compare(d.log("ev"), "ev"), "not_comparable", []string{"itself"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := one.job.Run(t.Context(), d.callbacks())
			assert.Equal(t, one.code, fault.Code(err), "%v", err)
			for _, word := range one.words {
				assert.ErrorContains(t, err, word)
			}
		})
	}
	assert.Empty(t, d.server.State().Artifacts)
	assert.Empty(t, d.server.State().Runs)
}

func compare(j job.LogEvaluation, key string) job.LogEvaluation {
	j.CompareWith = key
	return j
}

// A results file that lacks a chunk, or is cut, is damaged.
func TestDamagedResults(t *testing.T) {
	for name, damage := range map[string]func(*storedDataset){
		"a chunk is gone": func(d *storedDataset) { d.chunks = slices.Delete(d.chunks, 1, 2) },
		"no chunks":       func(d *storedDataset) { d.chunks = nil },
		"no file":         func(d *storedDataset) { d.files = nil },
		"a byte is another": func(d *storedDataset) {
			d.chunks[1].(bson.D)[3].Value.(bson.Binary).Data[0] = '}'
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := golden(t)
			var only bson.D
			for _, e := range d.runs {
				if e.Key == "ev" {
					only = bson.D{e}
				}
			}
			d.runs = only
			var id any
			for _, doc := range d.documents {
				if run := doc.(bson.D); run[len(run)-2].Value == "ev" {
					id = run[len(run)-1].Value
				}
			}
			d.chunks = slices.DeleteFunc(d.chunks, func(c any) bool { return c.(bson.D)[1].Value != id })
			damage(d)
			d.store()
			_, err := d.log("ev").Run(t.Context(), d.callbacks())
			assert.Equal(t, "damaged_results", fault.Code(err), "%v", err)
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

func TestWorstSamplesAreChosen(t *testing.T) {
	d := golden(t).store()
	j := d.log("ev")
	j.View.Selection = &job.Selection{Max: 3, ByErrors: true}
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

// layout is one of the golden file's small datasets, with its evaluations.
func layout(t *testing.T, name string) *storedDataset {
	var g struct {
		Layouts map[string]json.RawMessage `json:"layouts"`
	}
	goldenFile(t, &g)
	var l struct {
		Samples, Frames []json.RawMessage
		Runs            map[string]struct {
			Config     json.RawMessage `json:"config"`
			ViewStages []string        `json:"view_stages"`
			Results    string          `json:"results"`
		}
	}
	require.NoError(t, json.Unmarshal(g.Layouts[name], &l))
	d := newStored(t)
	for _, raw := range l.Samples {
		d.samples = append(d.samples, extended(t, raw))
	}
	for _, raw := range l.Frames {
		d.frames = append(d.frames, extended(t, raw))
	}
	for key, run := range l.Runs {
		var values map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(run.Results), &values))
		if strings.HasPrefix(string(values["precision"]), `"`) { // the golden file has the size of large lists only
			for _, k := range []string{"precision", "classwise_AP", "recall", "thresholds"} {
				delete(values, k)
			}
		}
		text, err := json.Marshal(values)
		require.NoError(t, err)
		d.evaluation(key, bson.D{{Key: "config", Value: extended(t, run.Config)}}, text)
	}
	d.fields = schemaOf(d.samples)
	d.frameDefs = schemaOf(d.frames)
	return d.store()
}

// schemaOf are the fields of documents, as far as they are labels or numbers.
func schemaOf(docs []bson.D) (fields []bson.D) {
	seen := map[string]bool{}
	for _, doc := range docs {
		for _, e := range doc {
			value, ok := e.Value.(bson.D)
			if seen[e.Key] || !ok {
				if _, isNumber := e.Value.(float64); isNumber && !seen[e.Key] {
					seen[e.Key] = true
					fields = append(fields, bson.D{{Key: "name", Value: e.Key}, {Key: "db_field", Value: e.Key}, {Key: "ftype", Value: "fiftyone.core.fields.FloatField"}})
				}
				continue
			}
			seen[e.Key] = true
			for _, one := range value {
				if one.Key == "_cls" {
					fields = append(fields, labelField(e.Key, one.Value.(string)))
				}
			}
		}
	}
	return fields
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
	events.Progress = func(p job.Progress) {
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
