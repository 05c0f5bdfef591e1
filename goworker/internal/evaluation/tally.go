package evaluation

import (
	"cmp"
	"math"
	"slices"
)

// mostCells bounds the distinct pairs of labels.
const mostCells = 1 << 20

// pair is the labels of a match.
type pair struct{ truth, pred int32 }

// tally counts matches.
type tally struct {
	cells map[pair]int64 // weighted
	// of each predicted label: how often it was predicted, and the sums of the panel's means.
	preds []predicted
	rows  int64
}

type predicted struct {
	n         int64
	conf, iou float64
}

func newTally() *tally { return &tally{cells: map[pair]int64{}} }

func (t *tally) add(r *row) error {
	t.rows++
	t.cells[pair{r.truth, r.pred}] += r.weight
	if len(t.cells) > mostCells {
		return errManyNames
	}
	if r.pred < 0 {
		return nil
	}
	for int(r.pred) >= len(t.preds) {
		t.preds = append(t.preds, predicted{})
	}
	p := &t.preds[r.pred]
	p.n++
	if r.hasConf && !math.IsNaN(r.conf) {
		p.conf += r.conf
	}
	if r.hasIoU {
		p.iou += r.iou
	}
	return nil
}

// mean is one of the panel's means of a class; 0 without predictions.
func (t *tally) mean(class int32, of func(predicted) float64) float64 {
	if int(class) >= len(t.preds) || class < 0 || t.preds[class].n == 0 {
		return 0
	}
	return of(t.preds[class]) / float64(t.preds[class].n)
}

// counts are the sums over the cells of one class.
type counts struct{ tp, pred, truth int64 }

func (c counts) average() Average {
	return Average{Precision: ratio(c.tp, c.pred), Recall: ratio(c.tp, c.truth), F1: ratio(2*c.tp, c.pred+c.truth), Support: c.truth}
}

// ratio is 0 for 0/0, as scikit-learn has it with zero_division=0.
func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// classCounts sums the cells by class; number is the place of a label in the result, or less than 0 for what is in no class.
func (t *tally) classCounts(n int, number func(int32) int) []counts {
	out := make([]counts, n)
	for at, k := range t.cells {
		truth, pred := number(at.truth), number(at.pred)
		if truth >= 0 {
			out[truth].truth += k
		}
		if pred >= 0 {
			out[pred].pred += k
		}
		if truth >= 0 && truth == pred {
			out[truth].tp += k
		}
	}
	return out
}

// accuracy is that of FiftyOne's metrics(): over the matches of which one side at least is in a class.
func (t *tally) accuracy(number func(int32) int) float64 {
	var same, all int64
	for at, k := range t.cells {
		if number(at.truth) < 0 && number(at.pred) < 0 {
			continue
		}
		all += k
		if at.truth == at.pred {
			same += k
		}
	}
	return ratio(same, all)
}

// count sums the cells that are wanted.
func (t *tally) count(want func(pair) bool) (n int64) {
	for at, k := range t.cells {
		if want(at) {
			n += k
		}
	}
	return n
}

// confusion is the matrix over the given labels, in their order. Labels that are not among them are dropped with their partners.
func (t *tally) confusion(order []int32, n *names) Confusion {
	out := Confusion{}
	place := map[int32]int{}
	for i, label := range order {
		place[label] = i
		out.Labels = append(out.Labels, n.list[label])
	}
	for at, k := range t.cells {
		truth, ok1 := place[at.truth]
		pred, ok2 := place[at.pred]
		if ok1 && ok2 && k != 0 {
			out.Cells = append(out.Cells, Cell{truth, pred, k})
		}
	}
	slices.SortFunc(out.Cells, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.Truth, b.Truth), cmp.Compare(a.Predicted, b.Predicted))
	})
	return out
}

// macro is the plain mean over classes, weighted the one by support.
func averages(each []counts) (micro, macro, weighted Average) {
	var sum counts
	var p, r, f, wp, wr, wf []float64
	for _, c := range each {
		sum.tp, sum.pred, sum.truth = sum.tp+c.tp, sum.pred+c.pred, sum.truth+c.truth
		one := c.average()
		p, r, f = append(p, one.Precision), append(r, one.Recall), append(f, one.F1)
		w := float64(c.truth)
		wp, wr, wf = append(wp, one.Precision*w), append(wr, one.Recall*w), append(wf, one.F1*w)
	}
	micro = sum.average()
	macro = Average{mean(p), mean(r), mean(f), sum.truth}
	weighted = Average{Support: sum.truth}
	if n := float64(sum.truth); n > 0 {
		weighted.Precision, weighted.Recall, weighted.F1 = sumOf(wp)/n, sumOf(wr)/n, sumOf(wf)/n
	}
	return micro, macro, weighted
}

// mean is 0 for nothing.
func mean(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return sumOf(values) / float64(len(values))
}

// sumOf adds up as numpy does, pairwise in blocks of 128 that are added in 8 lanes, so that the last digits are the same.
func sumOf(v []float64) float64 {
	switch n := len(v); {
	case n < 8:
		sum := 0.0
		for _, x := range v {
			sum += x
		}
		return sum
	case n <= 128:
		var lane [8]float64
		copy(lane[:], v)
		i := 8
		for ; i < n-n%8; i += 8 {
			for j := range lane {
				lane[j] += v[i+j]
			}
		}
		sum := ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]))
		for ; i < n; i++ {
			sum += v[i]
		}
		return sum
	default:
		half := n / 2
		half -= half % 8
		return sumOf(v[:half]) + sumOf(v[half:])
	}
}
