package job_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/chart"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/job"
)

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

// A thousand classes of any name, and confidences that are not numbers, are logged: each class has its row, and the run a handful of keys
// and charts that W&B draws whole.
func TestAThousandClassesOfAnyName(t *testing.T) {
	names := []string{"a.b", "person/x", "日本語", `"quoted"`, "<b>&", "🙂", "line\nbreak", " ", "eval/F1"}
	for i := len(names); i < 1000; i++ {
		names = append(names, fmt.Sprintf("class %03d", i))
	}
	d := golden(t)
	at := slices.IndexFunc(d.documents, func(doc any) bool { return slices.Contains(doc.(bson.D), bson.E{Key: "key", Value: "ev"}) })
	d.evaluation("many", slices.Clone(d.documents[at].(bson.D)), resultsOf(t, names))
	d.store()

	res, err := d.log("many").Run(t.Context(), d.callbacks())
	require.NoError(t, err)

	columns, data := d.table("classes.table.json")
	var got []string
	for _, class := range columnOf(t, columns, data, "class") {
		got = append(got, class.(string))
	}
	assert.ElementsMatch(t, names, got)
	columns, data = d.table("confusion.table.json")
	assert.Len(t, columnOf(t, columns, data, "count"), 1000)
	assert.Less(t, len(res.Metrics), 30)
	for _, c := range res.Charts {
		assert.LessOrEqual(t, len(c.Rows), chart.MaxRows, c.Key)
	}
	assert.InDelta(t, 667.0/1000, res.Metrics["eval/F1"], 1e-12)
}

// resultsOf are results with one match for each class, of which every third is wrong. Every fifth has no number as its confidence.
func resultsOf(t *testing.T, names []string) []byte {
	var truth, pred []string
	var confs, ious []any
	var truthIDs, predIDs []string
	for i, name := range names {
		truth, pred = append(truth, name), append(pred, names[(i+i%3/2)%len(names)])
		confs, ious = append(confs, 0.5), append(ious, 0.75)
		if i%5 == 0 {
			confs[i] = map[string]string{"$numberDouble": "NaN"}
		}
		truthIDs, predIDs = append(truthIDs, fmt.Sprintf("%024x", i)), append(predIDs, fmt.Sprintf("%024x", i+len(names)))
	}
	var out bytes.Buffer
	for i, column := range []struct {
		name  string
		value any
	}{
		{"cls", "fiftyone.utils.eval.detection.DetectionResults"}, {"custom_metrics", nil}, {"ytrue", truth}, {"ypred", pred}, {"confs", confs},
		{"weights", nil}, {"ytrue_ids", truthIDs}, {"ypred_ids", predIDs}, {"classes", names}, {"missing", "(none)"}, {"ious", ious},
	} {
		raw, err := json.Marshal(column.value)
		require.NoError(t, err)
		_, _ = fmt.Fprintf(&out, "%s%q:%s", map[bool]string{true: "{", false: ","}[i == 0], column.name, raw)
	}
	return append(out.Bytes(), '}')
}
