package evaluation

import (
	"context"
	"encoding/hex"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Bounds on what is kept of a file while it is streamed.
const (
	mostNames     = 200_000
	mostNameBytes = 16 << 20
)

// null is the number of a label that is null.
const null int32 = -1

// names turns labels into small numbers.
type names struct {
	numbers map[string]int32
	list    []string
	bytes   int
}

func newNames() *names { return &names{numbers: map[string]int32{}} }

// number is a label's, a new one where it is seen first.
func (n *names) number(label []byte) (int32, error) {
	if i, ok := n.numbers[string(label)]; ok {
		return i, nil
	}
	if n.bytes += len(label); len(n.list) >= mostNames || n.bytes > mostNameBytes {
		return 0, errManyNames
	}
	i := int32(len(n.list)) //nolint:gosec // bounded
	n.list = append(n.list, string(label))
	n.numbers[n.list[i]] = i
	return i, nil
}

// column reads one list of the file, value by value.
type column struct {
	name    string
	s       *scanner
	started bool
	ended   bool
}

// column opens a list; nil where the file does not have it.
func (r *results) column(ctx context.Context, name string) (*column, error) {
	if !r.has(name, '[') {
		return nil, nil
	}
	s, err := r.open(ctx, name)
	if err != nil {
		return nil, err
	}
	return &column{name: name, s: s}, nil
}

func (c *column) close() {
	if c != nil {
		c.s.close()
	}
}

// next reports whether there is another value, which has to be read then.
func (c *column) next() (more bool, err error) {
	switch {
	case c.ended:
		return false, nil
	case c.started:
		more, err = c.s.more(']')
	default:
		c.started = true
		if err = c.s.expect('['); err == nil {
			var none bool
			none, err = c.s.empty(']')
			more = !none
		}
	}
	c.ended = !more
	return more && err == nil, err
}

// label reads a string, or null.
func (c *column) label(n *names) (int32, error) {
	first, err := c.s.peek()
	if err != nil {
		return null, err
	}
	if first != '"' {
		raw, err := c.s.literal()
		if err == nil && string(raw) != "null" {
			err = damaged("%q in its %q is not a label", clip(raw), c.name)
		}
		return null, err
	}
	text, err := c.s.string()
	if err != nil {
		return null, err
	}
	return n.number(text)
}

// id reads an id; false for null and for what is not an id.
func (c *column) id() (id bson.ObjectID, ok bool, err error) {
	first, err := c.s.peek()
	if err != nil {
		return id, false, err
	}
	if first != '"' {
		return id, false, c.s.skip()
	}
	text, err := c.s.string()
	if err != nil || len(text) != 2*len(id) {
		return id, false, err
	}
	_, bad := hex.Decode(id[:], text)
	return id, bad == nil, nil
}

// row is one match.
type row struct {
	truth, pred         int32
	conf, iou           float64
	hasConf, hasIoU     bool
	weight              int64
	truthID, predID     bson.ObjectID
	hasTruth, hasPredID bool
}

// wanted are the columns that a caller needs beside the labels.
type wanted struct{ conf, iou, weight, ids bool }

// rows reads the columns of matches in step. It gives nothing where the file has none.
func (r *results) rows(ctx context.Context, n *names, w wanted, take func(*row) error) (err error) {
	cols := map[string]*column{}
	defer func() {
		for _, c := range cols {
			c.close()
		}
	}()
	for _, one := range []struct {
		name string
		need bool
	}{{"ytrue", true}, {"ypred", true}, {"confs", w.conf}, {"ious", w.iou}, {"weights", w.weight}, {"ytrue_ids", w.ids}, {"ypred_ids", w.ids}} {
		if one.need {
			c, err := r.column(ctx, one.name)
			if err != nil {
				return err
			}
			if c != nil {
				cols[one.name] = c
			}
		}
	}
	truth, pred := cols["ytrue"], cols["ypred"]
	if truth == nil || pred == nil {
		return damaged("it lacks the labels")
	}
	others := []*column{pred}
	for _, name := range []string{"confs", "ious", "weights", "ytrue_ids", "ypred_ids"} {
		if c := cols[name]; c != nil {
			others = append(others, c)
		}
	}
	for count := 0; ; count++ {
		if count%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		more, err := truth.next()
		if err != nil {
			return err
		}
		for _, c := range others {
			also, err := c.next()
			if err != nil {
				return err
			}
			if also != more {
				return damaged("its lists %q and %q differ in length", truth.name, c.name)
			}
		}
		if !more {
			return nil
		}
		one := row{weight: 1}
		if err := one.read(n, truth, others); err != nil {
			return err
		}
		if err := take(&one); err != nil {
			return err
		}
	}
}

func (m *row) read(n *names, truth *column, others []*column) (err error) {
	if m.truth, err = truth.label(n); err != nil {
		return err
	}
	for _, c := range others {
		switch c.name {
		case "ypred":
			m.pred, err = c.label(n)
		case "confs":
			m.conf, m.hasConf, err = c.s.number()
		case "ious":
			m.iou, m.hasIoU, err = c.s.number()
		case "weights":
			var v float64
			v, _, err = c.s.number()
			m.weight = int64(v)
		case "ytrue_ids":
			m.truthID, m.hasTruth, err = c.id()
		case "ypred_ids":
			m.predID, m.hasPredID, err = c.id()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// list reads a list of strings; anything else is left out.
func (r *results) list(ctx context.Context, n *names, name string) (numbers []int32, err error) {
	c, err := r.column(ctx, name)
	if err != nil || c == nil {
		return nil, err
	}
	defer c.close()
	for {
		more, err := c.next()
		if err != nil || !more {
			return numbers, err
		}
		one, err := c.label(n)
		if err != nil {
			return nil, err
		}
		if one != null {
			numbers = append(numbers, one)
		}
	}
}
