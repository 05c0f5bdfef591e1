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
	kAny // what cannot be told more closely
)

// The bounds of what is remembered of a column: users' dicts may have a key of their own in
// every row, or go very deep. What is beyond them has the type "any".
const (
	maxTypeKeys  = 1000
	maxTypeDepth = 8
)

// node is what was seen at one place: a column's cells, a list's elements, the values of a
// dict's key.
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
}

// list notes a list of n elements and gives the place of its elements.
func (n *node) list(length int) *node {
	n.kinds |= kList
	n.length = length
	if n.elem == nil {
		n.elem = new(node)
	}
	return n.elem
}

// dict notes a dict, the keys of which follow through key.
func (n *node) dict() {
	n.kinds |= kDict
	n.dicts++
}

// key gives the place of a dict's key; nil when no more keys are remembered.
func (c *column) key(n *node, key []byte) *node {
	if n.kinds&kAny != 0 {
		return nil
	}
	k := n.keys[string(key)]
	if k == nil {
		if c.known == maxTypeKeys {
			n.kinds |= kAny
			n.keys = nil
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

// member is one type of a union, with the official package's sort key: the type's name as
// it prints it.
type member struct {
	name string
	json []byte
}

// appendTypes adds the value of "column_types".
func (w *Writer) appendTypes(dst []byte) []byte {
	dst = append(dst, `{"wb_type":"typedDict","params":{"type_map":{`...)
	for i := range w.cols {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, w.columns[i])
		dst = append(dst, ':')
		members := w.cols[i].members(w.classes, 0)
		if len(members) == 0 {
			members = []member{simple("unknown")}
		}
		dst = appendUnion(dst, append(members, simple("none")))
	}
	return append(dst, "}}}"...)
}

// appendType adds the type of what is inside of a list or a dict.
func (n *node) appendType(dst []byte, classes []string, depth int, inList bool) []byte {
	members := n.members(classes, depth)
	if n.kinds == 0 || (n.kinds == kNull && inList) {
		members = append(members, simple("unknown"))
	}
	if n.kinds&kNull != 0 {
		members = append(members, simple("none"))
	}
	return appendUnion(dst, members)
}

// appendUnion adds one type, or the union of several.
func appendUnion(dst []byte, members []member) []byte {
	if len(members) == 1 {
		return append(dst, members[0].json...)
	}
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

// members are the types of the values but for null. Values of several kinds are "any",
// but for texts among numbers (large integers) or dates (those that Python cannot hold).
func (n *node) members(classes []string, depth int) []member {
	kinds := n.kinds &^ kNull
	switch kinds {
	case 0:
		return nil
	case kString:
		return []member{simple("string")}
	case kNumber:
		return []member{simple("number")}
	case kBool:
		return []member{simple("boolean")}
	case kTime:
		return []member{simple("timestamp")}
	case kString | kNumber:
		return []member{simple("number"), simple("string")}
	case kString | kTime:
		return []member{simple("string"), simple("timestamp")}
	case kImage:
		return []member{{"Image-file", n.images.appendType(nil, classes)}}
	}
	if depth < maxTypeDepth && kinds == kList {
		return []member{n.listType(classes, depth+1)}
	}
	if depth < maxTypeDepth && kinds == kDict {
		return []member{n.dictType(classes, depth+1)}
	}
	return []member{simple("any")}
}

func (n *node) listType(classes []string, depth int) member {
	b := append([]byte(nil), `{"wb_type":"list","params":{"element_type":`...)
	b = n.elem.appendType(b, classes, depth, true)
	b = append(b, `,"length":`...)
	b = strconv.AppendInt(b, int64(n.length), 10)
	b = append(b, "}}"...)
	return member{n.elem.name() + "[]", b}
}

func (n *node) dictType(classes []string, depth int) member {
	b := append([]byte(nil), `{"wb_type":"typedDict","params":{"type_map":{`...)
	for i, key := range slices.Sorted(maps.Keys(n.keys)) {
		if i > 0 {
			b = append(b, ',')
		}
		value := *n.keys[key]
		if value.seen < n.dicts {
			value.kinds |= kNull // readers take a key that is missing for null
		}
		b = appendString(b, key)
		b = append(b, ':')
		b = value.appendType(b, classes, depth, false)
	}
	return member{"{", append(b, "}}}"...)}
}

// name is how the official package prints the type of a list's elements, as far as the
// list's place before or behind "None" depends on it.
func (n *node) name() string {
	name := "Any"
	switch kinds := n.kinds &^ kNull; kinds {
	case 0:
		name = "Unknown"
	case kList:
		name = n.elem.name()
	case kDict:
		name = "{"
	default:
		if kinds&(kList|kDict|kImage) == 0 {
			name = n.members(nil, 0)[0].name
		}
	}
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
