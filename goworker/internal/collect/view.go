package collect

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
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

// Selection is which rows of a view to log: some, chosen at random but always the
// same ones, those with the least confident labels, or those where an evaluation is worst.
type Selection struct {
	Max  int64
	Seed int64
	// ByConfidence chooses the rows whose label of the lowest confidence has the
	// lowest of all.
	ByConfidence bool
	// ByErrors chooses the rows of which an evaluation says the worst.
	ByErrors bool
}

const (
	// mostMatched is how many ids MongoDB is asked for; more would not fit into one
	// command, so that all rows are read and passed over then.
	mostMatched = 200_000
	// MostSelected is how many ids a stage of a view may have: FiftyOne's limit.
	MostSelected = 400_000
)

// ChosenView is a view, which of its rows are logged, and which of these show pictures.
type ChosenView struct {
	View
	Choice *Choice    // nil for all
	Shown  *ShownRows // nil for all
}

// Choice is the rows that were chosen.
type Choice struct {
	IDs  []bson.ObjectID // in their own order
	Of   int64           // rows that there are
	Left int             // to be read still
	Selection
}

// ShownRows are the rows that show pictures, where not all do: W&B's own client needs so much memory for each entry of an
// artifact that one of very many pictures can be logged, but not be read.
//
// They are those with the lowest randomKey, so that whoever reads a part of the rows knows which of these show
// pictures. It can be kept and sent as JSON.
type ShownRows struct {
	// Last is the highest randomKey of a row that shows pictures.
	Last uint64 `json:"last"`
	// Rows is how many rows show pictures, and Of how many there are.
	Rows int64 `json:"rows"`
	Of   int64 `json:"of"`
	// Max and Seed are those of the pictures' configuration.
	Max  int64 `json:"max"`
	Seed int64 `json:"seed"`
}

// ChosenQuery is how the rows to log are read.
func (v ChosenView) ChosenQuery() (view.Query, error) {
	if v.Choice == nil || len(v.Choice.IDs) > mostMatched {
		return v.Query, nil
	}
	return v.Query.With(bson.D{{Key: "$match", Value: bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: v.Choice.IDs}}}}}})
}

// OnlyChosen gives those of some documents that are to be logged. A view may have a row
// twice, which counts as two.
func (v ChosenView) OnlyChosen(docs []bson.Raw) []bson.Raw {
	if v.Choice == nil {
		return docs
	}
	return slices.DeleteFunc(docs, func(doc bson.Raw) bool {
		id, _ := doc.Lookup("_id").ObjectIDOK()
		_, chosen := slices.BinarySearchFunc(v.Choice.IDs, id, compareIDs)
		if !chosen || v.Choice.Left == 0 {
			return true
		}
		v.Choice.Left--
		return false
	})
}

// Size is the number of rows of the view, of which n are logged.
func (v ChosenView) Size(n int64) int64 {
	if v.Choice != nil {
		return v.Choice.Of
	}
	return n
}

// Part is the view whose rows are those that were chosen: a subset, with a stage
// more. Clips, whose ids do not last, and too many rows have no such stage; then the
// list of sample ids has to do.
func (v ChosenView) Part() View {
	if v.Choice == nil {
		return v.View
	}
	v.IsSubset = true
	if v.Rows == view.RowClip || len(v.Choice.IDs) > MostSelected {
		v.SerializationJSON = ""
		return v.View
	}
	var stages []json.RawMessage
	if v.SerializationJSON != "" && json.Unmarshal([]byte(v.SerializationJSON), &stages) != nil {
		v.SerializationJSON = ""
		return v.View
	}
	ids := make([]string, len(v.Choice.IDs))
	for i, id := range v.Choice.IDs {
		ids[i] = id.Hex()
	}
	stages = append(stages, metadata.JSON(map[string]any{
		"_cls": "fiftyone.core.stages.Select", "kwargs": [][2]any{{"sample_ids", ids}, {"ordered", false}},
	}))
	v.SerializationJSON = string(metadata.JSON(stages))
	return v.View
}

// Describe says in an artifact's metadata that it is a part of a view, and which.
func (c *Choice) Describe(meta *metadata.Object) {
	if c == nil {
		return
	}
	by := &metadata.Object{}
	by.Set("max_samples", c.Max)
	by.Set("of", c.Of)
	switch {
	case c.ByConfidence:
		by.Set("select_by", "lowest_confidence")
	case c.ByErrors:
		by.Set("select_by", "worst")
	default:
		by.Set("select_by", "random")
		by.Set("seed", c.Seed)
	}
	meta.Raw("selection", by.Bytes())
}

// describe says in an artifact's metadata which rows show pictures.
func (s *ShownRows) describe(meta *metadata.Object) {
	if s == nil {
		return
	}
	by := &metadata.Object{}
	by.Set("pictures_max", s.Max)
	by.Set("rows", s.Rows)
	by.Set("of", s.Of)
	by.Set("seed", s.Seed)
	meta.Raw("picture_selection", by.Bytes())
}

// Note says that not all rows show pictures.
func (s *ShownRows) Note(w *Warnings) {
	if s != nil {
		w.Note("pictures_max", "%s of %s rows show pictures, chosen at random, and the picture cells of the others are empty: "+
			"pictures_max= sets how many pictures there are at most.", words.Thousands(s.Rows), words.Thousands(s.Of))
	}
}

func compareIDs(a, b bson.ObjectID) int { return bytes.Compare(a[:], b[:]) }
