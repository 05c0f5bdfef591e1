package evaluation

import "context"

// segmentation makes what segmentations have beside counts, which are of pixels.
func (m *measurement) segmentation(ctx context.Context) error {
	m.rates(*m.report.Micro)
	same, all := m.tally.count(func(p pair) bool { return p.truth == p.pred }), m.tally.count(func(pair) bool { return true })
	if m.options.Subset == nil && m.file.has("pixel_confusion_matrix", '[') {
		same, all = 0, 0
		err := m.pixels(ctx, func(i, j int, n int64) error {
			if i == j {
				same += n
			}
			all += n
			return nil
		})
		if err != nil {
			return err
		}
	}
	// 2tp / (2tp + fp + fn), where each wrong pixel is an fp and an fn.
	m.report.metric(MetricDice, ratio(same, all))
	var ious []float64
	for _, c := range m.report.Classes {
		if union := c.TP + c.FP + c.FN; union > 0 {
			ious = append(ious, ratio(c.TP, union))
		}
	}
	if len(ious) > 0 {
		m.report.metric(MetricMIoU, mean(ious))
	}
	return nil
}

// pixels reads the pixel confusion matrix.
func (m *measurement) pixels(ctx context.Context, cell func(truth, pred int, n int64) error) error {
	s, err := m.file.open(ctx, "pixel_confusion_matrix")
	if err != nil {
		return err
	}
	defer s.close()
	return s.nested(func(i int) error {
		return s.nested(func(j int) error {
			v, _, err := s.number()
			if err != nil {
				return err
			}
			return cell(i, j, int64(v))
		})
	})
}

// cellsOfPixels counts the pixel confusion matrix of a file that has nothing else.
func (m *measurement) cellsOfPixels(ctx context.Context) error {
	return m.pixels(ctx, func(i, j int, n int64) error {
		if i >= len(m.classes) || j >= len(m.classes) {
			return damaged("its matrix is larger than its list of classes")
		}
		if n <= 0 {
			return nil
		}
		return m.tally.add(&row{truth: m.classes[i], pred: m.classes[j], weight: n})
	})
}
