package job

import (
	"context"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

// mostSubsetLabels bounds the ids that a part of an evaluation is restricted to: 72 MB.
const mostSubsetLabels = 6_000_000

// account gathers, document by document, what an evaluation's report needs of the labels, and the lists of wrong labels.
type account struct {
	*openedEvaluation
	c *collector
	// subset are the ids that the numbers are restricted to; nil for all.
	subset  *evaluation.Subset
	crowds  evaluation.IDSet
	changes *evaluation.Changes
	masks   *maskFiles // nil where no masks were evaluated
	part    evaluationPart
	// fp, fn and wrong are the lists of label ids; nil for the evaluation that is compared with.
	fp, fn, wrong *idlist.Writer
}

func newAccount(c *collector, o *openedEvaluation, part evaluationPart, restricted bool) *account {
	a := &account{openedEvaluation: o, c: c, part: part, changes: evaluation.NewChanges(o.config, o.pred.LabelType)}
	if part.counts {
		a.masks = newMaskFiles(c, o.config)
	}
	if restricted {
		a.subset = &evaluation.Subset{}
	}
	return a
}

// openLists starts the lists of wrong labels.
func (a *account) openLists() error {
	if !a.part.hasLists {
		return nil
	}
	for _, one := range []struct {
		path string
		to   **idlist.Writer
	}{{metadata.FalsePositiveIDsPath, &a.fp}, {metadata.FalseNegativeIDsPath, &a.fn}, {metadata.WrongIDsPath, &a.wrong}} {
		var err error
		if *one.to, err = a.c.newIDList(one.path); err != nil {
			return err
		}
	}
	return nil
}

// take accounts for a document that was read.
func (a *account) take(d *labelDoc, out *outcome) error {
	if a.part.counts {
		if err := a.count(d, out); err != nil {
			return err
		}
	}
	if a.fp == nil || !a.part.lists || !d.isEvaluated {
		return nil
	}
	return a.listWrong(d, out)
}

// count gathers what the report needs of a document.
func (a *account) count(d *labelDoc, out *outcome) error {
	if err := a.restrict(d); err != nil {
		return err
	}
	for _, t := range d.truths {
		if t.Crowd {
			a.crowds.Add(t.ID)
		}
	}
	if a.comparesLabels() {
		a.matches(d, out, a.changes.Label)
	}
	a.masks.look(a.openedEvaluation, d)
	return nil
}

// restrict adds a document's labels to the part that the numbers are restricted to, as FiftyOne's use_subset does.
func (a *account) restrict(d *labelDoc) error {
	s := a.subset
	if s == nil {
		return nil
	}
	switch a.config.Type {
	case evaluation.Regression:
		s.Truth.Add(d.id)
	case evaluation.Segmentation:
		if id, ok := idOf(d.truth); ok {
			s.Truth.Add(id)
		} else {
			s.NoTruth = true
		}
	default:
		for _, t := range d.truths {
			s.Truth.Add(t.ID)
		}
		s.NoTruth = s.NoTruth || len(d.truths) == 0
	}
	if a.config.Type == evaluation.Detection {
		for _, p := range d.preds {
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

// idOf is the id of a label.
func idOf(v bson.RawValue) (bson.ObjectID, bool) {
	doc, ok := v.DocumentOK()
	if !ok {
		return bson.ObjectID{}, false
	}
	return doc.Lookup("_id").ObjectIDOK()
}

// comparesLabels reports whether the labels tell what the results file has.
func (a *account) comparesLabels() bool {
	switch {
	case a.config.Hierarchies:
		return false
	case a.config.Type == evaluation.Segmentation:
		return a.subset == nil && a.file.HasIDs()
	case a.config.Type == evaluation.Detection:
		return true
	}
	return a.subset == nil // use_subset takes all matches without ground truth, where it takes one
}

// listWrong lists the labels that the evaluation calls wrong.
func (a *account) listWrong(d *labelDoc, out *outcome) (err error) {
	add := func(to *idlist.Writer, id bson.ObjectID) {
		if err == nil {
			err = to.Add(id)
		}
	}
	if a.config.Type == evaluation.Classification {
		if out.correct {
			return nil
		}
		for _, p := range d.preds {
			add(a.fp, p.ID)
			add(a.wrong, p.ID)
		}
		for _, t := range d.truths {
			add(a.fn, t.ID)
		}
		return err
	}
	for i := range d.preds {
		if p := &d.preds[i]; p.Outcome == evaluation.FalsePositive {
			add(a.fp, p.ID)
			if p.HasOther {
				add(a.wrong, p.ID)
			}
		}
	}
	for i := range d.truths {
		if t := &d.truths[i]; t.Outcome == evaluation.FalseNegative {
			add(a.fn, t.ID)
		}
	}
	return err
}

// close ends the lists.
func (a *account) close() error {
	for _, l := range []*idlist.Writer{a.fp, a.fn, a.wrong} {
		if l == nil {
			continue
		}
		if err := a.c.closeList(l); err != nil {
			return err
		}
	}
	return nil
}

// report makes the report, once all documents were accounted for, and counts what has changed since.
func (a *account) report(ctx context.Context, rescan func(fn func(*labelDoc, *outcome) error) error) (*evaluation.Report, error) {
	r, err := a.reportOf(ctx, a.subset, a.changes.File)
	if err != nil {
		return nil, err
	}
	r.MasksWritten = a.masks.count()
	if !a.comparesLabels() {
		return r, nil
	}
	r.Changed = 0
	if a.changes.Equal() {
		return r, nil
	}
	d := a.changes.Difference(a.scratch)
	err = rescan(func(doc *labelDoc, out *outcome) error {
		a.matches(doc, out, d.Label)
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	if err := a.file.Matches(ctx, a.subset, d.File); err != nil {
		return nil, err
	}
	r.Changed, err = d.Count(ctx)
	return r, err
}

// reportOf makes the report on a part.
func (a *account) reportOf(ctx context.Context, part *evaluation.Subset, seen func(*evaluation.Match)) (*evaluation.Report, error) {
	if !a.comparesLabels() {
		seen = nil
	}
	return a.file.Report(ctx, evaluation.Options{Subset: part, Crowds: &a.crowds, Scratch: a.scratch, Seen: seen, ClassName: a.className})
}

// scratch makes a temporary file, which goes with the spool.
func (a *account) scratch() (evaluation.Scratch, error) {
	f, err := a.c.spool.Scratch("sort")
	if err != nil {
		return nil, err
	}
	a.c.AtEnd(func() { _ = f.Close() })
	return f, nil
}

// labelSlots are where the values of a labelDoc are.
type labelSlots struct{ id, sample, truth, pred, result int }

// slots registers what is read of each document.
func (o *openedEvaluation) slots(f *view.Fields) labelSlots {
	truth, pred := o.fields.Paths()
	s := labelSlots{id: f.Slot("_id"), sample: -1, truth: f.Slot(o.truth.DBPath, truth...), pred: f.Slot(o.pred.DBPath, pred...), result: f.Slot(o.resultPath())}
	if o.config.IsFrames() {
		s.sample = f.Slot("_sample_id")
	}
	return s
}

// load reads the values of a document.
func (s labelSlots) load(from *view.Slots, d *labelDoc) {
	*d = labelDoc{truth: from.Value(s.truth), pred: from.Value(s.pred), result: from.Value(s.result)}
	d.id, _ = from.Value(s.id).ObjectIDOK()
	d.sample = d.id
	if s.sample >= 0 {
		d.sample, _ = from.Value(s.sample).ObjectIDOK()
	}
}

// each reads the documents of a view, or of its frames where these were evaluated.
func (o *openedEvaluation) each(ctx context.Context, c *collector, query view.Query, frames *view.Query, fn func(*labelDoc, *outcome) error) error {
	if o.config.IsFrames() {
		if frames == nil {
			return fault.New(fault.Plugin, fault.NoFrames, "The evaluation %q is of frames, but the call does not say where they are. This is a mistake in the plugin: please report it.", o.config.Key)
		}
		query = *frames
	}
	f := &view.Fields{}
	at := o.slots(f)
	slots := view.NewSlots(f.Slots)
	var d labelDoc
	return c.source.Read(ctx, query, f.Paths, func(docs []bson.Raw) error {
		for _, doc := range docs {
			slots.Load(doc)
			at.load(slots, &d)
			out := newOutcome()
			o.read(&d, &out)
			if err := fn(&d, &out); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}

// wasEvaluated makes sure that the evaluation has looked at something of a view, without reading all of it. Faults: not_evaluated.
func (o *openedEvaluation) wasEvaluated(ctx context.Context, source *view.Source, query view.Query, frames *view.Query) error {
	if o.config.IsFrames() && frames != nil {
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
		"No sample of the view was evaluated under the key %q: choose a view with samples that were, or evaluate this one.", o.config.Key)
}

// traces are conditions of which an evaluated document meets one.
func (o *openedEvaluation) traces() bson.A {
	set := func(path string) bson.D {
		return bson.D{{Key: path, Value: bson.D{{Key: "$ne", Value: nil}}}}
	}
	out := bson.A{set(o.resultPath())}
	if o.config.Type != evaluation.Detection {
		if o.config.Type == evaluation.Segmentation {
			out = append(out, set(o.config.Key+"_precision"), set(o.config.Key+"_recall"))
		}
		return out
	}
	truth, pred := o.fields.Paths()
	for _, side := range []struct {
		path  string
		parts []string
	}{{o.truth.DBPath, truth}, {o.pred.DBPath, pred}} {
		for _, p := range side.parts {
			if strings.HasSuffix(p, "."+o.config.Key) {
				out = append(out, set(side.path+"."+p))
			}
		}
	}
	return out
}
