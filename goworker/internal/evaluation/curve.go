package evaluation

// recalls is how many recalls a curve of detections has: 0, 0.01, …, 1.
const recalls = 101

// recallAt is numpy's linspace(0, 1, 101).
func recallAt(i int) float64 {
	if i == recalls-1 {
		return 1
	}
	return float64(i) * 0.01
}

// curve makes the precision at the 101 recalls out of predictions that come by falling confidence. The precision at a recall is the
// highest that is reached there or at a higher one; beyond the highest recall it is 0.
type curve struct {
	truths int64 // labels that there are to find
	tp, n  int64
	best   [recalls]float64 // highest precision while so many recalls were reached
	k      int              // recalls that were reached
	// area is the same for the plain area under the curve, which open-images and ActivityNet use.
	area *envelope
}

func (c *curve) add(isTP bool) {
	c.n++
	if isTP {
		c.tp++
	}
	recall, precision := float64(c.tp)/float64(c.truths), float64(c.tp)/float64(c.n)
	c.point(recall, precision)
	if isTP && c.area != nil {
		c.area.add(precision)
	}
}

// point takes a point of the curve; recalls must not fall.
func (c *curve) point(recall, precision float64) {
	for c.k < recalls && recall >= recallAt(c.k) {
		c.k++
	}
	if c.k > 0 {
		c.best[c.k-1] = max(c.best[c.k-1], precision)
	}
}

// precisions are those at the 101 recalls.
func (c *curve) precisions() (out [recalls]float64) {
	highest := 0.0
	for i := c.k - 1; i >= 0; i-- {
		highest = max(highest, c.best[i])
		out[i] = highest
	}
	return out
}

// points are the same, for charts.
func points(precisions []float64) []PRPoint {
	out := make([]PRPoint, len(precisions))
	for i, p := range precisions {
		out[i] = PRPoint{recallAt(i), p}
	}
	return out
}

// mostSteps bounds the steps of an envelope: 16 MB.
const mostSteps = 1 << 20

// envelope is the area under the precision-recall curve whose precision is made falling from the right. Its steps are at the
// true positives; those that a later, higher one covers are merged into it.
type envelope struct {
	steps []step
	lost  bool
}

type step struct {
	precision float64
	n         int64 // true positives
}

func (e *envelope) add(precision float64) {
	one := step{precision, 1}
	for len(e.steps) > 0 && e.steps[len(e.steps)-1].precision <= precision {
		one.n += e.steps[len(e.steps)-1].n
		e.steps = e.steps[:len(e.steps)-1]
	}
	if len(e.steps) >= mostSteps {
		e.lost = true
		return
	}
	e.steps = append(e.steps, one)
}

// ap is the area; false where the curve has too many steps.
func (e *envelope) ap(truths int64) (float64, bool) {
	sum := 0.0
	for _, s := range e.steps {
		sum += s.precision * (float64(s.n) / float64(truths))
	}
	return sum, !e.lost
}
