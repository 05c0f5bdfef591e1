package job

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
)

// outcomeColumns are the columns with what an evaluation says of each sample. They are the same for all evaluations of a type, so that W&B
// can compare the versions of an artifact.
func (r *evaluationRows) outcomeColumns(e *judged, prefix string) []column {
	var out []column
	add := func(name string, cell func(w *table.Writer, row *row)) {
		out = append(out, column{Name: prefix + name, Cell: cell})
	}
	count := func(name string, of func(*outcome) int64) {
		add(name, func(w *table.Writer, _ *row) {
			if !e.now.evaluated {
				w.Null()
				return
			}
			w.Int(of(&e.now))
		})
	}
	number := func(name string, of func(*outcome) *float64) {
		add(name, func(w *table.Writer, _ *row) { w.OptionalFloat(of(&e.now)) })
	}
	text := func(name string, of func(*outcome) string) {
		add(name, func(w *table.Writer, _ *row) { w.OptionalText(of(&e.now)) })
	}
	switch e.config.Type {
	case evaluation.Detection:
		count("tp", func(o *outcome) int64 { return o.tp })
		count("fp", func(o *outcome) int64 { return o.fp })
		count("fn", func(o *outcome) int64 { return o.fn })
		number("precision", (*outcome).precision)
		number("recall", (*outcome).recall)
		number("F1", (*outcome).f1)
		number("mean_iou", func(o *outcome) *float64 { return meanOf(o.iou, o.ious) })
		number("max_confidence", func(o *outcome) *float64 { return meanOf(o.most, min(o.confs, 1)) })
		number("mean_confidence", func(o *outcome) *float64 { return meanOf(o.conf, o.confs) })
		text("missed", func(o *outcome) string { return classText(&o.missed) })
		text("wrong", func(o *outcome) string { return classText(&o.wrong) })
	case evaluation.Classification:
		r.classificationColumns(e, add, text, number)
	case evaluation.Regression:
		value := func(v func(*outcome) (float64, bool)) func(*outcome) *float64 {
			return func(o *outcome) *float64 {
				if x, ok := v(o); ok {
					return &x
				}
				return nil
			}
		}
		if !e.config.IsFrames() {
			number("ground_truth", value(func(o *outcome) (float64, bool) { return o.value, o.valueOK }))
			number("prediction", value(func(o *outcome) (float64, bool) { return o.predicted, o.predicOK }))
		}
		add("error", func(w *table.Writer, _ *row) { numberOrNull(w, e.result) })
	case evaluation.Segmentation:
		for _, name := range []string{"accuracy", "precision", "recall"} {
			slot := r.reader.Slot(e.config.Key + "_" + name)
			add(name, func(w *table.Writer, row *row) { numberOrNull(w, row.Value(slot)) })
		}
	}
	return out
}

func (r *evaluationRows) classificationColumns(e *judged, add func(string, func(*table.Writer, *row)), text func(string, func(*outcome) string), number func(string, func(*outcome) *float64)) {
	if e.config.IsFrames() {
		add("accuracy", func(w *table.Writer, _ *row) { numberOrNull(w, e.result) })
		add("frames", func(w *table.Writer, _ *row) { w.Int(e.now.frames) })
		text("missed", func(o *outcome) string { return classText(&o.missed) })
		text("wrong", func(o *outcome) string { return classText(&o.wrong) })
		return
	}
	text("ground_truth", func(o *outcome) string { return o.truth })
	text("prediction", func(o *outcome) string { return o.pred })
	number("confidence", func(o *outcome) *float64 { return meanOf(o.conf, o.confs) })
	add("correct", func(w *table.Writer, _ *row) {
		if !e.now.evaluated {
			w.Null()
			return
		}
		w.Bool(e.now.correct)
	})
	if e.config.IsBinary() {
		text("outcome", func(o *outcome) string { return o.outcome })
	}
}

// differenceColumns are the columns that compare two evaluations: how much better the first is on the sample, and which one is better.
func (r *evaluationRows) differenceColumns() []column {
	name := map[evaluation.Type]string{
		evaluation.Detection: "delta_F1", evaluation.Classification: "delta_correct", evaluation.Regression: "delta_error", evaluation.Segmentation: "delta_accuracy",
	}[r.own.config.Type]
	return []column{
		{Name: name, Cell: func(w *table.Writer, _ *row) { w.OptionalFloat(r.difference()) }},
		{Name: "better", Cell: func(w *table.Writer, _ *row) {
			d := r.difference()
			switch {
			case d == nil:
				w.Null()
			case *d > 0:
				w.Text(r.own.config.Key)
			case *d < 0:
				w.Text(r.other.config.Key)
			default:
				w.Text("same")
			}
		}},
	}
}

// difference is how much better the first evaluation is on the current row; nil where one has not seen it.
func (r *evaluationRows) difference() *float64 {
	if !r.own.now.evaluated || !r.other.now.evaluated {
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
