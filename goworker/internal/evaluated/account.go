package evaluated

import (
	"context"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

// mostSubsetLabels bounds the ids that a part of an evaluation is restricted to: 72 MB.
const mostSubsetLabels = 6_000_000

// Account gathers, document by document, what an evaluation's report needs of the labels.
type Account struct {
	*Evaluation
	// scratch makes a temporary file for sorting.
	scratch func() (evaluation.Scratch, error)
	// subset are the ids that the numbers are restricted to; nil for all.
	subset  *evaluation.Subset
	crowds  evaluation.IDSet
	changes *evaluation.Changes
	masks   *maskFiles // nil where none are looked at
}

// NewAccount accounts for an evaluation. scratch makes temporary files; restricted says that the numbers are to be those of the documents that are counted.
func NewAccount(o *Evaluation, scratch func() (evaluation.Scratch, error), restricted bool) *Account {
	a := &Account{Evaluation: o, scratch: scratch, changes: evaluation.NewChanges(o.Config, o.Pred.LabelType)}
	if restricted {
		a.subset = &evaluation.Subset{}
	}
	return a
}

// IsRestricted reports whether the numbers are those of a part of what was evaluated.
func (a *Account) IsRestricted() bool { return a.subset != nil }

// LookAtMasks has the files of masks looked at, where masks were evaluated. atEnd takes what ends that.
func (a *Account) LookAtMasks(ctx context.Context, atEnd func(func())) {
	a.masks = newMaskFiles(ctx, atEnd, a.Config)
}

// Count gathers what the report needs of a document. Faults: view_too_large.
func (a *Account) Count(d *Doc, out *Outcome) error {
	if err := a.restrict(d); err != nil {
		return err
	}
	for _, t := range d.Truths {
		if t.Crowd {
			a.crowds.Add(t.ID)
		}
	}
	if a.comparesLabels() {
		a.matches(d, out, a.changes.Label)
	}
	a.masks.look(a.Evaluation, d)
	return nil
}

// restrict adds a document's labels to the part that the numbers are restricted to, as FiftyOne's use_subset does.
func (a *Account) restrict(d *Doc) error {
	s := a.subset
	if s == nil {
		return nil
	}
	switch a.Config.Type {
	case evaluation.Regression:
		s.Truth.Add(d.ID)
	case evaluation.Segmentation:
		if id, ok := idOf(d.Truth); ok {
			s.Truth.Add(id)
		} else {
			s.NoTruth = true
		}
	default:
		for _, t := range d.Truths {
			s.Truth.Add(t.ID)
		}
		s.NoTruth = s.NoTruth || len(d.Truths) == 0
	}
	if a.Config.Type == evaluation.Detection {
		for _, p := range d.Preds {
			if p.Outcome == evaluation.FalsePositive {
				s.FalsePositives.Add(p.ID)
			}
		}
	}
	if s.Truth.Len()+s.FalsePositives.Len() > mostSubsetLabels {
		return fault.New(fault.Settings, fault.ViewTooLarge,
			"The view has more than %s labels, which is too many to compute numbers for a part of an evaluation: evaluate the view under a key of its own, or log the whole dataset.",
			words.Thousands(mostSubsetLabels))
	}
	return nil
}

// comparesLabels reports whether the labels tell what the results file has.
func (a *Account) comparesLabels() bool {
	switch {
	case a.Config.Hierarchies:
		return false
	case a.Config.Type == evaluation.Segmentation:
		return a.subset == nil && a.File.HasIDs()
	case a.Config.Type == evaluation.Detection:
		return true
	}
	return a.subset == nil // use_subset takes all matches without ground truth, where it takes one
}

// Report makes the report, once all documents were counted, and counts what has changed since. rescan has them read again.
func (a *Account) Report(ctx context.Context, rescan func(fn func(*Doc, *Outcome) error) error) (*evaluation.Report, error) {
	r, err := a.reportOf(ctx, a.subset, a.changes.File)
	if err != nil {
		return nil, err
	}
	if r.MasksWritten = a.masks.count(); ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if !a.comparesLabels() {
		return r, nil
	}
	r.Changed = 0
	if a.changes.Equal() {
		return r, nil
	}
	d := a.changes.Difference(a.scratch)
	err = rescan(func(doc *Doc, out *Outcome) error {
		a.matches(doc, out, d.Label)
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	if err := a.File.Matches(ctx, a.subset, d.File); err != nil {
		return nil, err
	}
	r.Changed, err = d.Count(ctx)
	return r, err
}

// PartReport makes the report on a part of a view, whose documents it reads.
func (a *Account) PartReport(ctx context.Context, source *view.Source, query view.Query, frames *view.Query) (*evaluation.Report, error) {
	part := &Account{Evaluation: a.Evaluation, subset: &evaluation.Subset{}}
	err := part.Each(ctx, source, query, frames, func(d *Doc, _ *Outcome) error { return part.restrict(d) })
	if err != nil {
		return nil, err
	}
	return a.reportOf(ctx, part.subset, nil)
}

// reportOf makes the report on what was accounted for, restricted to a part.
func (a *Account) reportOf(ctx context.Context, part *evaluation.Subset, seen func(*evaluation.Match)) (*evaluation.Report, error) {
	if !a.comparesLabels() {
		seen = nil
	}
	return a.File.Report(ctx, evaluation.Options{Subset: part, Crowds: &a.crowds, Scratch: a.scratch, Seen: seen, ClassName: a.ClassName})
}

// Slots are where the values of a Doc are.
type Slots struct{ ID, Sample, Truth, Pred, Result int }

// Slots registers what is read of each document.
func (o *Evaluation) Slots(f *view.Fields) Slots {
	truth, pred := o.fields.Paths()
	s := Slots{ID: f.Slot("_id"), Sample: -1, Truth: f.Slot(o.Truth.DBPath, truth...), Pred: f.Slot(o.Pred.DBPath, pred...), Result: f.Slot(o.ResultPath())}
	if o.Config.IsFrames() {
		s.Sample = f.Slot("_sample_id")
	}
	return s
}

// Load reads the values of a document.
func (s Slots) Load(from *view.Slots, d *Doc) {
	*d = Doc{Truth: from.Value(s.Truth), Pred: from.Value(s.Pred), Result: from.Value(s.Result)}
	d.ID, _ = from.Value(s.ID).ObjectIDOK()
	d.Sample = d.ID
	if s.Sample >= 0 {
		d.Sample, _ = from.Value(s.Sample).ObjectIDOK()
	}
}

// Each reads the documents of a view, or of its frames where these were evaluated. What fn gets is valid until it returns.
func (o *Evaluation) Each(ctx context.Context, source *view.Source, query view.Query, frames *view.Query, fn func(*Doc, *Outcome) error) error {
	if o.Config.IsFrames() {
		if frames == nil {
			return fault.New(fault.Plugin, fault.NoFrames, "The evaluation %q is of frames, but the call does not say where they are. This is a mistake in the plugin: please report it.", o.Config.Key)
		}
		query = *frames
	}
	f := &view.Fields{}
	at := o.Slots(f)
	slots := view.NewSlots(f.Slots)
	var d Doc
	return source.Read(ctx, query, f.Paths, func(docs []bson.Raw) error {
		for _, doc := range docs {
			slots.Load(doc)
			at.Load(slots, &d)
			out := NewOutcome()
			o.Read(&d, &out)
			if err := fn(&d, &out); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}

// WasEvaluated makes sure that the evaluation has looked at something of a view, without reading all of it. Faults: not_evaluated.
func (o *Evaluation) WasEvaluated(ctx context.Context, source *view.Source, query view.Query, frames *view.Query) error {
	if o.Config.IsFrames() && frames != nil {
		query = *frames
	}
	found := false
	err := source.Aggregate(ctx, query, []bson.D{
		{{Key: "$match", Value: bson.D{{Key: "$or", Value: o.traces()}}}},
		{{Key: "$limit", Value: 1}},
		{{Key: "$project", Value: bson.D{{Key: "_id", Value: 1}}}},
	}, func(bson.Raw) { found = true })
	if err != nil || found {
		return err
	}
	return fault.New(fault.Settings, fault.NotEvaluated,
		"No sample of the view was evaluated under the key %q: choose a view with samples that were, or evaluate this one.", o.Config.Key)
}

// traces are conditions of which an evaluated document meets one.
func (o *Evaluation) traces() bson.A {
	set := func(path string) bson.D {
		return bson.D{{Key: path, Value: bson.D{{Key: "$ne", Value: nil}}}}
	}
	out := bson.A{set(o.ResultPath())}
	if o.Config.Type != evaluation.Detection {
		if o.Config.Type == evaluation.Segmentation {
			out = append(out, set(o.Config.Key+"_precision"), set(o.Config.Key+"_recall"))
		}
		return out
	}
	truth, pred := o.fields.Paths()
	for _, side := range []struct {
		path  string
		parts []string
	}{{o.Truth.DBPath, truth}, {o.Pred.DBPath, pred}} {
		for _, p := range side.parts {
			if strings.HasSuffix(p, "."+o.Config.Key) {
				out = append(out, set(side.path+"."+p))
			}
		}
	}
	return out
}
