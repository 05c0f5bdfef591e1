package evaluation_test

import (
	"context"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation/evaluationtest"
)

// configOf reads a run document of the golden file.
func configOf(t testing.TB, text []byte) evaluation.Config {
	t.Helper()
	raw, err := bson.Marshal(evaluationtest.Document(t, text))
	if err != nil {
		t.Fatal(err)
	}
	c, err := evaluation.ParseConfig(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// report opens a file and makes its report.
func report(text evaluation.Text, c evaluation.Config, o evaluation.Options) (*evaluation.Report, error) {
	file, err := evaluation.Open(context.Background(), text, c)
	if err != nil {
		return nil, err
	}
	return file.Report(context.Background(), o)
}

// same compares numbers to the last digits: sums in another order may differ there.
func same(t *testing.T, what string, got float64, want any) {
	t.Helper()
	w, ok := want.(float64)
	if !ok || math.Abs(got-w) > 1e-15*max(1, math.Abs(w)) {
		t.Errorf("%s: %v, FiftyOne says %v", what, got, want)
	}
}

// sameOrNone compares a number that may be absent, which FiftyOne gives as -1.
func sameOrNone(t *testing.T, what string, got *float64, want any) {
	t.Helper()
	if w, ok := want.(float64); !ok || w == -1 {
		if got != nil {
			t.Errorf("%s: %v, but there is none", what, *got)
		}
		return
	}
	if got == nil {
		t.Errorf("%s: none, FiftyOne says %v", what, want)
		return
	}
	same(t, what, *got, want)
}

func object(v any) map[string]any { m, _ := v.(map[string]any); return m }

func list(v any) []any { l, _ := v.([]any); return l }

func metric(r *evaluation.Report, name string) *float64 {
	if v, ok := r.Metric(name); ok {
		return &v
	}
	return nil
}

// Every number that FiftyOne's API and its panel give for the evaluations of the golden file.
func TestGolden(t *testing.T) {
	g := evaluationtest.Load(t)
	data := g.Datasets["eval_golden"]
	seen := 0
	for key, run := range data.Runs {
		c := configOf(t, run.Document)
		if run.Results == nil {
			if err := c.Check(); key != "ev_err" && err == nil {
				t.Errorf("%s has no results", key)
			}
			continue
		}
		t.Run(key, func(t *testing.T) {
			seen++
			r, err := report(evaluation.Bytes(run.Results.Text), c, evaluation.Options{})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, r, g.Evaluations[key])
		})
	}
	if seen != 15 {
		t.Errorf("%d evaluations with results instead of 15", seen)
	}
}

// compare compares a report with what the golden file has of it.
func compare(t *testing.T, r *evaluation.Report, want map[string]any) {
	t.Helper()
	if r.Config.Type == evaluation.Regression {
		for name, v := range object(want["metrics"]) {
			got := metric(r, name)
			if got == nil {
				t.Errorf("no %s", name)
				continue
			}
			same(t, name, *got, v)
		}
		return
	}
	compareReport(t, r, object(want["report"]))
	compareMetrics(t, r, object(want["metrics"]))
	compareConfusion(t, r, object(want["confusion"]))
	compareAP(t, r, want)
	if p := object(want["panel"]); p != nil {
		comparePanel(t, r, p)
	}
	if v, ok := want["dice_score"]; ok {
		same(t, "dice", *metric(r, evaluation.MetricDice), v)
	}
	if roc := object(want["roc"]); roc != nil {
		same(t, "AP", *metric(r, evaluation.MetricAP), want["average_precision"])
		same(t, "AUC", *metric(r, evaluation.MetricAUC), roc["auc"])
		compareBinaryCurves(t, r, roc, object(want["pr"]))
	}
	if r.Matches != int64(want["n_matches"].(float64)) {
		t.Errorf("%d matches, want %v", r.Matches, want["n_matches"])
	}
}

func compareReport(t *testing.T, r *evaluation.Report, want map[string]any) {
	t.Helper()
	row := func(name string, p, rec, f float64, support int64) {
		w := object(want[name])
		if w == nil {
			t.Errorf("FiftyOne's report has no %q", name)
			return
		}
		same(t, name+" precision", p, w["precision"])
		same(t, name+" recall", rec, w["recall"])
		same(t, name+" F1", f, w["f1-score"])
		same(t, name+" support", float64(support), w["support"])
	}
	average := func(name string, a *evaluation.Average) { row(name, a.Precision, a.Recall, a.F1, a.Support) }
	for _, c := range r.Classes {
		row(c.Name, c.Precision, c.Recall, c.F1, c.Support)
	}
	if r.MicroIsAccuracy {
		same(t, "accuracy of the report", r.Micro.F1, want["accuracy"])
	} else {
		average("micro avg", r.Micro)
	}
	average("macro avg", r.Macro)
	average("weighted avg", r.Weighted)
	if len(want) != len(r.Classes)+3 {
		t.Errorf("the report has %d entries, FiftyOne's %d", len(r.Classes)+3, len(want))
	}
}

func compareMetrics(t *testing.T, r *evaluation.Report, want map[string]any) {
	t.Helper()
	for name, a := range map[string]*evaluation.Average{"micro": r.Micro, "macro": r.Macro, "weighted": r.Weighted} {
		w := object(want[name])
		if w == nil { // binary: it was not asked for
			continue
		}
		same(t, name+" precision", a.Precision, w["precision"])
		same(t, name+" recall", a.Recall, w["recall"])
		same(t, name+" F1", a.F1, w["fscore"])
		same(t, name+" support", float64(a.Support), w["support"])
		same(t, "accuracy", *metric(r, evaluation.MetricAccuracy), w["accuracy"])
	}
	first := object(want["micro"])
	if b := object(want["binary"]); b != nil {
		first = b
	}
	for ours, theirs := range map[string]string{"precision": "precision", "recall": "recall", "F1": "fscore", "support": "support", "accuracy": "accuracy"} {
		same(t, ours, *metric(r, ours), first[theirs])
	}
}

func compareConfusion(t *testing.T, r *evaluation.Report, want map[string]any) {
	t.Helper()
	var labels []any
	for _, l := range r.Confusion.Labels {
		labels = append(labels, l)
	}
	if !reflect.DeepEqual(labels, list(want["labels"])) {
		t.Errorf("labels %v, want %v", labels, want["labels"])
	}
	n := len(r.Confusion.Labels)
	full := make([][]any, n)
	for i := range full {
		full[i] = make([]any, n)
		for j := range full[i] {
			full[i][j] = 0.0
		}
	}
	for _, c := range r.Confusion.Cells {
		full[c.Truth][c.Predicted] = float64(c.Count)
	}
	for i, line := range list(want["matrix"]) {
		if !reflect.DeepEqual(full[i], list(line)) {
			t.Errorf("row %d is %v, want %v", i, full[i], line)
		}
	}
}

func compareAP(t *testing.T, r *evaluation.Report, want map[string]any) {
	t.Helper()
	byClass := object(want["AP_by_class"])
	sameOrNone(t, "mAP", metric(r, evaluation.MetricMAP), want["mAP"])
	sameOrNone(t, "mAR", metric(r, evaluation.MetricMAR), want["mAR"])
	byIoU, recall := object(want["AP_by_class_and_iou"]), object(want["AR_by_class"])
	for _, c := range r.Classes {
		sameOrNone(t, c.Name+" AP", c.AP, byClass[c.Name])
		sameOrNone(t, c.Name+" AR", c.AR, recall[c.Name])
		if byIoU != nil {
			sameOrNone(t, c.Name+" AP50", c.AP50, object(byIoU["0.5"])[c.Name])
			sameOrNone(t, c.Name+" AP75", c.AP75, object(byIoU["0.75"])[c.Name])
			own := strconv.FormatFloat(*r.Config.IoU, 'g', -1, 64)
			sameOrNone(t, c.Name+" own AP", c.OwnAP, object(byIoU[own])[c.Name])
		}
	}
	if at := object(want["mAP_by_iou"]); at != nil {
		sameOrNone(t, "mAP_50", metric(r, "mAP_50"), at["0.5"])
		sameOrNone(t, "mAP_75", metric(r, "mAP_75"), at["0.75"])
	}
	if fields := object(want["from_stored_fields"]); fields != nil && r.Config.Method == "coco" && byIoU != nil {
		for _, c := range r.Classes {
			sameOrNone(t, c.Name+" own AP", c.OwnAP, object(fields["AP_at_config_iou_from_fields"])[c.Name])
		}
	}
	if curves := object(want["pr_at_first_iou"]); curves != nil && *r.Config.IoU == 0.5 {
		for _, line := range r.Curves.PR {
			w := object(curves[r.Classes[line.Class].Name])
			for i, p := range line.Points {
				same(t, "recall", p.Recall, list(w["recall"])[i])
				same(t, "precision", p.Precision, list(w["precision"])[i])
			}
		}
	}
}

func comparePanel(t *testing.T, r *evaluation.Report, want map[string]any) {
	t.Helper()
	for theirs, v := range object(want["metrics"]) {
		name := map[string]string{"fscore": "F1"}[theirs]
		if name == "" {
			name = theirs
		}
		if i := slices.IndexFunc(r.Custom, func(c evaluation.CustomMetric) bool { return c.Key == theirs }); i >= 0 {
			sameOrNone(t, theirs, r.Custom[i].Value, v)
			continue
		}
		if r.Config.IsBinary() && (theirs == "correct" || theirs == "incorrect") {
			continue
		}
		sameOrNone(t, "the panel's "+theirs, metric(r, name), v)
	}
	for _, c := range r.Classes {
		w := object(object(want["per_class_metrics"])[c.Name])
		if w == nil { // not asked for
			continue
		}
		sameOrNone(t, c.Name+" confidence", c.Confidence, w["confidence"])
		sameOrNone(t, c.Name+" IoU", c.IoU, w["iou"])
		same(t, c.Name+" precision", c.Precision, w["precision"])
	}
}

func compareBinaryCurves(t *testing.T, r *evaluation.Report, roc, pr map[string]any) {
	t.Helper()
	fpr, tpr := list(roc["fpr"]), list(roc["tpr"])
	if len(fpr) != len(r.Curves.ROC) {
		t.Fatalf("%d points of the ROC curve, want %d: %v, %v", len(r.Curves.ROC), len(fpr), r.Curves.ROC, fpr)
	}
	for i, p := range r.Curves.ROC {
		same(t, "fpr", p.FPR, fpr[i])
		same(t, "tpr", p.TPR, tpr[i])
	}
	points := slices.Clone(r.Curves.PR[0].Points)
	slices.Reverse(points) // scikit-learn begins at the lowest threshold
	precision, recall := list(pr["precision"]), list(pr["recall"])
	if len(points) != len(precision) {
		t.Fatalf("%d points of the precision-recall curve, want %d", len(points), len(precision))
	}
	for i, p := range points {
		same(t, "recall", p.Recall, recall[i])
		same(t, "precision", p.Precision, precision[i])
	}
}

// The other kinds of labels: masks, polylines, keypoints, boxes in 3D, events, frames.
func TestGoldenLayouts(t *testing.T) {
	g := evaluationtest.Load(t)
	seen := 0
	for name, raw := range g.Layouts {
		var layout evaluationtest.Layout
		if err := json.Unmarshal(raw, &layout); err != nil || layout.Runs == nil {
			continue
		}
		for key, run := range layout.Runs {
			t.Run(name+"/"+key, func(t *testing.T) {
				seen++
				c := configOf(t, []byte(`{"key":"`+key+`","results":"<ObjectId>","config":`+string(run.Config)+`}`))
				text, short := run.Text(t)
				r, err := report(evaluation.Bytes(text), c, evaluation.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if short {
					for _, k := range []string{"mAP", "mAR", "AP_by_class", "AR_by_class", "AP_by_class_and_iou", "mAP_by_iou"} {
						delete(run.Expected, k)
					}
					if p := object(object(run.Expected["panel"])["metrics"]); p != nil {
						delete(p, "mAP")
						delete(p, "mAR")
					}
				}
				compare(t, r, run.Expected)
			})
		}
	}
	if seen < 12 {
		t.Errorf("only %d evaluations", seen)
	}
}
