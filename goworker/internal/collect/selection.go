package collect

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

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

// Scorer registers what a choice reads of each row, and gives a function that scores rows: the lowest are chosen.
type Scorer func(*Reader) func(*Row) (float64, error)

// ByConfidence scores rows by the lowest confidence of a field, where that is how they are chosen.
func ByConfidence(scored *view.Field) Scorer {
	return func(rd *Reader) func(*Row) (float64, error) {
		if scored == nil || !rd.View.Selection.ByConfidence {
			return func(*Row) (float64, error) { return 0, nil }
		}
		slot := rd.Slot(scored.DBPath, label.Paths(scored.LabelType)...)
		format := label.NewFormatter(scored.LabelType)
		return func(r *Row) (float64, error) { return lowest(format.Format(r.Value(slot)).Leaves), nil }
	}
}

// Choose reads through a view once, as far as is needed to choose its rows.
func (c *Collector) Choose(ctx context.Context, v View, by Scorer) (ChosenView, error) {
	all := ChosenView{View: v}
	if v.Selection == nil {
		return all, nil
	}
	picked, n, err := c.pick(ctx, all, v.Selection.Max, v.Selection.Seed, by)
	if err != nil || n <= v.Selection.Max {
		return all, err
	}
	out := &Choice{Of: n, Left: len(picked), Selection: *v.Selection}
	for _, one := range picked {
		out.IDs = append(out.IDs, one.id)
	}
	slices.SortFunc(out.IDs, compareIDs)
	c.Tracker.RowsTotal(int64(len(out.IDs)))
	return ChosenView{View: v, Choice: out}, nil
}

// pick reads through a view once, and returns how many rows it has and the best of them, at most so many; the first of these
// is the worst. Of rows with the same score it takes some at random.
func (c *Collector) pick(ctx context.Context, v ChosenView, most, seed int64, by Scorer) (picked []candidate, n int64, err error) {
	rd, err := NewReader(c, v)
	if err != nil {
		return nil, 0, err
	}
	score := by(rd)
	best := &candidates{}
	salt := saltOf(seed)
	n, err = rd.Each(ctx, func(r *Row) error {
		value, err := score(r)
		if err != nil {
			return err
		}
		one := candidate{score: value, key: randomKey(salt, rd.Base, r), id: r.Own}
		if int64(best.Len()) < most {
			heap.Push(best, one)
		} else if best.Len() > 0 && one.less(best.list[0]) {
			best.list[0] = one
			heap.Fix(best, 0)
		}
		return nil
	})
	return best.list, n, err
}

// saltOf is a seed as randomKey takes it.
func saltOf(seed int64) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(seed)) //nolint:gosec // bits only
}

// lowest is the lowest confidence of some labels; those without one come last.
func lowest(leaves []label.Leaf) float64 {
	out := math.Inf(1)
	for _, l := range leaves {
		if l.HasConfidence {
			out = min(out, l.Confidence)
		}
	}
	return out
}

// randomKey is a row's place in an order that looks like chance and depends on nothing but
// the seed and the row. The ids of clips are new each time.
func randomKey(seed []byte, base *RowBase, r *Row) uint64 {
	h := sha256.New()
	h.Write(seed)
	h.Write(r.Source[:])
	if base.kind == view.RowClip {
		h.Write(r.Value(base.extra).Value)
	} else {
		h.Write(r.Own[:])
	}
	return binary.LittleEndian.Uint64(h.Sum(nil))
}

// candidate is a row that may be chosen.
type candidate struct {
	score float64
	key   uint64
	id    bson.ObjectID
}

func (a candidate) less(b candidate) bool {
	return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.key, b.key)) < 0
}

// candidates is a heap whose first is the one to go.
type candidates struct{ list []candidate }

// Len implements heap.Interface.
func (c *candidates) Len() int { return len(c.list) }

// Less implements heap.Interface.
func (c *candidates) Less(i, j int) bool { return c.list[j].less(c.list[i]) }

// Swap implements heap.Interface.
func (c *candidates) Swap(i, j int) { c.list[i], c.list[j] = c.list[j], c.list[i] }

// Push implements heap.Interface.
func (c *candidates) Push(x any) { c.list = append(c.list, x.(candidate)) }

// Pop implements heap.Interface.
func (c *candidates) Pop() any {
	last := c.list[len(c.list)-1]
	c.list = c.list[:len(c.list)-1]
	return last
}

func compareIDs(a, b bson.ObjectID) int { return bytes.Compare(a[:], b[:]) }

// Query is how the rows to log are read.
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
