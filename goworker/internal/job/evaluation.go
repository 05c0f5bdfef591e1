package job

import (
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
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
