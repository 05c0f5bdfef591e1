package collect

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// ShardFiles is what the files become that hold something of each row, where the rows are those of one shard: parts of the artifact's.
type ShardFiles interface {
	// HasAll reports whether the shard has all rows. RowIDs are the ids of its rows, nil for all.
	HasAll() bool
	RowIDs() []bson.ObjectID
	NewIDList(path string) *idlist.Writer
	PrepareTable(t *TableFile)
	CloseTable(t *TableFile) error
	PrepareVectors(v *VectorFile)
	CloseVectors(c *Collector, v *VectorFile) error
}

// MergedFiles is the same files where shards have read the rows.
type MergedFiles interface {
	CloseTable(c *Collector, t *TableFile) error
	CloseVectors(c *Collector, fields []view.Field)
}

// ErrEmptyView is the error of a view without rows.
func ErrEmptyView() error {
	return fault.New(fault.Settings, fault.EmptyView, "The view has no samples, so there is nothing to log: choose another view.")
}

// ErrNotSame is the error of rows that are not those of an earlier reading.
func ErrNotSame() error {
	return fault.New(fault.FiftyOne, fault.ViewChanged,
		"Samples or media files of the view changed while the job ran, so that a second reading did not match the first: log the view again when nothing changes it.")
}

// ErrDrawnAgain is the error of rows that several workers cannot share, since each would draw others.
func ErrDrawnAgain() error {
	return fault.New(fault.Settings, fault.BadView,
		"Several workers cannot share this view, since it draws other samples each time it is read, by $sample, $sampleRate or $rand. "+
			"Choose the samples with take(n, seed=1), which gives the same ones each time, or log it with workers=1.")
}
