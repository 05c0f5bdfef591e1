package evaluation

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"math"
)

// Changes compares the matches of the results file with those that the labels tell. It takes both in any order, and
// keeps sums only: Equal. Where these differ, a Difference counts.
type Changes struct {
	// IgnoreConfidence leaves confidences out: those of keypoints are means, whose last digits may differ.
	IgnoreConfidence bool
	// IgnorePrediction leaves out what was predicted, too: for top-k, whose results are not the labels'.
	IgnorePrediction bool
	// Masks compares which labels were evaluated together, and nothing else: the file has a match for each pair of classes in a
	// pair of masks, one after the other.
	Masks        bool
	seed         maphash.Seed
	file, labels struct{ sum, n uint64 }
	last         maskPair
	buf          []byte
}

// maskPair are the ids of the masks of the last match of a file, and whether these masks were counted.
type maskPair struct {
	truth, predicted string
	counted          bool
}

// counts reports whether a match of a file is the first of its masks with ground truth. Of masks whose ground truth is nothing but background
// FiftyOne stores no accuracy, so that their labels do not tell that they were evaluated.
func (p *maskPair) counts(m *Match) bool {
	if p.truth != m.TruthID || p.predicted != m.PredictedID {
		*p = maskPair{m.TruthID, m.PredictedID, false}
	}
	if p.counted || m.Truth == "" {
		return false
	}
	p.counted = true
	return true
}

// NewChanges makes one.
func NewChanges(c Config, predType string) *Changes {
	return &Changes{
		seed: maphash.MakeSeed(), IgnoreConfidence: predType == "Keypoints" || c.Method == "top-k", IgnorePrediction: c.Method == "top-k",
		Masks: c.Type == Segmentation,
	}
}

func (c *Changes) hash(m *Match) uint64 {
	b := append(c.buf[:0], m.TruthID...)
	b = append(append(b, 0), m.PredictedID...)
	if c.Masks {
		c.buf = b
		return maphash.Bytes(c.seed, b)
	}
	b = append(append(append(b, 0), m.Truth...), 0)
	if !c.IgnorePrediction {
		b = append(b, m.Predicted...)
	}
	if m.HasConfidence && !c.IgnoreConfidence {
		v := m.Confidence
		if math.IsNaN(v) {
			v = math.NaN() // all are alike
		}
		b = binary.LittleEndian.AppendUint64(append(b, 1), math.Float64bits(v))
	}
	c.buf = b
	return maphash.Bytes(c.seed, b)
}

// File takes a match of the file.
func (c *Changes) File(m *Match) {
	if c.Masks && !c.last.counts(m) {
		return
	}
	c.file.sum += c.hash(m)
	c.file.n++
}

// Label takes a match of the labels.
func (c *Changes) Label(m *Match) {
	c.labels.sum += c.hash(m)
	c.labels.n++
}

// Equal reports whether both have given the same matches.
func (c *Changes) Equal() bool { return c.file == c.labels }

// Difference counts the matches that only one side has. Both sides have to be given to it again.
type Difference struct {
	changes *Changes
	sorter  sorter
	last    maskPair
	err     error
}

// Difference starts counting.
func (c *Changes) Difference(scratch func() (Scratch, error)) *Difference {
	return &Difference{changes: c, sorter: sorter{scratch: scratch}}
}

// File takes a match of the file.
func (d *Difference) File(m *Match) {
	if !d.changes.Masks || d.last.counts(m) {
		d.add(m, 0)
	}
}

// Label takes a match of the labels.
func (d *Difference) Label(m *Match) { d.add(m, 1) }

func (d *Difference) add(m *Match, side uint32) {
	if d.err == nil {
		d.err = d.sorter.add(record{key: d.changes.hash(m), low: side})
	}
}

// Count is how many matches differ: those that only the file has or those that only the labels have, whichever are more, since
// a label that was edited is in both.
func (d *Difference) Count(ctx context.Context) (int64, error) {
	if d.err != nil {
		return 0, d.err
	}
	var key uint64
	var balance, gone, added int64
	settle := func() {
		if balance > 0 {
			gone += balance
		} else {
			added -= balance
		}
		balance = 0
	}
	err := d.sorter.each(ctx, func(r record) error {
		if r.key != key {
			settle()
			key = r.key
		}
		if r.low == 0 {
			balance++
		} else {
			balance--
		}
		return nil
	})
	settle()
	return max(gone, added), err
}
