package table

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// maxDepth is how deep lists and dicts may go: MongoDB's own limit for documents.
const maxDepth = 100

// BSON writes a plain field as MongoDB holds it; no value at all is null. ObjectIds are
// written as 24 hex digits, dates as Time does (inside of lists and dicts as ISO texts, see
// appendMoment), whole numbers as Int does, UUIDs as their text, other binary data as a
// text with its size, decimals as numbers where nothing is lost and as texts else,
// regular expressions and code as texts. A dict's keys "_type" and "wb_type" get a "_"
// behind them, see safeKey. It is false if the value is damaged; the cell is null then.
func (w *Writer) BSON(v bson.RawValue) bool {
	c := w.next()
	if c == nil {
		return true
	}
	if v.Type == 0 && len(v.Value) == 0 {
		w.buf = appendNull(w.buf, &c.node)
		return true
	}
	mark := len(w.buf)
	if size, ok := valueSize(v.Type, v.Value); ok && size == len(v.Value) {
		var buf []byte
		if buf, ok = c.appendValue(w.buf, v.Type, v.Value, &c.node, 0); ok {
			w.buf = buf
			return true
		}
	}
	w.buf = appendNull(w.buf[:mark], &c.node)
	return false
}

// appendValue adds a value of which valueSize said that it is not cut off; depth is 0
// for a cell itself. It is false if something inside is damaged.
func (c *column) appendValue(dst []byte, t bson.Type, v []byte, n *node, depth int) ([]byte, bool) {
	if n == nil {
		n = new(node) // the types are not remembered any more
	}
	switch t {
	case bson.TypeEmbeddedDocument:
		return c.appendDict(dst, v, n, depth)
	case bson.TypeArray:
		return c.appendList(dst, v, n, depth)
	case bson.TypeDouble:
		return appendFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(v)), n), true
	case bson.TypeInt32:
		return appendInt(dst, int64(int32(binary.LittleEndian.Uint32(v))), n), true
	case bson.TypeInt64:
		return appendInt(dst, int64(binary.LittleEndian.Uint64(v)), n), true
	case bson.TypeDateTime:
		return appendDate(dst, int64(binary.LittleEndian.Uint64(v)), n, depth), true
	case bson.TypeTimestamp: // MongoDB's own: seconds, and a counter within the second
		return appendDate(dst, int64(binary.LittleEndian.Uint32(v[4:]))*1000, n, depth), true
	case bson.TypeBoolean:
		n.kinds |= kBool
		return strconv.AppendBool(dst, v[0] == 1), v[0] <= 1
	case bson.TypeNull, bson.TypeUndefined:
		return appendNull(dst, n), true
	case bson.TypeDecimal128:
		low, high := binary.LittleEndian.Uint64(v), binary.LittleEndian.Uint64(v[8:])
		return appendDecimal(dst, bson.NewDecimal128(high, low).String(), n), true
	}
	return appendTextual(dst, t, v, n)
}

func appendDate(dst []byte, ms int64, n *node, depth int) []byte {
	if depth == 0 {
		return appendMillis(dst, ms, n)
	}
	return appendMoment(dst, ms, n)
}

// appendTextual adds a value that becomes a text.
func appendTextual(dst []byte, t bson.Type, v []byte, n *node) ([]byte, bool) {
	n.kinds |= kString
	switch t {
	case bson.TypeString, bson.TypeSymbol, bson.TypeJavaScript:
		text := v[4 : len(v)-1]
		if hasArtifactScheme(text) {
			n.kinds |= kAny
		}
		return appendString(dst, text), v[len(v)-1] == 0
	case bson.TypeObjectID:
		return appendHex(dst, v), true
	case bson.TypeDBPointer:
		return appendHex(dst, v[len(v)-12:]), true
	case bson.TypeBinary:
		return appendBinary(dst, v[4], v[5:]), true
	case bson.TypeRegex:
		pattern, options, _ := bytes.Cut(v[:len(v)-1], []byte{0})
		text := append([]byte{'/'}, pattern...)
		text = append(append(text, '/'), options...)
		return appendString(dst, text), true
	case bson.TypeCodeWithScope:
		size, ok := lengthPrefixed(v[4:])
		if !ok || 4+size > len(v) || size < 5 {
			return dst, false
		}
		return appendString(dst, v[8:4+size-1]), true
	case bson.TypeMinKey:
		return appendString(dst, "MinKey"), true
	case bson.TypeMaxKey:
		return appendString(dst, "MaxKey"), true
	}
	return dst, false
}

func appendHex(dst, v []byte) []byte {
	dst = append(dst, '"')
	for _, b := range v {
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return append(dst, '"')
}

// appendBinary adds the text of a UUID, or what and how much there is.
func appendBinary(dst []byte, subtype byte, v []byte) []byte {
	if (subtype != bson.TypeBinaryUUID && subtype != bson.TypeBinaryUUIDOld) || len(v) != 16 {
		dst = append(dst, `"<binary, `...)
		dst = strconv.AppendInt(dst, int64(len(v)), 10)
		return append(dst, ` bytes>"`...)
	}
	dst = append(dst, '"')
	for i, b := range v {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return append(dst, '"')
}

func (c *column) appendList(dst, v []byte, n *node, depth int) ([]byte, bool) {
	if depth == maxDepth {
		return dst, false
	}
	elem := n.list(0)
	dst = append(dst, '[')
	length := 0
	ok := eachElement(v, func(t bson.Type, _, value []byte) (ok bool) {
		if length > 0 {
			dst = append(dst, ',')
		}
		length++
		dst, ok = c.appendValue(dst, t, value, elem, depth+1)
		return ok
	})
	n.length = length
	return append(dst, ']'), ok
}

func (c *column) appendDict(dst, v []byte, n *node, depth int) ([]byte, bool) {
	if depth == maxDepth {
		return dst, false
	}
	n.dict()
	dst = append(dst, '{')
	first := true
	ok := eachElement(v, func(t bson.Type, key, value []byte) (ok bool) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if len(key) > 0 && (key[0] == '_' || key[0] == 'w') {
			key = []byte(safeKey(string(key), func(k string) bool { return hasKey(v, k) }))
		}
		if !utf8.Valid(key) {
			key = []byte(validText(string(key)))
		}
		dst = appendString(dst, key)
		dst = append(dst, ':')
		dst, ok = c.appendValue(dst, t, value, c.key(n, key), depth+1)
		return ok
	})
	return append(dst, '}'), ok
}

// hasKey is whether a document has a key; what is damaged is found elsewhere.
func hasKey(doc []byte, key string) bool {
	found := false
	eachElement(doc, func(_ bson.Type, k, _ []byte) bool {
		found = found || string(k) == key
		return !found
	})
	return found
}

// eachElement calls do for each element of a document or array, until it is false. It is
// false then too, and if the document is damaged.
func eachElement(doc []byte, do func(t bson.Type, key, value []byte) bool) bool {
	rest := doc[4:]
	for len(rest) > 1 {
		end := bytes.IndexByte(rest[1:], 0)
		if end < 0 {
			return false
		}
		t, key := bson.Type(rest[0]), rest[1:1+end]
		rest = rest[2+end:]
		size, ok := valueSize(t, rest)
		if !ok || !do(t, key, rest[:size]) {
			return false
		}
		rest = rest[size:]
	}
	return len(rest) == 1 && rest[0] == 0
}

// valueSize is how many bytes the value of type t at the start of b has, by
// https://bsonspec.org/spec.html. It is false if b is too short or t is no type.
func valueSize(t bson.Type, b []byte) (size int, ok bool) {
	switch t {
	case bson.TypeNull, bson.TypeUndefined, bson.TypeMinKey, bson.TypeMaxKey:
		return 0, true
	case bson.TypeBoolean:
		size = 1
	case bson.TypeInt32:
		size = 4
	case bson.TypeDouble, bson.TypeInt64, bson.TypeDateTime, bson.TypeTimestamp:
		size = 8
	case bson.TypeObjectID:
		size = 12
	case bson.TypeDecimal128:
		size = 16
	case bson.TypeString, bson.TypeSymbol, bson.TypeJavaScript:
		size, ok = lengthPrefixed(b)
		return size, ok && size >= 5
	case bson.TypeDBPointer:
		size, ok = lengthPrefixed(b)
		return size + 12, ok && size >= 5 && size+12 <= len(b)
	case bson.TypeBinary:
		size, ok = lengthPrefixed(b)
		return size + 1, ok && size+1 <= len(b)
	case bson.TypeEmbeddedDocument, bson.TypeArray:
		size, ok = wholeSize(b)
		return size, ok && size >= 5
	case bson.TypeCodeWithScope:
		size, ok = wholeSize(b)
		return size, ok && size >= 14
	case bson.TypeRegex:
		pattern := bytes.IndexByte(b, 0)
		options := bytes.IndexByte(b[pattern+1:], 0)
		return pattern + options + 2, pattern >= 0 && options >= 0
	default:
		return 0, false
	}
	return size, size <= len(b)
}

// lengthPrefixed is the size of a value with a length before it that does not count the
// four bytes of the length itself.
func lengthPrefixed(b []byte) (int, bool) {
	size, ok := declared(b)
	return size + 4, ok && size+4 <= len(b)
}

// wholeSize is the size of a value with a length before it that counts those four bytes.
func wholeSize(b []byte) (int, bool) {
	size, ok := declared(b)
	return size, ok && size <= len(b)
}

func declared(b []byte) (int, bool) {
	if len(b) < 4 {
		return 0, false
	}
	size := int32(binary.LittleEndian.Uint32(b))
	return int(size), size >= 0
}
