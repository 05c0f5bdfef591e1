package job

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluated"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// LogEvaluation is the job of log_evaluation_to_wandb.
type LogEvaluation struct {
	Target publish.Target
	// View are the samples to log. Where it is not what was evaluated, the numbers are those of the evaluation restricted to it.
	View    collect.View
	Dataset collect.Dataset
	// EvalKey is the evaluation; CompareWith another one that it is compared with, or empty.
	EvalKey, CompareWith string
	// ModelName is what the run's config calls the model; it may be empty.
	ModelName string
	// Prefix is that of the keys in the run's summary; empty for "eval".
	Prefix string
	// Frames are the documents of the frames of the view's samples, in the order of these. It is needed for
	// evaluations of frames only.
	Frames *view.Query
	// Subsets are parts of the view whose numbers are logged, too.
	Subsets []EvaluationSubset
	// Pictures are the pictures in the table; nil for none. Overlays without fields draw the ground truth and the
	// predictions of the evaluation.
	Pictures *picture.Config
	Fields   []view.Field
	Parts    collect.Parts
}

// EvaluationSubset is a part of a view under a name.
type EvaluationSubset struct {
	Name  string
	Query view.Query
	// Frames are as those of LogEvaluation.
	Frames *view.Query
}

// evaluationRows makes an evaluation's tables and lists.
type evaluationRows struct {
	job       LogEvaluation
	c         *collect.Collector
	schema    *evaluated.Schema
	reader    *collect.Reader
	own       *judged
	other     *judged // that it is compared with, or nil
	table     *collect.RowTable
	ids       *idlist.Writer
	worse     *idlist.Writer // samples on which own is worse than other; nil without one
	part      evaluationPart
	accounted bool // the rows were accounted for when they were chosen
	evaluated int64
	sum       checkSum // of the rows
	tags      []string
	// shownFrame is the slot of the frame that a row's picture shows; -1 where rows show none.
	shownFrame int
}

// judged is one of the evaluations of a job, with what it says of the current row.
type judged struct {
	*evaluated.Account
	part   evaluationPart
	lists  wrongLists
	at     evaluated.Slots
	now    evaluated.Outcome
	doc    evaluated.Doc
	result bson.RawValue // of the row: for videos the mean over the frames
	// videos are the outcomes of samples whose frames were evaluated.
	videos map[bson.ObjectID]*evaluated.Outcome
}

// both are the evaluations of the job.
func (r *evaluationRows) both() []*judged {
	if r.other == nil {
		return []*judged{r.own}
	}
	return []*judged{r.own, r.other}
}

// goodness is that of the current row.
func (e *judged) goodness() float64 { return e.now.Goodness(e.Config, e.result) }

// evaluationPart is which part of the work on an evaluation is done here. One worker does all of it. Of several, each makes the rows, pictures
// and lists of its shards, and the lead makes the numbers, for which it reads all labels once more: without pictures that is quick.
type evaluationPart struct {
	isShared bool
	// counts says that the report is made here, of all documents.
	counts bool
	// lists says that wrong labels are listed where documents are read, and hasLists that the lists are here: those of the lead come from
	// the shards, unless these do not have all rows.
	lists, hasLists bool
	// opensFile says that the results file is read.
	opensFile bool
}

// checkSum is a sum over documents, in any order, which is equal if an evaluation says the same of them.
type checkSum uint64

// wrongLists are the lists of the labels that an evaluation calls wrong; nil for the evaluation that is compared with.
type wrongLists struct{ fp, fn, wrong *idlist.Writer }

// take accounts for a document that was read.
func (e *judged) take(d *evaluated.Doc, out *evaluated.Outcome) error {
	if e.part.counts {
		if err := e.Count(d, out); err != nil {
			return err
		}
	}
	if e.lists.fp == nil || !e.part.lists || !d.IsEvaluated {
		return nil
	}
	return e.lists.add(e.Config.Type, d, out)
}

// add lists the wrong labels of a document that was evaluated.
func (l *wrongLists) add(t evaluation.Type, d *evaluated.Doc, out *evaluated.Outcome) (err error) {
	add := func(to *idlist.Writer, id bson.ObjectID) {
		if err == nil {
			err = to.Add(id)
		}
	}
	if t == evaluation.Classification {
		if out.Correct {
			return nil
		}
		for _, p := range d.Preds {
			add(l.fp, p.ID)
			add(l.wrong, p.ID)
		}
		for _, t := range d.Truths {
			add(l.fn, t.ID)
		}
		return err
	}
	for i := range d.Preds {
		if p := &d.Preds[i]; p.Outcome == evaluation.FalsePositive {
			add(l.fp, p.ID)
			if p.HasOther {
				add(l.wrong, p.ID)
			}
		}
	}
	for i := range d.Truths {
		if t := &d.Truths[i]; t.Outcome == evaluation.FalseNegative {
			add(l.fn, t.ID)
		}
	}
	return err
}
