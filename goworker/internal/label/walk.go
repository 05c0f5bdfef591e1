package label

import (
	"bytes"
	"encoding/binary"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// elem is one value as it stands in BSON: its type and its bytes, which have
// the length that the type asks for. The zero elem is an absent value.
type elem struct {
	t bson.Type
	v []byte
}

// walker goes through the elements of a document or an array. This is the
// hottest loop of the worker, so it reads the bytes itself and checks only what
// keeps it inside of them.
type walker struct {
	elem
	key  []byte
	rest []byte
}

// plausible reports whether bytes can start a document: a length of at least its
// own 4 bytes and the zero at the end.
func plausible(doc []byte) bool {
	return len(doc) >= 5 && int64(binary.LittleEndian.Uint32(doc)) >= 5
}

// walk starts at the first element. Bytes that are not a document have none; a
// document that was cut off has those that are there.
func walk(doc []byte) walker { return walker{rest: body(doc)} }

// body is what follows a document's length.
func body(doc []byte) []byte {
	if !plausible(doc) {
		return nil
	}
	return doc[4:min(int64(binary.LittleEndian.Uint32(doc)), int64(len(doc)))]
}

// next moves to the next element. It ends at the end, and at the first byte
// that makes no sense.
func (w *walker) next() bool {
	b := w.rest
	if len(b) < 2 || b[0] == 0 {
		return false
	}
	// Keys are short: looking at each byte beats a call to search for the zero.
	end := 1
	for b[end] != 0 {
		if end++; end == len(b) {
			return false
		}
	}
	value := b[end+1:]
	n := int(fixed[b[0]])
	if n < 0 {
		n = variable(bson.Type(b[0]), value)
	}
	if uint(n) > uint(len(value)) {
		return false
	}
	w.t, w.key, w.v, w.rest = bson.Type(b[0]), b[1:end], value[:n], value[n:]
	return true
}

// fixed is the number of bytes that a value of a type always takes, -1 where
// that varies or there is no such type.
var fixed = func() (sizes [256]int8) {
	for i := range sizes {
		sizes[i] = -1
	}
	for t, n := range map[bson.Type]int8{
		bson.TypeDouble: 8, bson.TypeDateTime: 8, bson.TypeTimestamp: 8, bson.TypeInt64: 8,
		bson.TypeInt32: 4, bson.TypeObjectID: 12, bson.TypeDecimal128: 16, bson.TypeBoolean: 1,
		bson.TypeNull: 0, bson.TypeUndefined: 0, bson.TypeMinKey: 0, bson.TypeMaxKey: 0,
	} {
		sizes[t] = n
	}
	return sizes
}()

// variable is the number of bytes that a value of one of the other types takes,
// read from its first bytes: more than there are, or negative, for a broken one.
func variable(t bson.Type, b []byte) int {
	switch t {
	case bson.TypeString, bson.TypeJavaScript, bson.TypeSymbol:
		return prefixed(b, 4, 5)
	case bson.TypeEmbeddedDocument, bson.TypeArray, bson.TypeCodeWithScope:
		return prefixed(b, 0, 5)
	case bson.TypeBinary:
		return prefixed(b, 5, 5)
	case bson.TypeDBPointer:
		return prefixed(b, 16, 17)
	case bson.TypeRegex:
		pattern := bytes.IndexByte(b, 0) + 1
		options := bytes.IndexByte(b[pattern:], 0) + 1
		if pattern == 0 || options == 0 {
			return -1
		}
		return pattern + options
	}
	return -1
}

// prefixed is the size of a value that starts with a length of 4 bytes: the
// length plus extra, or -1 where that is less than the least size.
func prefixed(b []byte, extra, least int) int {
	if len(b) < 4 {
		return -1
	}
	n := int(int32(binary.LittleEndian.Uint32(b))) + extra
	if n < least {
		return -1
	}
	return n
}

// text is a string's bytes; nil for other types.
func (e elem) text() []byte {
	if e.t != bson.TypeString {
		return nil
	}
	return e.v[4 : len(e.v)-1]
}

func (e elem) objectID() (id bson.ObjectID, ok bool) {
	if e.t != bson.TypeObjectID {
		return id, false
	}
	return bson.ObjectID(e.v), true
}

// integer is a number that is stored as an integer.
func (e elem) integer() (int64, bool) {
	switch e.t {
	case bson.TypeInt32:
		return int64(int32(binary.LittleEndian.Uint32(e.v))), true
	case bson.TypeInt64:
		return int64(binary.LittleEndian.Uint64(e.v)), true
	}
	return 0, false
}

// number is a number of any type, NaN and the infinities too.
func (e elem) number() (float64, bool) {
	if e.t == bson.TypeDouble {
		return math.Float64frombits(binary.LittleEndian.Uint64(e.v)), true
	}
	n, ok := e.integer()
	return float64(n), ok
}

// finite is a number of any type, unless it is NaN or infinite.
func (e elem) finite() (float64, bool) {
	x, ok := e.number()
	return x, ok && x-x == 0
}

func (e elem) isArray() bool { return e.t == bson.TypeArray }

// mean is a number, or the mean of the finite numbers in a list: FiftyOne keeps
// one confidence for each point of a keypoint.
func (e elem) mean() (float64, bool) {
	if !e.isArray() {
		return e.finite()
	}
	sum, n := 0.0, 0
	for w := walk(e.v); w.next(); {
		if x, ok := w.finite(); ok {
			sum += x
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	avg := sum / float64(n)
	return avg, avg-avg == 0
}

// allNumbers reports whether this is a list of at least one number and of nothing else.
func (e elem) allNumbers() bool {
	if !e.isArray() {
		return false
	}
	n := 0
	for w := walk(e.v); w.next(); n++ {
		if _, ok := w.number(); !ok {
			return false
		}
	}
	return n > 0
}

// pair is a list of two numbers.
func (e elem) pair() (lo, hi float64, ok bool) {
	if !e.allNumbers() {
		return 0, 0, false
	}
	w := walk(e.v)
	w.next()
	lo, _ = w.number()
	if !w.next() {
		return 0, 0, false
	}
	hi, _ = w.number()
	return lo, hi, !w.next()
}

// depth counts the lists that stand so many lists deep: the points of a line at
// depth 1, those of all shapes or rings at depth 2.
func (e elem) depth(levels int) int {
	if !e.isArray() {
		return 0
	}
	n := 0
	for w := walk(e.v); w.next(); {
		if levels > 1 {
			n += w.depth(levels - 1)
		} else if w.isArray() {
			n++
		}
	}
	return n
}

// coordinates is the list in a GeoJSON object, or a list that stands there bare.
func (e elem) coordinates() elem {
	if e.t != bson.TypeEmbeddedDocument {
		return e
	}
	for w := walk(e.v); w.next(); {
		if string(w.key) == "coordinates" {
			return w.elem
		}
	}
	return elem{}
}
