package evaluation

import (
	"context"
	"math"
)

// binary makes what binary classifications have beside counts: the numbers are those of the positive class.
func (m *measurement) binary(ctx context.Context) error {
	positive := m.classes[1]
	m.rates(averageOf(m.report.Classes[1]))
	r := m.report
	is := func(truth, pred bool) func(pair) bool {
		return func(p pair) bool { return (p.truth == positive) == truth && (p.pred == positive) == pred }
	}
	r.metric(MetricTP, float64(m.tally.count(is(true, true))))
	r.metric(MetricFP, float64(m.tally.count(is(false, true))))
	r.metric(MetricFN, float64(m.tally.count(is(true, false))))
	if err := m.scores(ctx, positive); err != nil {
		return err
	}
	m.averageConfidence()
	return nil
}

func averageOf(c Class) Average { return Average{c.Precision, c.Recall, c.F1, c.Support} }

// scores makes the curves over the scores, as scikit-learn makes them. A score is the confidence of a positive prediction, or what is
// left to 1 by that of a negative one; an unset confidence is 0.
func (m *measurement) scores(ctx context.Context, positive int32) error {
	sorted, truths, nan := sorter{scratch: m.options.Scratch}, int64(0), false
	w := wanted{conf: true, ids: m.options.Subset != nil}
	err := m.file.rows(ctx, m.names, w, func(r *row) error {
		if !m.options.Subset.keeps(r, m.config.Type) {
			return nil
		}
		score, low := r.conf, uint32(1)
		if r.pred != positive {
			score = 1 - r.conf
		}
		if r.truth == positive {
			low = 0
			truths++
		}
		nan = nan || math.IsNaN(score)
		return sorted.add(record{key: falling(score), low: low})
	})
	if err != nil || truths == 0 || nan {
		return err // scikit-learn has no curve for these
	}
	b := &binaryCurve{truths: truths, others: m.tally.rows - truths}
	if err := sorted.each(ctx, b.add); err != nil {
		return err
	}
	b.end(m.report)
	return nil
}

// binaryCurve goes down the scores.
type binaryCurve struct {
	truths, others int64
	tp, fp         int64
	started        bool
	score          uint64
	last           [2]int64 // tp and fp at the threshold before
	ap, auc        float64
	roc            rocPoints
	pr             thinned[PRPoint]
}

func (b *binaryCurve) add(r record) error {
	if b.started && r.key != b.score {
		b.threshold()
	}
	b.started, b.score = true, r.key
	if r.low == 0 {
		b.tp++
	} else {
		b.fp++
	}
	return nil
}

// threshold ends the records of one score.
func (b *binaryCurve) threshold() {
	recall, precision := float64(b.tp)/float64(b.truths), float64(b.tp)/float64(b.tp+b.fp)
	b.ap += (recall - float64(b.last[0])/float64(b.truths)) * precision
	b.pr.add(PRPoint{recall, precision})
	if b.others > 0 {
		fpr, before := float64(b.fp)/float64(b.others), float64(b.last[1])/float64(b.others)
		b.auc += (fpr - before) * (recall + float64(b.last[0])/float64(b.truths)) / 2
		b.roc.add(b.tp, b.fp)
	}
	b.last = [2]int64{b.tp, b.fp}
}

func (b *binaryCurve) end(r *Report) {
	if b.started {
		b.threshold()
	}
	r.metric(MetricAP, b.ap)
	points := append([]PRPoint{{0, 1}}, b.pr.all()...)
	r.Curves.PR = []PRCurve{{Class: 1, Points: points}}
	if b.others == 0 {
		return
	}
	r.metric(MetricAUC, b.auc)
	r.Curves.ROC = []ROCPoint{{0, 0}}
	for _, p := range b.roc.all() {
		r.Curves.ROC = append(r.Curves.ROC, ROCPoint{FPR: float64(p[1]) / float64(b.others), TPR: float64(p[0]) / float64(b.truths)})
	}
}

// rocPoints leaves out the points on a straight line between their neighbours, as scikit-learn does.
type rocPoints struct {
	kept      thinned[[2]int64]
	prev, now [2]int64
	n         int
}

func (p *rocPoints) add(tp, fp int64) {
	next := [2]int64{tp, fp}
	switch {
	case p.n == 1:
		p.kept.add(p.now)
	case p.n > 1 && (next[0]-p.now[0] != p.now[0]-p.prev[0] || next[1]-p.now[1] != p.now[1]-p.prev[1]):
		p.kept.add(p.now)
	}
	p.prev, p.now = p.now, next
	p.n++
}

func (p *rocPoints) all() [][2]int64 {
	out := p.kept.all()
	if p.n > 0 && (len(out) == 0 || out[len(out)-1] != p.now) {
		out = append(out, p.now)
	}
	return out
}

// thinned keeps at most about MostPoints of a list whose length is not known: every n-th, and the last.
type thinned[T any] struct {
	kept []T
	step int
	seen int
	last T
}

func (t *thinned[T]) add(v T) {
	if t.step == 0 {
		t.step = 1
	}
	if t.seen%t.step == 0 {
		if len(t.kept) >= MostPoints-2 {
			half := t.kept[:0]
			for i, one := range t.kept {
				if i%2 == 0 {
					half = append(half, one)
				}
			}
			t.kept, t.step = half, 2*t.step
		}
		if t.seen%t.step == 0 {
			t.kept = append(t.kept, v)
		}
	}
	t.seen++
	t.last = v
}

func (t *thinned[T]) all() []T {
	if t.seen > 0 && (t.seen-1)%t.step != 0 {
		return append(t.kept[:len(t.kept):len(t.kept)], t.last)
	}
	return t.kept
}
