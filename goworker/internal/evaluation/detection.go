package evaluation

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// MostCurves bounds the classes with a precision-recall curve: those with the most ground truth.
const MostCurves = 200

// sweep collects what average precision at the evaluation's own IoU needs.
type sweep struct {
	sorter  sorter
	classes []sweptClass
}

type sweptClass struct {
	truths, preds int64
	unset         bool // a prediction without confidence: no order, so no curve
}

// openSweep decides whether the own IoU's average precision has to be computed: the file has it where it has the curves, but
// for the whole evaluation only.
func (m *measurement) openSweep(ctx context.Context) {
	if m.config.Type != Detection || m.config.IoU == nil || !m.file.has("confs", '[') {
		return
	}
	if m.options.Subset == nil {
		ious, _ := m.sweepIoUs(ctx) // what is wrong with them, readSweep says
		if m.file.has("precision", '{') || m.file.has("precision", '[') && m.config.ownIndex(ious) >= 0 {
			return
		}
	}
	m.sweep = &sweep{sorter: sorter{scratch: m.options.Scratch}, classes: make([]sweptClass, len(m.labels))}
}

// add takes a match. Those of crowds do not count.
func (s *sweep) add(m *measurement, r *row) error {
	if r.hasTruth && m.options.Crowds.Has(r.truthID) {
		return nil
	}
	label := r.truth
	if label == null || label == m.missing {
		label = r.pred
	}
	place := m.placeOf(label)
	if place < 0 {
		return nil
	}
	c := &s.classes[place]
	if r.truth == label {
		c.truths++
	}
	if r.pred == null || r.pred == m.missing {
		return nil
	}
	c.preds++
	if !r.hasConf {
		c.unset = true
		return nil
	}
	one := record{group: uint32(place), key: falling(r.conf), low: 1} //nolint:gosec // bounded
	if r.truth == r.pred {
		one.low = 0 // among equals, true positives come first
	}
	return s.sorter.add(one)
}

// isArea reports whether average precision is the plain area under the curve, not the mean over 101 recalls.
func (c Config) isArea() bool { return c.Method == "open-images" || c.Method == "activitynet" }

// finish sets the average precision and the curves at the own IoU.
func (s *sweep) finish(ctx context.Context, m *measurement) error {
	charted := m.charted()
	now, left := -1, (*curve)(nil)
	err := s.sorter.each(ctx, func(r record) error {
		if int(r.group) != now {
			m.setOwn(now, left, charted)
			now, left = int(r.group), s.curveOf(int(r.group), m.config)
		}
		if left != nil {
			left.add(r.low == 0)
		}
		return nil
	})
	if err != nil {
		return err
	}
	m.setOwn(now, left, charted)
	for i, c := range s.classes {
		if c.preds == 0 {
			m.setOwn(i, s.curveOf(i, m.config), charted)
		}
	}
	return nil
}

// curveOf is an empty curve of a class; nil if there is none to make.
func (s *sweep) curveOf(place int, config Config) *curve {
	c := s.classes[place]
	if c.truths == 0 || c.unset {
		return nil
	}
	out := &curve{truths: c.truths}
	if config.isArea() {
		out.area = &envelope{}
	}
	return out
}

// setOwn sets what a curve at the own IoU says of a class.
func (m *measurement) setOwn(place int, c *curve, charted map[int]bool) {
	if c == nil {
		return
	}
	p := c.precisions()
	ap, ok := mean(p[:]), true
	if c.area != nil {
		ap, ok = c.area.ap(c.truths)
	}
	if ok {
		m.report.Classes[place].OwnAP = ref(ap)
	}
	m.chart(place, p[:], charted)
}

func (m *measurement) chart(place int, precisions []float64, charted map[int]bool) {
	if charted[place] {
		m.report.Curves.PR = append(m.report.Curves.PR, PRCurve{place, points(precisions)})
	}
}

// charted are the classes that get a curve.
func (m *measurement) charted() map[int]bool {
	var order []int
	for i, c := range m.report.Classes {
		if c.Support > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(m.report.Classes[b].Support, m.report.Classes[a].Support)
	})
	out := map[int]bool{}
	for _, i := range order[:min(len(order), MostCurves)] {
		out[i] = true
	}
	return out
}

// detection makes what detections have beside counts.
func (m *measurement) detection(ctx context.Context) error {
	var err error
	switch {
	case m.sweep != nil:
		err = m.sweep.finish(ctx, m)
	case m.file.has("precision", '{'):
		err = m.rawCurves(ctx)
	}
	var stored *iouSweep
	if err == nil && m.options.Subset == nil && m.file.has("precision", '[') {
		stored, err = m.readSweep(ctx)
	}
	if err != nil {
		return err
	}
	slices.SortFunc(m.report.Curves.PR, func(a, b PRCurve) int { return cmp.Compare(a.Class, b.Class) })
	m.averagePrecisions(stored)
	m.rates(*m.report.Micro)
	r := m.report
	r.metric(MetricTP, float64(m.tally.count(func(p pair) bool { return p.truth == p.pred })))
	r.metric(MetricFP, float64(m.tally.count(func(p pair) bool { return p.truth == m.missing })))
	r.metric(MetricFN, float64(m.tally.count(func(p pair) bool { return p.pred == m.missing })))
	m.averageConfidence()
	return nil
}

// averagePrecisions adds the headline numbers of average precision: those that there are.
func (m *measurement) averagePrecisions(stored *iouSweep) {
	r := m.report
	over := func(name string, of func(Class) *float64) {
		var each []float64
		for _, c := range r.Classes {
			if v := of(c); v != nil {
				each = append(each, *v)
			}
		}
		if _, twice := r.Metric(name); len(each) > 0 && !twice {
			r.metric(name, mean(each))
		}
	}
	over(MetricMAP, func(c Class) *float64 { return c.AP })
	if stored != nil {
		over(MAPAt(0.5), func(c Class) *float64 { return c.AP50 })
		over(MAPAt(0.75), func(c Class) *float64 { return c.AP75 })
	}
	if _, has := r.Metric(MetricMAP); stored != nil || !has {
		over(m.config.OwnMAP(), func(c Class) *float64 { return c.OwnAP })
	}
	over(MetricMAR, func(c Class) *float64 { return c.AR })
}

// sameIoU is how near thresholds are that FiftyOne takes for the same.
const sameIoU = 1e-6

func indexOf(ious []float64, iou float64) int {
	return slices.IndexFunc(ious, func(v float64) bool { return math.Abs(v-iou) < sameIoU })
}

func (c Config) ownIndex(ious []float64) int {
	if c.IoU == nil {
		return -1
	}
	return indexOf(ious, *c.IoU)
}
