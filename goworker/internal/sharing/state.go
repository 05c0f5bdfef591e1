package sharing

import (
	"context"
	"encoding/json"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// planState is what all slots have to know of the job beside its request.
type planState struct {
	RunID string `json:"run_id"`
	// NewRun says that the run was not there before.
	NewRun bool   `json:"new_run,omitempty"`
	Entity string `json:"entity"`
	// Chosen are the ids of the rows that were chosen of a view, as far as these are no more than collect.MostSelected, ChosenRows is how many
	// they are, and ChosenOf how many rows the view has. See collect.Choice.
	Chosen     []byte `json:"chosen,omitempty"`
	ChosenRows int    `json:"chosen_rows,omitempty"`
	ChosenOf   int64  `json:"chosen_of,omitempty"`
	// Shown are the rows that show pictures; nil for all.
	Shown *collect.ShownRows `json:"shown,omitempty"`
	// Media are files of some rows that are there on the machine that planned.
	Media   []string         `json:"media,omitempty"`
	Classes *picture.Classes `json:"classes,omitempty"`
	// Texts are the columns of each table that have to be texts, and Shapes those of the vectors, which is known when all rows were read.
	Texts  map[string][]int `json:"texts,omitempty"`
	Shapes map[string][]int `json:"shapes,omitempty"`
	// Found is the collector's.
	Found json.RawMessage `json:"found,omitempty"`
}

// shardState is what was read of a shard, but for what is too large for it.
type shardState struct {
	Tables  map[string]*tableState `json:"tables,omitempty"`
	Vectors map[string]vectorState `json:"vectors,omitempty"`
	Tally   publish.Tally          `json:"tally"`
	// What follows may differ when the shard is read again.
	Warnings []collect.Warning `json:"warnings,omitempty"`
	Made     int64             `json:"made,omitempty"`

	rows int64
}

// tableState is a table of a shard's rows.
type tableState struct {
	Parts []partState `json:"parts"`
	Types table.Types `json:"types"`
}

// partState is a part of a table that lacks its end.
type partState struct {
	Rows int64  `json:"rows"`
	Size int64  `json:"size"`
	MD5  []byte `json:"md5"` // its state, see artifact.SpoolFile.State
}

// vectorState is the vectors of a field in a shard's rows.
type vectorState struct {
	Count int64 `json:"count"`
	Shape []int `json:"shape,omitempty"`
}

// shardRead takes what a collector's content makes of a shard's rows.
type shardRead struct {
	n      int64
	alone  bool            // the rows are all rows
	ids    []bson.ObjectID // of the rows; nil for all
	parts  collect.Parts
	texts  map[string][]int
	shapes map[string][]int
	state  shardState
	tables map[string]*collect.TableFile
	ctx    context.Context // of the reading
	pieces shard.Pieces    // nil where the shard is read again
	lists  []shardList
}

// shardList is a list of ids and where they go.
type shardList struct {
	*idlist.Writer
	to *pieceWriter
}

// shardSpool is what this slot has of a shard that it has read.
type shardSpool struct {
	c     *collect.Collector
	read  *shardRead
	ended bool // the tables have their ends
}

// leadContent is the artifact's content as the lead knows it: the bytes of most of its files are with the slots.
type leadContent struct {
	c      *collect.Collector
	merged *mergedShards
	pub    *publish.Publication
}

// mergedShards is what was read of all shards, in the order of the rows.
type mergedShards struct {
	alone   bool
	tables  map[string]*tableState
	vectors map[string]int64
	rows    int64
	made    int64
}

// announcedState is what slots have to know of the artifact to upload its files.
type announcedState struct {
	Pending wandb.Pending             `json:"pending"`
	Tables  map[string]announcedTable `json:"tables,omitempty"`
	// Shown is the key of the table of which the run's workspace gets a copy; empty for none.
	Shown string `json:"shown,omitempty"`
}

// announcedTable is how the parts of a table end.
type announcedTable struct {
	Types json.RawMessage `json:"types"`
	Parts int             `json:"parts"`
}

// upState is what was uploaded of a shard.
type upState struct {
	IDs       []string        `json:"ids"`
	Births    []byte          `json:"births"`
	Unchanged int64           `json:"unchanged,omitempty"`
	Shown     *wandb.RunTable `json:"shown,omitempty"`
	NotShown  string          `json:"not_shown,omitempty"` // why there is no copy
}

// outcomeState is what a job has come to.
type outcomeState struct {
	Result publish.Result `json:"result"`
	// Values is a packed valuesState; nil where the run gets none.
	Values []byte `json:"values,omitempty"`
	// Shown is the table that the workspace of a new run shows; nil for none.
	Shown *wandb.RunTable `json:"shown,omitempty"`
}
