package job

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
)

// labelDoc is what an evaluation has to do with in the document of a sample or a frame.
type labelDoc struct {
	id, sample    bson.ObjectID
	truth, pred   bson.RawValue
	result        bson.RawValue // of the field that resultPath names
	isEvaluated   bool
	truths, preds []evaluation.Label
}

// outcome is what an evaluation says of one sample, or of the frames of one.
type outcome struct {
	evaluated  bool
	tp, fp, fn int64
	iou, conf  float64 // sums
	ious       int64   // labels with an IoU
	confs      int64   // labels with a confidence
	most       float64 // the highest confidence
	least      float64 // the lowest; +Inf without one
	missed     metadata.ClassCounts
	wrong      metadata.ClassCounts
	// of classifications and regressions
	truth, pred       string
	truthOK, predOK   bool
	correct           bool
	outcome           string // of binary ones
	value, predicted  float64
	valueOK, predicOK bool
	frames            int64
}

func newOutcome() outcome { return outcome{least: math.Inf(1)} }

// resultPath is the field of a sample or frame that says whether it was evaluated.
func (o *openedEvaluation) resultPath() string {
	switch o.config.Type {
	case evaluation.Detection:
		return o.config.Key + "_tp"
	case evaluation.Segmentation:
		return o.config.Key + "_accuracy"
	}
	return o.config.Key
}

// read adds what the evaluation says of a document to an outcome. The labels of detections stay in o.fields until the next call.
func (o *openedEvaluation) read(d *labelDoc, out *outcome) {
	d.isEvaluated = d.result.Type != 0 && d.result.Type != bson.TypeNull
	switch o.config.Type {
	case evaluation.Detection:
		o.readDetections(d, out)
	case evaluation.Classification:
		o.readClassification(d, out)
	case evaluation.Regression:
		o.readRegression(d, out)
	}
	out.evaluated = out.evaluated || d.isEvaluated
	if o.config.Type == evaluation.Segmentation && d.result.Type != 0 { // masks of background have no accuracy
		out.evaluated = true
	}
	if d.isEvaluated {
		out.frames++
	}
}

func (o *openedEvaluation) readDetections(d *labelDoc, out *outcome) {
	d.truths, d.preds = o.fields.Detections(d.truth, d.pred)
	for i := range d.preds {
		p := &d.preds[i]
		if p.HasConfidence && !math.IsNaN(p.Confidence) {
			out.confidence(p.Confidence)
		}
		switch p.Outcome {
		case evaluation.TruePositive:
			out.tp++
			if p.HasIoU {
				out.iou += p.IoU
				out.ious++
			}
		case evaluation.FalsePositive:
			out.fp++
			name := p.Name
			if t := o.fields.Truth(p.Other); p.HasOther && t != nil {
				name += " for " + t.Name
			}
			out.wrong.Add([]byte(name))
		default:
			continue
		}
		d.isEvaluated = true
	}
	for i := range d.truths {
		switch t := &d.truths[i]; t.Outcome {
		case evaluation.FalseNegative:
			out.fn++
			out.missed.Add([]byte(t.Name))
			d.isEvaluated = true
		case evaluation.TruePositive:
			d.isEvaluated = true
		}
	}
}

func (o *outcome) confidence(v float64) {
	o.conf += v
	if o.confs++; o.confs == 1 || v > o.most {
		o.most = v
	}
	o.least = min(o.least, v)
}

func (o *openedEvaluation) readClassification(d *labelDoc, out *outcome) {
	truth, hasTruth := o.fields.One(d.truth)
	pred, hasPred := o.fields.One(d.pred)
	d.truths, d.preds = nil, nil
	if hasTruth {
		d.truths = []evaluation.Label{truth}
		out.truth, out.truthOK = truth.Name, true
	}
	if hasPred {
		d.preds = []evaluation.Label{pred}
		out.pred, out.predOK = pred.Name, true
		if pred.HasConfidence && !math.IsNaN(pred.Confidence) {
			out.confidence(pred.Confidence)
		}
	}
	if !d.isEvaluated {
		return
	}
	if d.result.Type == bson.TypeString {
		out.outcome = d.result.StringValue()
		out.correct = out.outcome == "TP" || out.outcome == "TN"
	} else {
		out.correct, _ = d.result.BooleanOK()
	}
	if out.correct {
		out.tp++
		return
	}
	if hasPred {
		out.fp++
		out.wrong.Add([]byte(pred.Name))
	}
	if hasTruth {
		out.fn++
		out.missed.Add([]byte(truth.Name))
	}
}

func (o *openedEvaluation) readRegression(d *labelDoc, out *outcome) {
	value := func(v bson.RawValue) (float64, bool) {
		doc, ok := v.DocumentOK()
		if !ok {
			return 0, false
		}
		return doc.Lookup("value").AsFloat64OK()
	}
	out.value, out.valueOK = value(d.truth)
	out.predicted, out.predicOK = value(d.pred)
}

// match gives a document's matches as the results file has them.
func (o *openedEvaluation) matches(d *labelDoc, out *outcome, take func(*evaluation.Match)) {
	switch o.config.Type {
	case evaluation.Detection:
		o.fields.Matches(take)
	case evaluation.Classification:
		if !d.isEvaluated {
			return
		}
		m := evaluation.Match{}
		for _, t := range d.truths {
			m.Truth, m.TruthID = o.shownLabel(t.Name), string(t.ID[:])
		}
		for _, p := range d.preds {
			m.Predicted, m.PredictedID = o.shownLabel(p.Name), string(p.ID[:])
			m.Confidence, m.HasConfidence = p.Confidence, p.HasConfidence
		}
		take(&m)
	case evaluation.Segmentation:
		truth, hasTruth := idOf(d.truth)
		pred, hasPred := idOf(d.pred)
		if d.isEvaluated && hasTruth && hasPred {
			take(&evaluation.Match{TruthID: string(truth[:]), PredictedID: string(pred[:])})
		}
	case evaluation.Regression:
		missing, fill := o.file.MissingValue()
		truth, pred := out.value, out.predicted
		if !fill && !(out.valueOK && out.predicOK) || !d.isEvaluated {
			return
		}
		if !out.valueOK {
			truth = missing
		}
		if !out.predicOK {
			pred = missing
		}
		m := evaluation.ValueMatch(d.id, truth, pred)
		take(&m)
	}
}

// shownLabel is a label, empty where it is the one that stands for none.
func (o *openedEvaluation) shownLabel(name string) string {
	if name == o.file.Missing() {
		return ""
	}
	return name
}

// rate is nil for 0/0.
func rate(a, b int64) *float64 {
	if b == 0 {
		return nil
	}
	v := float64(a) / float64(b)
	return &v
}

func (o *outcome) precision() *float64 { return rate(o.tp, o.tp+o.fp) }
func (o *outcome) recall() *float64    { return rate(o.tp, o.tp+o.fn) }
func (o *outcome) f1() *float64        { return rate(2*o.tp, 2*o.tp+o.fp+o.fn) }

// goodness is what samples are compared by: F1, or how right a classification or regression is. It is 1 at best; a sample of which nothing can
// be said has that, too.
func (o *outcome) goodness(c evaluation.Config, result bson.RawValue) float64 {
	switch c.Type {
	case evaluation.Detection:
		if f := o.f1(); f != nil {
			return *f
		}
		return 1
	case evaluation.Classification:
		if v, ok := result.AsFloat64OK(); ok { // the accuracy over the frames of a video
			return v
		}
		if o.correct || !o.evaluated {
			return 1
		}
		return 0
	}
	v, ok := result.AsFloat64OK()
	switch {
	case !ok || math.IsNaN(v):
		return 1
	case c.Type == evaluation.Regression:
		return 1 - math.Abs(v)
	}
	return v
}

// badness orders samples for "worst": by goodness, then by the number of wrong labels, then by the confidence of what is wrong.
func (o *outcome) badness(goodness float64) float64 {
	return goodness - 1e-6*float64(min(o.fp+o.fn, 1000)) - 1e-10*min(max(o.most, 0), 1)
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
		name := orDefault(one.Name, "(no class)")
		if one.N > 1 {
			name += fmt.Sprintf(" (%d)", one.N)
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, ", ")
}

// mostWords is how many classes a cell names.
const mostWords = 20
