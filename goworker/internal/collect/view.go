package collect

import (
	"cmp"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// Dataset is what an artifact's metadata says of the dataset.
type Dataset struct {
	Name, MediaType, FiftyOneVersion string
	// ID is FiftyOne's own, which stays when the dataset is renamed.
	ID                        string
	CreatedAt, LastModifiedAt string // ISO 8601, or empty
	InfoJSON                  string
	DefaultClassesJSON        string
	MaskTargetsJSON           string
	FrameFields               []string
	HasFrameFields            bool
	// Collection and Pipeline are the whole dataset's, to count it.
	Collection string
	Pipeline   []bson.Raw
}

// View is the rows to log.
type View struct {
	Query    view.Query
	IsSubset bool
	// SerializationJSON are the view's stages; set for subsets.
	SerializationJSON string
	Rows              view.RowKind
	// Selection is which of the rows to log; nil for all.
	Selection *Selection
	// GroupSlice is the active slice of a grouped view, which its stages do not tell.
	GroupSlice string
}

// Parts is how the files are cut that hold something of each row: there is one up to Whole rows, else one for each Part of them.
// 0 stands for table.WholeRows and table.PartRows.
type Parts struct{ Whole, Part int64 }

// OrUsual is with the usual numbers in place of 0, and with a Whole that full parts make up.
func (p Parts) OrUsual() Parts {
	p = Parts{cmp.Or(p.Whole, table.WholeRows), cmp.Or(p.Part, table.PartRows)}
	p.Whole -= p.Whole % p.Part
	return p
}
