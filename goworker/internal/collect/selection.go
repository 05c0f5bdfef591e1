package collect

import (
	"cmp"
	"container/heap"
	"context"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

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
	c.Tracker.choosing(true)
	defer c.Tracker.choosing(false)
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
