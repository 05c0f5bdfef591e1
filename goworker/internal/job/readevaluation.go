package job

import (
	"context"
	"os"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/chart"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/evaluation"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// ReadEvaluation reads the numbers of an evaluation as LogEvaluation would log them, and asks nothing of W&B.
type ReadEvaluation struct {
	View    View
	Dataset Dataset
	EvalKey string
	// Frames are as those of LogEvaluation.
	Frames *view.Query
}

// Run does the job. It gives the charts, too, that a run would get.
func (j ReadEvaluation) Run(ctx context.Context, events Events) (*evaluation.Report, []chart.Chart, error) {
	setMemoryGoal(textGoal)
	t := newTracker(events.Progress)
	t.begin(StageReading)
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
	c := &collector{source: source, spool: spool, files: &artifact.Files{}, tracker: t}
	defer c.end()
	rows, err := LogEvaluation{View: j.View, Dataset: j.Dataset, EvalKey: j.EvalKey, Frames: j.Frames}.prepare(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	if rows.own.videos == nil { // frames were read before
		if err := rows.own.each(ctx, c, j.View.Query, j.Frames, rows.own.take); err != nil {
			return nil, nil, err
		}
	}
	res, err := rows.reports(ctx)
	if err != nil {
		return nil, nil, err
	}
	return res.Report, evaluationValues(res.Report, nil, defaultPrefix, nil).charts, nil
}
