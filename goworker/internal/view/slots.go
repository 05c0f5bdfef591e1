package view

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// Slots finds the values of a fixed set of paths in raw documents, in one walk
// over each document. It is not safe for concurrent use.
type Slots struct {
	root   node
	values []bson.RawValue
}

// node is one level of the tree of paths; slots are those of the paths that end here.
type node struct {
	children map[string]*node
	slots    []int
}

// NewSlots prepares the paths; slot i is paths[i]. A dotted path leads through
// embedded documents, not through lists. A path may stand there twice.
func NewSlots(paths []string) *Slots {
	s := &Slots{values: make([]bson.RawValue, len(paths))}
	for i, path := range paths {
		at := &s.root
		for _, name := range strings.Split(path, ".") {
			if at.children == nil {
				at.children = map[string]*node{}
			}
			next := at.children[name]
			if next == nil {
				next = &node{}
				at.children[name] = next
			}
			at = next
		}
		at.slots = append(at.slots, i)
	}
	return s
}

// Load reads a document. What is missing or broken in it leaves its slot empty.
func (s *Slots) Load(doc bson.Raw) {
	clear(s.values)
	s.walk(&s.root, bsoncore.Document(doc))
}

// Value is what the last document holds in slot i. Its Type is 0 where the
// document has nothing there.
func (s *Slots) Value(i int) bson.RawValue { return s.values[i] }

func (s *Slots) walk(at *node, doc bsoncore.Document) {
	length, rem, ok := bsoncore.ReadLength(doc)
	if !ok || int(length) > len(doc) || length < 5 {
		return
	}
	rem = rem[:length-4]
	for len(rem) > 1 {
		element, rest, ok := bsoncore.ReadElement(rem)
		if !ok {
			return
		}
		rem = rest
		key, err := element.KeyBytesErr()
		if err != nil {
			return
		}
		child := at.children[string(key)]
		if child == nil {
			continue
		}
		value, err := element.ValueErr()
		if err != nil {
			return
		}
		for _, i := range child.slots {
			s.values[i] = bson.RawValue{Type: bson.Type(value.Type), Value: value.Data}
		}
		if child.children != nil {
			if sub, ok := value.DocumentOK(); ok {
				s.walk(child, sub)
			}
		}
	}
}
