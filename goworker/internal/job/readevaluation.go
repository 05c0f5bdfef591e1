package job

import (
	"cmp"
	"context"
	"os"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/chart"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evalreport"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluated"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/memory"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// ReadEvaluation reads the numbers of an evaluation as LogEvaluation would log them, and asks nothing of W&B.
type ReadEvaluation struct {
	View    collect.View
	Dataset collect.Dataset
	EvalKey string
	// CompareWith is another evaluation that this one is compared with, or empty.
	CompareWith string
	// Frames are as those of LogEvaluation.
	Frames *view.Query
	// LabelsOf chooses matches whose labels' ids are given to the caller, too; nil for none.
	LabelsOf *EvaluationCell
}

// EvaluationCell is a part of a confusion matrix, by the names that a report gives to classes. Nil stands for any class.
type EvaluationCell struct {
	Truth, Predicted *string
	// Either reports that one of the two is enough.
	Either bool
}

// ReadReport is a report, with the charts that a run would get of it.
type ReadReport struct {
	Report *evaluation.Report
	Charts []chart.Chart
}

// Run does the job. The second report is nil where nothing was compared. ids gets packed ids of labels as they are found: of each match
// that LabelsOf chooses the one of its ground truth, or of its prediction where it has none.
func (j ReadEvaluation) Run(ctx context.Context, events publish.Events, ids func(packed []byte) error) (own, other *ReadReport, err error) {
	memory.ForTexts()
	t := collect.NewTracker(events.Progress)
	t.Begin(collect.StageReading)
	source, err := view.Connect(ctx, j.View.Query.URI)
	if err != nil {
		return nil, nil, err
	}
	defer source.Close()
	if err := source.Check(ctx, j.View.Query); err != nil {
		return nil, nil, err
	}
	spool, err := artifact.NewSpool(os.TempDir())
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = spool.Close() }()
	c := &collect.Collector{Source: source, Spool: spool, Files: &artifact.Files{}, Tracker: t}
	defer c.End()
	rows, err := LogEvaluation{View: j.View, Dataset: j.Dataset, EvalKey: j.EvalKey, CompareWith: j.CompareWith, Frames: j.Frames}.prepare(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	if j.LabelsOf != nil {
		if err := j.LabelsOf.find(ctx, rows.own.Evaluation, ids); err != nil {
			return nil, nil, err
		}
	}
	for _, e := range rows.both() {
		if e.videos == nil { // frames were read before
			if err := e.Each(ctx, c.Source, j.View.Query, j.Frames, e.take); err != nil {
				return nil, nil, err
			}
		}
	}
	res, err := rows.reports(ctx)
	if err != nil {
		return nil, nil, err
	}
	return readReport(res.Report), readReport(res.Other), nil
}

func readReport(r *evaluation.Report) *ReadReport {
	if r == nil {
		return nil
	}
	return &ReadReport{r, evalreport.NewValues(r, nil, evalreport.DefaultPrefix, nil).Charts}
}

// idsAtOnce is how many ids are handed on together.
const idsAtOnce = 10_000

// find gives the ids of the labels of the cell.
func (cell *EvaluationCell) find(ctx context.Context, o *evaluated.Evaluation, give func(packed []byte) error) error {
	name := func(label string) string {
		label = cmp.Or(label, o.File.Missing())
		if o.ClassName != nil {
			return o.ClassName(label)
		}
		return label
	}
	packed := make([]byte, 0, idsAtOnce*12)
	var failed error
	flush := func() {
		if failed == nil && len(packed) > 0 {
			failed = give(packed)
		}
		packed = make([]byte, 0, idsAtOnce*12) // the other may be on its way yet
	}
	err := o.File.Matches(ctx, nil, func(m *evaluation.Match) {
		if !cell.has(name(m.Truth), name(m.Predicted)) {
			return
		}
		if packed = append(packed, cmp.Or(m.TruthID, m.PredictedID)...); len(packed) >= idsAtOnce*12 {
			flush()
		}
	})
	if err != nil {
		return err
	}
	flush()
	return failed
}

// has reports whether a match of these classes is in the cell.
func (cell *EvaluationCell) has(truth, predicted string) bool {
	isTruth, isPredicted := cell.Truth == nil || *cell.Truth == truth, cell.Predicted == nil || *cell.Predicted == predicted
	if cell.Either {
		return isTruth || isPredicted
	}
	return isTruth && isPredicted
}
