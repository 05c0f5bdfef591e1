package table

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
)

// kind is a set of the kinds of values that a place of the table has held.
type kind uint16

const (
	kNull kind = 1 << iota
	kString
	kNumber
	kBool
	kTime
	kList
	kDict
	kImage
)

// The bounds of a column's type. Users' dicts may have a key of their own in every row, or go very
// deep: what is beyond these bounds is written as text.
const (
	maxTypeKeys  = 100
	maxTypeDepth = 4
)

// node is what was seen at one place: a column's cells, a list's elements, the values of a
// dict's key. Methods of column take nil for a place that does not matter.
type node struct {
	kinds  kind
	elem   *node
	length int // of the list seen last, as the official package writes it
	keys   map[string]*node
	dicts  int // how many dicts were seen here
	seen   int // of a key: in how many of them
	last   int // of a key: the last dict that had it
	images *imageTypes
}

// column is the root of a column's types.
type column struct {
	node
	known int // keys remembered, against maxTypeKeys
	// mixed is set as soon as only text fits what was seen: values of several kinds at one place, or a type beyond its bounds.
	mixed bool
	// From the row with the number from on, the cells are texts. Those before it are of the kind before, 0 for
	// none but nulls, and become texts when the table is closed.
	text   bool
	from   int64
	before kind
}

// root is the place of the cells themselves.
func (c *column) root() *node {
	if c.text {
		return nil
	}
	return &c.node
}

// note notes a value.
func (c *column) note(n *node, k kind) {
	if n == nil {
		return
	}
	n.kinds |= k
	if values := n.kinds &^ kNull; values&(values-1) != 0 {
		c.mixed = true
	}
}

// list notes a list of length elements, within depth other lists and dicts, and gives the place of its elements.
func (c *column) list(n *node, length, depth int) *node {
	if n == nil {
		return nil
	}
	c.note(n, kList)
	c.mixed = c.mixed || depth >= maxTypeDepth
	n.length = length
	if n.elem == nil {
		n.elem = new(node)
	}
	return n.elem
}

// dict notes a dict within depth lists and dicts, the keys of which follow through key.
func (c *column) dict(n *node, depth int) {
	if n == nil {
		return
	}
	c.note(n, kDict)
	c.mixed = c.mixed || depth >= maxTypeDepth
	n.dicts++
}

// key gives the place of a dict's key.
func (c *column) key(n *node, key []byte) *node {
	if n == nil || c.mixed {
		return nil
	}
	k := n.keys[string(key)]
	if k == nil {
		if c.known == maxTypeKeys {
			c.mixed = true
			return nil
		}
		c.known++
		if n.keys == nil {
			n.keys = make(map[string]*node)
		}
		k = new(node)
		n.keys[string(key)] = k
	}
	if k.last != n.dicts {
		k.last = n.dicts
		k.seen++
	}
	return k
}

// become makes the column one of texts from a row on.
func (c *column) become(row int64) {
	c.text, c.from, c.node = true, row, node{}
}

// end decides what only all the rows together can tell.
func (c *column) end(rows int64) {
	if !c.text && c.hasBareDict() {
		c.before = c.kinds &^ kNull
		c.become(rows)
	}
}

// hasBareDict reports whether there are dicts of which none has a key: no type of W&B's describes them.
func (n *node) hasBareDict() bool {
	if n == nil {
		return false
	}
	for _, value := range n.keys {
		if value.hasBareDict() {
			return true
		}
	}
	return n.kinds&kDict != 0 && len(n.keys) == 0 || n.elem.hasBareDict()
}

// member is one type of a union, with the official package's sort key: the type's name as
// it prints it.
type member struct {
	name string
	json []byte
}

// appendTypes adds the value of "column_types".
func appendTypes(dst []byte, names []string, cols []column, classes []string) []byte {
	dst = append(dst, `{"wb_type":"typedDict","params":{"type_map":{`...)
	for i := range cols {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, names[i]), ':')
		dst = appendUnion(dst, cols[i].member(classes), simple("none"))
	}
	return append(dst, "}}}"...)
}

// member is the type of a column's cells but for null. A column without any value is
// "unknown", as the official package has it: whichever rows a reader looks at, it finds nulls.
func (c *column) member(classes []string) member {
	switch {
	case c.text:
		return simple("string")
	case c.kinds&^kNull == 0:
		return simple("unknown")
	case c.kinds&kImage != 0:
		return member{"Image-file", c.images.appendType(nil, classes)}
	}
	return c.node.member()
}

// member is the type of the values at a place but for null. Where there is none, as in lists
// that are all empty, it is "string": "unknown" would make readers guess the type of the whole column.
func (n *node) member() member {
	switch n.kinds &^ kNull {
	case kNumber:
		return simple("number")
	case kBool:
		return simple("boolean")
	case kTime:
		return simple("timestamp")
	case kList:
		return n.listType()
	case kDict:
		return n.dictType()
	}
	return simple("string")
}

// appendType adds the type of what is inside of a list or a dict.
func (n *node) appendType(dst []byte) []byte {
	if n.kinds&kNull != 0 {
		return appendUnion(dst, n.member(), simple("none"))
	}
	return append(dst, n.member().json...)
}

// appendUnion adds the union of several types.
func appendUnion(dst []byte, members ...member) []byte {
	slices.SortStableFunc(members, func(a, b member) int { return cmp.Compare(a.name, b.name) })
	dst = append(dst, `{"wb_type":"union","params":{"allowed_types":[`...)
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, m.json...)
	}
	return append(dst, "]}}"...)
}

func (n *node) listType() member {
	b := append([]byte(nil), `{"wb_type":"list","params":{"element_type":`...)
	b = n.elem.appendType(b)
	b = append(b, `,"length":`...)
	b = strconv.AppendInt(b, int64(n.length), 10)
	b = append(b, "}}"...)
	return member{n.elem.name() + "[]", b}
}

func (n *node) dictType() member {
	b := append([]byte(nil), `{"wb_type":"typedDict","params":{"type_map":{`...)
	for i, key := range slices.Sorted(maps.Keys(n.keys)) {
		if i > 0 {
			b = append(b, ',')
		}
		value := *n.keys[key]
		if value.seen < n.dicts {
			value.kinds |= kNull // readers take a key that is missing for null
		}
		b = append(appendString(b, key), ':')
		b = value.appendType(b)
	}
	return member{"{", append(b, "}}}"...)}
}

// name is how the official package prints the type of a list's elements, as far as the
// list's place before or behind "None" depends on it.
func (n *node) name() string {
	name := n.member().name
	if n.kinds&kNull != 0 {
		return min(name, "None or ")
	}
	return name
}

// simple is a type without parameters. W&B writes its name in small letters and sorts by
// the name with a capital.
func simple(name string) member {
	b := append([]byte(nil), `{"wb_type":"`...)
	b = append(b, name...)
	return member{string(name[0]-'a'+'A') + name[1:], append(b, `"}`...)}
}
