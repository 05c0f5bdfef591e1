package job

import (
	"context"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
)

// spec is what tells the logging jobs apart.
type spec struct {
	target      Target
	view        View
	parts       Parts  // 0 for as usual
	kind        string // the artifact's type
	runPrefix   string // of the id of a new run
	defaultName func(runID string) string
	// score is how rows can be chosen.
	score scorer
	// prepare is called before anything is read of the view; nil for nothing. It is called again with each attempt.
	prepare func(context.Context, *collector) error
	// open registers what the job reads of each row, and starts the files that it goes to.
	open func(context.Context, *reader) (content, error)
	// inOnePiece says that the content has a file that is not made of parts: its rows cannot be shared by several workers.
	inOnePiece bool
	pictures   *picture.Config // nil for none
}

// content is what a logging job makes of a view's rows: the files of its artifact, and how they are described.
type content interface {
	// add takes the next row.
	add(*row) error
	// close ends the files and hands them to the artifact, when the last row was added.
	close() error
	// publication says what to upload, when n rows were added and all is closed.
	publication(ctx context.Context, n int64) (*publication, error)
	// tally is what was counted, and addTally adds what was counted of rows that follow and that another worker has read.
	tally() tally
	addTally(tally)
}

// tally is what a content counts of its rows beside what its files hold.
type tally struct {
	Splits      map[string]int64 `json:"splits,omitempty"`
	Predictions int64            `json:"predictions,omitempty"`
	// Sum is of what an evaluation says of the rows.
	Sum     uint64 `json:"sum,omitempty"`
	classes *metadata.ClassCounts
}
