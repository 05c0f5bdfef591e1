package label

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// list formats a label that holds a list of labels.
func (f *Formatter) list(k kind, d *fields) Label {
	f.classes.reset()
	sum, n := 0.0, 0
	if items := specs[k].items(d); items.isArray() {
		for w := walk(items.v); w.next(); {
			if w.t != bson.TypeEmbeddedDocument {
				continue
			}
			leaf := f.item(w.v)
			if leaf.HasConfidence {
				sum += leaf.Confidence
				n++
			}
			if leaf.Class != nil {
				f.classes.add(leaf.Class)
			}
		}
	}
	f.text = strconv.AppendInt(f.text, int64(len(f.leaves)), 10)
	f.add(specs[k].plural)
	sep := ": "
	for _, c := range f.classes.byCount() {
		f.add(sep)
		f.text = append(f.text, c.name...)
		f.add("(")
		f.text = strconv.AppendInt(f.text, int64(c.n), 10)
		f.add(")")
		sep = ", "
	}
	label := Label{Text: f.text, Leaves: f.leaves, Count: len(f.leaves)}
	if n > 0 {
		label.Avg = sum / float64(n)
		label.HasAvg = label.Avg-label.Avg == 0
	}
	return label
}

// item reads one label of a list and adds it to the leaves.
func (f *Formatter) item(doc []byte) *Leaf {
	f.leaves = append(f.leaves, Leaf{})
	leaf := &f.leaves[len(f.leaves)-1]
	for w := walk(doc); w.next(); {
		switch string(w.key) {
		case "_id":
			leaf.ID, leaf.HasID = w.objectID()
		case "label":
			leaf.Class = class(w.elem)
		case "confidence":
			leaf.Confidence, leaf.HasConfidence = w.mean()
		}
	}
	return leaf
}

// class is a label's class: nil for an empty text, which FiftyOne's users leave
// where they have none.
func class(e elem) []byte {
	if s := e.text(); len(s) > 0 {
		return s
	}
	return nil
}

// classCount is a class and how many labels have it.
type classCount struct {
	name []byte
	n    int
}

// linearClasses is how many classes are found by looking at each of them, as most labels have few;
// beyond that a map finds them.
const linearClasses = 16

// counter counts the classes of one label after the other.
type counter struct {
	all   []classCount
	index map[string]int // of all, once there are more than linearClasses
}

func (c *counter) reset() { c.all = c.all[:0] }

func (c *counter) add(name []byte) {
	if i := c.find(name); i >= 0 {
		c.all[i].n++
		return
	}
	c.all = append(c.all, classCount{name, 1})
	switch n := len(c.all); {
	case n == linearClasses+1:
		if c.index == nil {
			c.index = map[string]int{}
		}
		clear(c.index)
		for i := range c.all {
			c.index[string(c.all[i].name)] = i
		}
	case n > linearClasses:
		c.index[string(name)] = n - 1
	}
}

// find is the place of a class in all, or -1.
func (c *counter) find(name []byte) int {
	if len(c.all) > linearClasses {
		if i, ok := c.index[string(name)]; ok {
			return i
		}
		return -1
	}
	return slices.IndexFunc(c.all, func(one classCount) bool { return bytes.Equal(one.name, name) })
}

// byCount is the classes, the most frequent first and of equally frequent ones
// the one that came first. It ends the counting: reset starts the next.
func (c *counter) byCount() []classCount {
	slices.SortStableFunc(c.all, func(a, b classCount) int { return cmp.Compare(b.n, a.n) })
	return c.all
}
