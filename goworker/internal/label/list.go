package label

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// list formats a label that holds a list of labels.
func (f *Formatter) list(k kind, d *fields) Label {
	f.classes.reset()
	sum, n := 0.0, 0
	if items := d.items(k); items.isArray() {
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
	f.add(k.plural())
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

// linearClasses is how many classes are found by looking at each of them;
// beyond that a hash table finds them.
const linearClasses = 16

// counter counts classes without allocating once it has grown to its size.
type counter struct {
	all []classCount
	// slots is an open hash table of indexes into all, each plus 1; it is in use
	// if there are more than linearClasses. Its length is a power of two.
	slots []int32
	seed  maphash.Seed
}

func (c *counter) reset() { c.all = c.all[:0] }

func (c *counter) add(name []byte) {
	if len(c.all) <= linearClasses {
		for i := range c.all {
			if bytes.Equal(c.all[i].name, name) {
				c.all[i].n++
				return
			}
		}
		c.all = append(c.all, classCount{name, 1})
		if len(c.all) > linearClasses {
			c.index(max(len(c.slots), 8*linearClasses))
		}
		return
	}
	at := c.find(name)
	if i := c.slots[at]; i > 0 {
		c.all[i-1].n++
		return
	}
	c.all = append(c.all, classCount{name, 1})
	c.slots[at] = int32(len(c.all))
	if 2*len(c.all) > len(c.slots) {
		c.index(2 * len(c.slots))
	}
}

// find is the slot of a name, or the empty one where it belongs.
func (c *counter) find(name []byte) int {
	mask := len(c.slots) - 1
	at := int(maphash.Bytes(c.seed, name)) & mask
	for c.slots[at] > 0 && !bytes.Equal(c.all[c.slots[at]-1].name, name) {
		at = (at + 1) & mask
	}
	return at
}

// index fills a hash table of so many slots with the classes of now.
func (c *counter) index(slots int) {
	if len(c.slots) == 0 {
		c.seed = maphash.MakeSeed()
	}
	if len(c.slots) == slots {
		clear(c.slots)
	} else {
		c.slots = make([]int32, slots)
	}
	for i := range c.all {
		c.slots[c.find(c.all[i].name)] = int32(i + 1)
	}
}

// byCount is the classes, the most frequent first and of equally frequent ones
// the one that came first. It ends the counting: reset starts the next.
func (c *counter) byCount() []classCount {
	slices.SortStableFunc(c.all, func(a, b classCount) int { return cmp.Compare(b.n, a.n) })
	return c.all
}
