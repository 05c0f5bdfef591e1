package evalreport

import (
	"encoding/json"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
)

// JSON is a report with its numbers as they are; the confusion matrix and the curves are tables of their own.
func JSON(r *evaluation.Report) []byte {
	out := &metadata.Object{}
	out.Set("eval_key", r.Config.Key)
	out.Raw("config", []byte(r.Config.JSON))
	out.Raw("metrics", MetricsJSON(r.Metrics))
	for _, a := range []struct {
		name string
		of   *evaluation.Average
	}{{"micro_average", r.Micro}, {"macro_average", r.Macro}, {"weighted_average", r.Weighted}} {
		if a.of != nil {
			out.Set(a.name, map[string]any{"precision": a.of.Precision, "recall": a.of.Recall, "F1": a.of.F1, "support": a.of.Support})
		}
	}
	if len(r.Custom) > 0 {
		custom := &metadata.Object{}
		for _, m := range r.Custom {
			if json.Valid([]byte(m.ValueJSON)) {
				custom.Raw(m.URI, metadata.JSON(map[string]any{"key": m.Key, "label": m.Label, "value": json.RawMessage(m.ValueJSON)}))
			}
		}
		out.Raw("custom_metrics", custom.Bytes())
	}
	classes := make([]json.RawMessage, 0, len(r.Classes))
	for i := range r.Classes {
		one := &metadata.Object{}
		one.Set("class", r.Classes[i].Name)
		for _, n := range classNumbers {
			if v := n.of(&r.Classes[i]); v != nil {
				one.Set(n.name, *v)
			}
		}
		for _, n := range classCounters {
			one.Set(n.name, n.of(&r.Classes[i]))
		}
		classes = append(classes, one.Bytes())
	}
	out.Set("classes", classes)
	out.Text("missing", r.Missing)
	out.Set("matches", r.Matches)
	if r.Changed >= 0 {
		out.Set("changed_since", r.Changed)
	}
	return out.Bytes()
}

// MetricsJSON is the headline numbers, in their order.
func MetricsJSON(metrics []evaluation.Metric) []byte {
	out := &metadata.Object{}
	for _, m := range metrics {
		out.Set(m.Name, m.Value)
	}
	return out.Bytes()
}
