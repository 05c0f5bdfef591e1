package evaluated

import (
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
)

// Doc is what an evaluation has to do with in the document of a sample or a frame.
type Doc struct {
	ID, Sample    bson.ObjectID
	Truth, Pred   bson.RawValue
	Result        bson.RawValue // of the field that ResultPath names
	IsEvaluated   bool
	Truths, Preds []evaluation.Label
}

// Outcome is what an evaluation says of one sample, or of the frames of one.
type Outcome struct {
	Evaluated  bool
	TP, FP, FN int64
	// The counts are of the predictions that have an IoU or a confidence.
	IoUSum, ConfidenceSum     float64
	IoUCount, ConfidenceCount int64
	MaxConfidence             float64
	MinConfidence             float64 // +Inf where no prediction has a confidence
	// Missed are the classes of what was missed; Wrong are those of false positives, with what was there ("cat for dog").
	Missed, Wrong metadata.ClassCounts
	// Of classifications: the two labels, whether they agree, and for binary ones "TP", "FP", "TN" or "FN".
	Truth, Pred       string
	HasTruth, HasPred bool
	Correct           bool
	Binary            string
	// Of regressions.
	Value, Predicted       float64
	HasValue, HasPredicted bool
	// Frames is how many frames were evaluated.
	Frames int64
}

// NewOutcome is the outcome of nothing yet.
func NewOutcome() Outcome { return Outcome{MinConfidence: math.Inf(1)} }

// ResultPath is the field of a sample or frame that says whether it was evaluated.
func (o *Evaluation) ResultPath() string {
	switch o.Config.Type {
	case evaluation.Detection:
		return o.Config.Key + "_tp"
	case evaluation.Segmentation:
		return o.Config.Key + "_accuracy"
	}
	return o.Config.Key
}

// Read adds what the evaluation says of a document to an outcome. The labels of detections stay in o.fields until the next call.
func (o *Evaluation) Read(d *Doc, out *Outcome) {
	d.IsEvaluated = d.Result.Type != 0 && d.Result.Type != bson.TypeNull
	switch o.Config.Type {
	case evaluation.Detection:
		o.readDetections(d, out)
	case evaluation.Classification:
		o.readClassification(d, out)
	case evaluation.Regression:
		o.readRegression(d, out)
	}
	out.Evaluated = out.Evaluated || d.IsEvaluated
	if o.Config.Type == evaluation.Segmentation && d.Result.Type != 0 { // masks of background have no accuracy
		out.Evaluated = true
	}
	if d.IsEvaluated {
		out.Frames++
	}
}

func (o *Evaluation) readDetections(d *Doc, out *Outcome) {
	d.Truths, d.Preds = o.fields.Detections(d.Truth, d.Pred)
	for i := range d.Preds {
		p := &d.Preds[i]
		if p.HasConfidence && !math.IsNaN(p.Confidence) {
			out.addConfidence(p.Confidence)
		}
		switch p.Outcome {
		case evaluation.TruePositive:
			out.TP++
			if p.HasIoU {
				out.IoUSum += p.IoU
				out.IoUCount++
			}
		case evaluation.FalsePositive:
			out.FP++
			name := p.Name
			if t := o.fields.Truth(p.Other); p.HasOther && t != nil {
				name += " for " + t.Name
			}
			out.Wrong.Add([]byte(name))
		default:
			continue
		}
		d.IsEvaluated = true
	}
	for i := range d.Truths {
		switch t := &d.Truths[i]; t.Outcome {
		case evaluation.FalseNegative:
			out.FN++
			out.Missed.Add([]byte(t.Name))
			d.IsEvaluated = true
		case evaluation.TruePositive:
			d.IsEvaluated = true
		}
	}
}

// Merge adds the outcome of another frame.
func (o *Outcome) Merge(frame *Outcome) {
	o.Evaluated = o.Evaluated || frame.Evaluated
	o.TP, o.FP, o.FN, o.Frames = o.TP+frame.TP, o.FP+frame.FP, o.FN+frame.FN, o.Frames+frame.Frames
	o.IoUSum, o.IoUCount, o.ConfidenceSum = o.IoUSum+frame.IoUSum, o.IoUCount+frame.IoUCount, o.ConfidenceSum+frame.ConfidenceSum
	if frame.ConfidenceCount > 0 && (o.ConfidenceCount == 0 || frame.MaxConfidence > o.MaxConfidence) {
		o.MaxConfidence = frame.MaxConfidence
	}
	o.ConfidenceCount += frame.ConfidenceCount
	o.MinConfidence = min(o.MinConfidence, frame.MinConfidence)
	o.Missed.Merge(&frame.Missed)
	o.Wrong.Merge(&frame.Wrong)
}

func (o *Outcome) addConfidence(v float64) {
	o.ConfidenceSum += v
	if o.ConfidenceCount++; o.ConfidenceCount == 1 || v > o.MaxConfidence {
		o.MaxConfidence = v
	}
	o.MinConfidence = min(o.MinConfidence, v)
}

func (o *Evaluation) readClassification(d *Doc, out *Outcome) {
	truth, hasTruth := o.fields.One(d.Truth)
	pred, hasPred := o.fields.One(d.Pred)
	d.Truths, d.Preds = nil, nil
	if hasTruth {
		d.Truths = []evaluation.Label{truth}
		out.Truth, out.HasTruth = truth.Name, true
	}
	if hasPred {
		d.Preds = []evaluation.Label{pred}
		out.Pred, out.HasPred = pred.Name, true
		if pred.HasConfidence && !math.IsNaN(pred.Confidence) {
			out.addConfidence(pred.Confidence)
		}
	}
	if !d.IsEvaluated {
		return
	}
	if d.Result.Type == bson.TypeString {
		out.Binary = d.Result.StringValue()
		out.Correct = out.Binary == "TP" || out.Binary == "TN"
	} else {
		out.Correct, _ = d.Result.BooleanOK()
	}
	if out.Correct {
		out.TP++
		return
	}
	if hasPred {
		out.FP++
		out.Wrong.Add([]byte(pred.Name))
	}
	if hasTruth {
		out.FN++
		out.Missed.Add([]byte(truth.Name))
	}
}

func (o *Evaluation) readRegression(d *Doc, out *Outcome) {
	value := func(v bson.RawValue) (float64, bool) {
		doc, ok := v.DocumentOK()
		if !ok {
			return 0, false
		}
		return doc.Lookup("value").AsFloat64OK()
	}
	out.Value, out.HasValue = value(d.Truth)
	out.Predicted, out.HasPredicted = value(d.Pred)
}

// matches gives a document's matches as the results file has them.
func (o *Evaluation) matches(d *Doc, out *Outcome, take func(*evaluation.Match)) {
	switch o.Config.Type {
	case evaluation.Detection:
		o.fields.Matches(take)
	case evaluation.Classification:
		if !d.IsEvaluated {
			return
		}
		m := evaluation.Match{}
		for _, t := range d.Truths {
			m.Truth, m.TruthID = o.shownLabel(t.Name), string(t.ID[:])
		}
		for _, p := range d.Preds {
			m.Predicted, m.PredictedID = o.shownLabel(p.Name), string(p.ID[:])
			m.Confidence, m.HasConfidence = p.Confidence, p.HasConfidence
		}
		take(&m)
	case evaluation.Segmentation:
		truth, hasTruth := idOf(d.Truth)
		pred, hasPred := idOf(d.Pred)
		if d.IsEvaluated && hasTruth && hasPred {
			take(&evaluation.Match{TruthID: string(truth[:]), PredictedID: string(pred[:])})
		}
	case evaluation.Regression:
		missing, fill := o.File.MissingValue()
		truth, pred := out.Value, out.Predicted
		if !fill && !(out.HasValue && out.HasPredicted) || !d.IsEvaluated {
			return
		}
		if !out.HasValue {
			truth = missing
		}
		if !out.HasPredicted {
			pred = missing
		}
		m := evaluation.ValueMatch(d.ID, truth, pred)
		take(&m)
	}
}

// shownLabel is a label, empty where it is the one that stands for none.
func (o *Evaluation) shownLabel(name string) string {
	if name == o.File.Missing() {
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

// Precision is TP/(TP+FP); nil for 0/0, as are Recall and F1.
func (o *Outcome) Precision() *float64 { return rate(o.TP, o.TP+o.FP) }

// Recall is TP/(TP+FN).
func (o *Outcome) Recall() *float64 { return rate(o.TP, o.TP+o.FN) }

// F1 is the harmonic mean of Precision and Recall.
func (o *Outcome) F1() *float64 { return rate(2*o.TP, 2*o.TP+o.FP+o.FN) }

// Goodness is what samples are compared by: F1, or how right a classification or regression is. It is 1 at best; a sample of which nothing can
// be said has that, too.
func (o *Outcome) Goodness(c evaluation.Config, result bson.RawValue) float64 {
	switch c.Type {
	case evaluation.Detection:
		if f := o.F1(); f != nil {
			return *f
		}
		return 1
	case evaluation.Classification:
		if v, ok := result.AsFloat64OK(); ok { // the accuracy over the frames of a video
			return v
		}
		if o.Correct || !o.Evaluated {
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

// Badness orders samples for "worst": by goodness, then by the number of wrong labels, then by the confidence of what is wrong.
func (o *Outcome) Badness(goodness float64) float64 {
	return goodness - 1e-6*float64(min(o.FP+o.FN, 1000)) - 1e-10*min(max(o.MaxConfidence, 0), 1)
}

// idOf is the id of a label.
func idOf(v bson.RawValue) (bson.ObjectID, bool) {
	doc, ok := v.DocumentOK()
	if !ok {
		return bson.ObjectID{}, false
	}
	return doc.Lookup("_id").ObjectIDOK()
}
