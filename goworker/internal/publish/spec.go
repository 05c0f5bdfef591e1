package publish

import (
	"context"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
)

// Spec is what a logging job logs, and how: all that tells one from another.
type Spec struct {
	Target      Target
	View        collect.View
	Parts       collect.Parts // 0 for as usual
	Kind        string        // the artifact's type
	RunPrefix   string        // of the id of a new run
	DefaultName func(runID string) string
	// Score is how rows can be chosen.
	Score collect.Scorer
	// Prepare is called before anything is read of the view; nil for nothing. It is called again with each attempt.
	Prepare func(context.Context, *collect.Collector) error
	// Open registers what the job reads of each row, and starts the files that it goes to.
	Open func(context.Context, *collect.Reader) (Content, error)
	// InOnePiece says that the content has a file that is not made of parts: its rows cannot be shared by several workers.
	InOnePiece bool
	Pictures   *picture.Config // nil for none
}

// Content is what a logging job makes of a view's rows: the files of its artifact, and how they are described.
type Content interface {
	// Add takes the next row.
	Add(*collect.Row) error
	// Close ends the files and hands them to the artifact, when the last row was added.
	Close() error
	// Publication says what to upload, when n rows were added and all is closed.
	Publication(ctx context.Context, n int64) (*Publication, error)
	// Tally is what was counted, and AddTally adds what was counted of rows that follow and that another worker has read.
	Tally() Tally
	AddTally(Tally)
}

// Tally is what a content counts of its rows beside what its files hold.
type Tally struct {
	Splits      map[string]int64 `json:"splits,omitempty"`
	Predictions int64            `json:"predictions,omitempty"`
	// Sum is of what an evaluation says of the rows.
	Sum     uint64                `json:"sum,omitempty"`
	Classes *metadata.ClassCounts `json:"-"`
}

// Publication is what collecting a view has come to.
type Publication struct {
	Description            string
	Metadata, SlimMetadata []byte
	// Config are the keys for the run.
	Config map[string]any
	// Table is shown in the workspace of a run that this job created; nil for none.
	Table *collect.TableFile
	// Values are numbers and charts for the run; nil for none.
	Values *RunValues
	// Result holds the counts.
	Result Result
}

// config are the keys that the run's config gets.
func (pub *Publication) runConfig() map[string]any {
	config := map[string]any{}
	for key, value := range pub.Config {
		config[key] = value
	}
	if pub.Values != nil {
		for key, value := range pub.Values.Own {
			config[key] = value
		}
	}
	return config
}
