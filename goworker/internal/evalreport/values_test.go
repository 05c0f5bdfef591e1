package evalreport

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// detections is the report of an evaluation of detections with two classes.
func detections() *evaluation.Report {
	iou, half := 0.5, 0.5
	points := make([]evaluation.PRPoint, 101)
	for i := range points {
		points[i] = evaluation.PRPoint{Recall: float64(i) / 100, Precision: 1 - float64(i)/200}
	}
	return &evaluation.Report{
		Config:  evaluation.Config{Key: "ev", Type: evaluation.Detection, Method: "coco", IoU: &iou},
		Metrics: []evaluation.Metric{{Name: "mAP", Value: 0.25}, {Name: "mAP_50", Value: 0.5}, {Name: "tp", Value: 48}},
		Classes: []evaluation.Class{{Name: "a.b", F1: 0.5, Support: 3}, {Name: "person/x", F1: 0.75, Support: 5}}, Missing: "(none)",
		Confusion: evaluation.Confusion{Labels: []string{"a.b", "person/x", "(none)"}, Cells: []evaluation.Cell{{Truth: 0, Predicted: 0, Count: 3}, {Truth: 2, Predicted: 1, Count: 2}}},
		Curves:    evaluation.Curves{PR: []evaluation.PRCurve{{Class: 0, Points: points}, {Class: 1, Points: points}}},
		Custom:    []evaluation.CustomMetric{{Key: "mean.size", Value: &half}, {Key: "a list", ValueJSON: "[1]"}},
	}
}

func chartKeys(v Values) (keys []string) {
	for _, c := range v.Charts {
		keys = append(keys, c.Key)
	}
	return keys
}

func TestKeysOfAnEvaluation(t *testing.T) {
	config := map[string]any{"eval_key": "ev"}
	subset := Subset{Name: "night/rain.y", Report: &evaluation.Report{Metrics: []evaluation.Metric{{Name: "F1", Value: 0.5}}}}
	v := NewValues(detections(), []Subset{subset}, "eval", config)
	assert.Equal(t, map[string]float64{
		"eval/mAP": 0.25, "eval/mAP_50": 0.5, "eval/tp": 48, "eval/custom/mean_size": 0.5, "eval/night_rain_y/F1": 0.5,
	}, v.Numbers)
	assert.Equal(t, []string{"eval_charts/confusion_matrix", "eval_charts/precision_recall", "eval_charts/f1_by_class"}, chartKeys(v))
	assert.Equal(t, map[string]any{"evaluation": config}, v.Own)
	for _, key := range []string{"eval/F1", "eval/AUC", "eval/mAP_75", "eval_charts/roc_table", "eval_charts/residuals_table"} {
		assert.Contains(t, v.Stale, key)
	}
	assert.NotContains(t, v.Stale, "eval/mAP")
	assert.NotContains(t, v.Stale, "eval_charts/confusion_matrix_table")
	assert.Equal(t, map[string]any{"evaluation_val_b": config}, NewValues(detections(), nil, "val/b", config).Own)

	pr := v.Charts[1]
	assert.Equal(t, "Precision-recall at IoU 0.5", pr.Strings["title"])
	assert.Len(t, pr.Rows, 3*101)
	assert.Equal(t, []any{"mean", 1.0, 0.0}, pr.Rows[0])
	// What is logged under the metrics' prefix is taken apart by a user's define_metric("eval/*", summary="max").
	for _, c := range v.Charts {
		assert.False(t, strings.HasPrefix(c.Key, "eval/"))
	}
}

func TestChartsOfOtherKinds(t *testing.T) {
	binary := &evaluation.Report{
		Config: evaluation.Config{Type: evaluation.Classification, Method: "binary"}, Missing: "no",
		Classes: []evaluation.Class{{Name: "no"}, {Name: "yes", F1: 0.5}},
		Curves: evaluation.Curves{
			ROC: []evaluation.ROCPoint{{FPR: 0, TPR: 0}, {FPR: 0.5, TPR: 1}, {FPR: 1, TPR: 1}},
			PR:  []evaluation.PRCurve{{Class: 1, Points: []evaluation.PRPoint{{Recall: 0.5, Precision: 1}}}},
		},
	}
	v := NewValues(binary, nil, "eval", nil)
	assert.Equal(t, []string{"eval_charts/precision_recall", "eval_charts/f1_by_class", "eval_charts/roc"}, chartKeys(v))
	assert.Equal(t, []any{"yes", 0.5, 1.0}, v.Charts[2].Rows[1])
	assert.Equal(t, [][]any{{"yes", 1.0, 0.5}}, v.Charts[0].Rows, "one curve has no mean")

	regression := &evaluation.Report{Curves: evaluation.Curves{Residuals: []evaluation.Residual{{Truth: 1, Predicted: 1.5}, {Truth: math.NaN()}}}}
	v = NewValues(regression, nil, "eval", nil)
	assert.Equal(t, []string{"eval_charts/residuals"}, chartKeys(v))
	assert.Equal(t, [][]any{{1.0, 0.5}}, v.Charts[0].Rows)
	assert.Empty(t, NewValues(&evaluation.Report{}, nil, "eval", nil).Charts)
}

func TestPrefixesOfKeys(t *testing.T) {
	for given, want := range map[string]string{"": "eval", "val": "val", "val/coco": "val/coco", "eval/": "eval", "test-2_x": "test-2_x"} {
		prefix, err := Prefix(given)
		require.NoError(t, err)
		assert.Equal(t, want, prefix)
	}
	for _, given := range []string{"/", "a.b", "a b", "a//b", "é", "_x/*", strings.Repeat("a", 65)} {
		_, err := Prefix(given)
		assert.Equal(t, "bad_argument", fault.Code(err), given)
	}
}
