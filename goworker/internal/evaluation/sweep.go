package evaluation

import (
	"context"
)

// mostIoUs bounds the thresholds of a sweep, of which COCO has 10.
const mostIoUs = 1000

// iouSweep is what the file stores of matching at several IoUs.
type iouSweep struct {
	ious []float64
	// ap[i][c] is the average precision of class c at the i-th IoU; -1 where it has no ground truth.
	ap [][]float64
}

// nested reads a list: each is called for each of its values, which it has to read.
func (s *scanner) nested(each func(i int) error) error {
	if err := s.expect('['); err != nil {
		return err
	}
	if none, err := s.empty(']'); err != nil || none {
		return err
	}
	for i := 0; ; i++ {
		if err := each(i); err != nil {
			return err
		}
		if more, err := s.more(']'); err != nil || !more {
			return err
		}
	}
}

// floats reads a list of numbers, of at most the given length; null counts as -1.
func (s *scanner) floats(to []float64, most int) ([]float64, error) {
	err := s.nested(func(i int) error {
		if i >= most {
			return damaged("a list before byte %d has more than %d numbers", s.position(), most)
		}
		v, ok, err := s.number()
		if !ok {
			v = -1
		}
		to = append(to, v)
		return err
	})
	return to, err
}

// sweepIoUs are the thresholds of the file's sweep.
func (m *measurement) sweepIoUs(ctx context.Context) ([]float64, error) {
	if m.ious != nil || !m.file.has("iou_threshs", '[') {
		return m.ious, nil
	}
	s, err := m.file.open(ctx, "iou_threshs")
	if err != nil {
		return nil, err
	}
	defer s.close()
	ious, err := s.floats([]float64{}, mostIoUs)
	if err != nil {
		return nil, err
	}
	m.ious = ious
	return ious, nil
}

// readSweep reads the curves of all IoUs, one at a time.
func (m *measurement) readSweep(ctx context.Context) (*iouSweep, error) {
	ious, err := m.sweepIoUs(ctx)
	if err != nil {
		return nil, err
	}
	out := &iouSweep{ious: ious}
	own, charted := m.config.ownIndex(out.ious), m.charted()
	sums := make([]float64, len(m.classes))
	out.ap = make([][]float64, 0, len(out.ious))
	s, err := m.file.open(ctx, "precision")
	if err != nil {
		return nil, err
	}
	defer s.close()
	var line []float64
	err = s.nested(func(i int) error {
		if i >= len(out.ious) {
			return damaged("it has more curves than IoUs")
		}
		out.ap = append(out.ap, make([]float64, len(m.classes)))
		return s.nested(func(c int) error {
			if c >= len(m.classes) {
				return damaged("it has more curves than classes")
			}
			if line, err = s.floats(line[:0], recalls); err != nil {
				return err
			}
			if len(line) == 0 {
				return damaged("it has a curve without points")
			}
			out.ap[i][c] = mean(line)
			sums[c] += sumOf(line)
			if place := m.placeOf(m.classes[c]); i == own && place >= 0 && m.sweep == nil && line[0] >= 0 {
				m.chart(place, line, charted)
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	if len(out.ap) != len(out.ious) {
		return nil, damaged("it has %d curves for %d IoUs", len(out.ap), len(out.ious))
	}
	ap := make([]float64, len(m.classes))
	for c := range ap {
		ap[c] = sums[c] / float64(len(out.ious)*recalls)
	}
	if m.file.has("classwise_AP", '[') { // ActivityNet's is the area, not the mean of the points
		if err := m.readAreas(ctx, out, ap); err != nil {
			return nil, err
		}
	}
	return out, m.setSweep(ctx, out, ap, own)
}

// readAreas reads ActivityNet's own average precisions.
func (m *measurement) readAreas(ctx context.Context, out *iouSweep, ap []float64) error {
	s, err := m.file.open(ctx, "classwise_AP")
	if err != nil {
		return err
	}
	defer s.close()
	clear(ap)
	return s.nested(func(i int) error {
		if i >= len(out.ap) {
			return damaged("it has more average precisions than IoUs")
		}
		line, err := s.floats(out.ap[i][:0], len(m.classes))
		if err != nil {
			return err
		}
		for c, v := range line {
			ap[c] += v / float64(len(out.ious))
		}
		return nil
	})
}

// setSweep sets the classes' numbers.
func (m *measurement) setSweep(ctx context.Context, out *iouSweep, ap []float64, own int) error {
	recall := make([]float64, 0, len(m.classes))
	if m.file.has("recall_sweep", '[') {
		var err error
		if recall, err = m.meanRecalls(ctx, len(out.ious)); err != nil {
			return err
		}
	}
	at := func(i, c int) *float64 {
		if i < 0 || out.ap[i][c] <= -1 {
			return nil
		}
		return ref(out.ap[i][c])
	}
	for c, label := range m.classes {
		place := m.placeOf(label)
		if place < 0 {
			continue
		}
		class := &m.report.Classes[place]
		if ap[c] > -1 {
			class.AP = ref(ap[c])
		}
		class.AP50, class.AP75 = at(indexOf(out.ious, 0.5), c), at(indexOf(out.ious, 0.75), c)
		if own >= 0 {
			class.OwnAP = at(own, c)
		}
		if c < len(recall) && recall[c] > -1 {
			class.AR = ref(recall[c])
		}
	}
	return nil
}

// meanRecalls reads the highest recalls, and gives their means over the IoUs.
func (m *measurement) meanRecalls(ctx context.Context, n int) ([]float64, error) {
	s, err := m.file.open(ctx, "recall_sweep")
	if err != nil {
		return nil, err
	}
	defer s.close()
	sums := make([]float64, len(m.classes))
	var line []float64
	err = s.nested(func(int) error {
		if line, err = s.floats(line[:0], len(sums)); err != nil {
			return err
		}
		for c, v := range line {
			sums[c] += v
		}
		return nil
	})
	for c := range sums {
		sums[c] /= float64(n)
	}
	return sums, err
}

// rawCurves reads open-images' curves: a list of points for each class with ground truth, precisions and recalls in two objects
// of the same order.
func (m *measurement) rawCurves(ctx context.Context) error {
	precision, err := m.file.open(ctx, "precision")
	if err != nil {
		return err
	}
	defer precision.close()
	recall, err := m.file.open(ctx, "recall")
	if err != nil {
		return err
	}
	defer recall.close()
	charted := m.charted()
	for first := true; ; first = false {
		more, err := nextKey(precision, first)
		if err != nil {
			return err
		}
		also, err := nextKey(recall, first)
		if err != nil {
			return err
		}
		if more != also {
			return damaged("its precisions and recalls are of different classes")
		}
		if !more {
			return nil
		}
		if err := m.rawCurve(precision, recall, charted); err != nil {
			return err
		}
	}
}

// nextKey reports whether an object has another key.
func nextKey(s *scanner, first bool) (bool, error) {
	if !first {
		return s.more('}')
	}
	if err := s.expect('{'); err != nil {
		return false, err
	}
	none, err := s.empty('}')
	return !none, err
}

// rawCurve reads the points of one class.
func (m *measurement) rawCurve(precision, recall *scanner, charted map[int]bool) error {
	key, err := precision.string()
	if err != nil {
		return err
	}
	class, err := m.names.number(key)
	if err != nil {
		return err
	}
	also, err := recall.string()
	if err != nil {
		return err
	}
	if other, err := m.names.number(also); err != nil || other != class {
		return orElse(err, damaged("its precisions and recalls are of different classes"))
	}
	if err := precision.expect(':'); err != nil {
		return err
	}
	if err := recall.expect(':'); err != nil {
		return err
	}
	c, ap, last := &curve{}, 0.0, 0.0
	ps, rs := &column{name: "precision", s: precision}, &column{name: "recall", s: recall}
	for i := 0; ; i++ {
		more, err := ps.next()
		if err != nil {
			return err
		}
		if both, err := rs.next(); err != nil || both != more {
			return orElse(err, damaged("its precisions and recalls differ in length"))
		}
		if !more {
			break
		}
		p, _, err := precision.number()
		if err != nil {
			return err
		}
		r, _, err := recall.number()
		if err != nil {
			return err
		}
		if i > 0 && r != last {
			ap += (r - last) * p
		}
		last = r
		c.point(r, p)
	}
	place := m.placeOf(class)
	if place < 0 {
		return nil
	}
	m.report.Classes[place].AP, m.report.Classes[place].OwnAP = ref(ap), ref(ap)
	points := c.precisions()
	m.chart(place, points[:], charted)
	return nil
}
