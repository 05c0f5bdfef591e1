package job

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluated"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
)

// outcomeColumns are the columns with what an evaluation says of each sample. They are the same for all evaluations of a type, so that W&B
// can compare the versions of an artifact.
func (r *evaluationRows) outcomeColumns(e *judged, prefix string) []collect.Column {
	var out []collect.Column
	add := func(name string, cell func(w *table.Writer, row *collect.Row)) {
		out = append(out, collect.Column{Name: prefix + name, Cell: cell})
	}
	count := func(name string, of func(*evaluated.Outcome) int64) {
		add(name, func(w *table.Writer, _ *collect.Row) {
			if !e.now.Evaluated {
				w.Null()
				return
			}
			w.Int(of(&e.now))
		})
	}
	number := func(name string, of func(*evaluated.Outcome) *float64) {
		add(name, func(w *table.Writer, _ *collect.Row) { w.OptionalFloat(of(&e.now)) })
	}
	text := func(name string, of func(*evaluated.Outcome) string) {
		add(name, func(w *table.Writer, _ *collect.Row) { w.OptionalText(of(&e.now)) })
	}
	switch e.Config.Type {
	case evaluation.Detection:
		count("tp", func(o *evaluated.Outcome) int64 { return o.TP })
		count("fp", func(o *evaluated.Outcome) int64 { return o.FP })
		count("fn", func(o *evaluated.Outcome) int64 { return o.FN })
		number("precision", (*evaluated.Outcome).Precision)
		number("recall", (*evaluated.Outcome).Recall)
		number("F1", (*evaluated.Outcome).F1)
		number("mean_iou", func(o *evaluated.Outcome) *float64 { return meanOf(o.IoUSum, o.IoUCount) })
		number("max_confidence", func(o *evaluated.Outcome) *float64 { return meanOf(o.MaxConfidence, min(o.ConfidenceCount, 1)) })
		number("mean_confidence", func(o *evaluated.Outcome) *float64 { return meanOf(o.ConfidenceSum, o.ConfidenceCount) })
		text("missed", func(o *evaluated.Outcome) string { return classText(&o.Missed) })
		text("wrong", func(o *evaluated.Outcome) string { return classText(&o.Wrong) })
	case evaluation.Classification:
		r.classificationColumns(e, add, text, number)
	case evaluation.Regression:
		value := func(v func(*evaluated.Outcome) (float64, bool)) func(*evaluated.Outcome) *float64 {
			return func(o *evaluated.Outcome) *float64 {
				if x, ok := v(o); ok {
					return &x
				}
				return nil
			}
		}
		if !e.Config.IsFrames() {
			number("ground_truth", value(func(o *evaluated.Outcome) (float64, bool) { return o.Value, o.HasValue }))
			number("prediction", value(func(o *evaluated.Outcome) (float64, bool) { return o.Predicted, o.HasPredicted }))
		}
		add("error", func(w *table.Writer, _ *collect.Row) { numberOrNull(w, e.result) })
	case evaluation.Segmentation:
		for _, name := range []string{"accuracy", "precision", "recall"} {
			slot := r.reader.Slot(e.Config.Key + "_" + name)
			add(name, func(w *table.Writer, row *collect.Row) { numberOrNull(w, row.Value(slot)) })
		}
	}
	return out
}

func (r *evaluationRows) classificationColumns(e *judged, add func(string, func(*table.Writer, *collect.Row)), text func(string, func(*evaluated.Outcome) string), number func(string, func(*evaluated.Outcome) *float64)) {
	if e.Config.IsFrames() {
		add("accuracy", func(w *table.Writer, _ *collect.Row) { numberOrNull(w, e.result) })
		add("frames", func(w *table.Writer, _ *collect.Row) { w.Int(e.now.Frames) })
		text("missed", func(o *evaluated.Outcome) string { return classText(&o.Missed) })
		text("wrong", func(o *evaluated.Outcome) string { return classText(&o.Wrong) })
		return
	}
	text("ground_truth", func(o *evaluated.Outcome) string { return o.Truth })
	text("prediction", func(o *evaluated.Outcome) string { return o.Pred })
	number("confidence", func(o *evaluated.Outcome) *float64 { return meanOf(o.ConfidenceSum, o.ConfidenceCount) })
	add("correct", func(w *table.Writer, _ *collect.Row) {
		if !e.now.Evaluated {
			w.Null()
			return
		}
		w.Bool(e.now.Correct)
	})
	if e.Config.IsBinary() {
		text("outcome", func(o *evaluated.Outcome) string { return o.Binary })
	}
}

// differenceColumns are the columns that compare two evaluations: how much better the first is on the sample, and which one is better.
func (r *evaluationRows) differenceColumns() []collect.Column {
	name := map[evaluation.Type]string{
		evaluation.Detection: "delta_F1", evaluation.Classification: "delta_correct", evaluation.Regression: "delta_error", evaluation.Segmentation: "delta_accuracy",
	}[r.own.Config.Type]
	return []collect.Column{
		{Name: name, Cell: func(w *table.Writer, _ *collect.Row) { w.OptionalFloat(r.difference()) }},
		{Name: "better", Cell: func(w *table.Writer, _ *collect.Row) {
			d := r.difference()
			switch {
			case d == nil:
				w.Null()
			case *d > 0:
				w.Text(r.own.Config.Key)
			case *d < 0:
				w.Text(r.other.Config.Key)
			default:
				w.Text("same")
			}
		}},
	}
}

// difference is how much better the first evaluation is on the current row; nil where one has not seen it.
func (r *evaluationRows) difference() *float64 {
	if !r.own.now.Evaluated || !r.other.now.Evaluated {
		return nil
	}
	d := r.own.goodness() - r.other.goodness()
	return &d
}

func meanOf(sum float64, n int64) *float64 {
	if n == 0 {
		return nil
	}
	v := sum / float64(n)
	return &v
}

func numberOrNull(w *table.Writer, v bson.RawValue) {
	x, ok := v.AsFloat64OK()
	if !ok {
		w.Null()
		return
	}
	w.Float(x)
}

// classText lists classes with their numbers, the most frequent first.
func classText(c *metadata.ClassCounts) string {
	if c.Distinct() == 0 {
		return ""
	}
	sorted := slices.Clone(c.Counts())
	slices.SortFunc(sorted, func(a, b metadata.ClassCount) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name)) })
	var parts []string
	for i, one := range sorted {
		if i == mostWords {
			parts = append(parts, fmt.Sprintf("%d more", len(sorted)-i))
			break
		}
		name := cmp.Or(one.Name, "(no class)")
		if one.N > 1 {
			name += fmt.Sprintf(" (%d)", one.N)
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, ", ")
}

// mostWords is how many classes a cell names.
const mostWords = 20
