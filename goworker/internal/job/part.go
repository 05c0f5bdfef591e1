package job

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// shardFiles is what the files become that hold something of each row, where the rows are those of one shard: parts of the artifact's.
type shardFiles interface {
	// hasAll reports whether the shard has all rows. rowIDs are the ids of its rows, nil for all.
	hasAll() bool
	rowIDs() []bson.ObjectID
	newIDList(path string) *idlist.Writer
	prepareTable(t *tableFile)
	closeTable(t *tableFile) error
	prepareVectors(v *vectorFile)
	closeVectors(c *collector, v *vectorFile) error
}

// mergedFiles is the same files where shards have read the rows.
type mergedFiles interface {
	closeTable(c *collector, t *tableFile) error
	closeVectors(c *collector, fields []view.Field)
}

// errEmptyView is the error of a view without rows.
func errEmptyView() error {
	return fault.New(fault.Settings, fault.EmptyView, "The view has no samples, so there is nothing to log: choose another view.")
}

// errNotSame is the error of rows that are not those of an earlier reading.
func errNotSame() error {
	return fault.New(fault.FiftyOne, fault.ViewChanged,
		"Samples or media files of the view changed while the job ran, so that a second reading did not match the first: log the view again when nothing changes it.")
}

// errDrawnAgain is the error of rows that several workers cannot share, since each would draw others.
func errDrawnAgain() error {
	return fault.New(fault.Settings, fault.BadView,
		"Several workers cannot share this view, since it draws other samples each time it is read, by $sample, $sampleRate or $rand. "+
			"Choose the samples with take(n, seed=1), which gives the same ones each time, or log it with workers=1.")
}
