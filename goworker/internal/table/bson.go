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
// behind them, see safeKey. It says what was lost.
func (w *Writer) BSON(v bson.RawValue) Trouble {
	if text, ok := longText(v); ok {
		writeText(w, text)
		return NoTrouble
	}
	c := w.next()
	if c == nil {
		return NoTrouble
	}
	if v.Type == 0 && len(v.Value) == 0 {
		w.buf = append(w.buf, "null"...)
		w.endCell(c, kNull)
		return NoTrouble
	}
	if size, ok := valueSize(v.Type, v.Value); ok && size == len(v.Value) {
		b := bsonCell{c: c}
		if buf, k, ok := b.appendValue(w.buf, v.Type, v.Value, c.root(), 0); ok {
			w.buf = buf
			w.endCell(c, k)
			return b.lost
		}
	}
	w.buf = append(w.buf[:w.mark], "null"...)
	w.endCell(c, kNull)
	return Damaged
}

// bsonCell is a cell that is being written.
type bsonCell struct {
	c    *column
	lost Trouble
}

// appendValue adds a value of which valueSize said that it is not cut off; depth is 0
// for a cell itself. It notes what is inside of the value, and gives the value's own kind. It
// is false if something inside is damaged.
func (b *bsonCell) appendValue(dst []byte, t bson.Type, v []byte, n *node, depth int) ([]byte, kind, bool) {
	ok := true
	var k kind
	switch t {
	case bson.TypeEmbeddedDocument:
		dst, ok = b.appendDict(dst, v, n, depth)
		return dst, kDict, ok
	case bson.TypeArray:
		dst, ok = b.appendList(dst, v, n, depth)
		return dst, kList, ok
	case bson.TypeDouble:
		dst, k = appendFloat(dst, math.Float64frombits(binary.LittleEndian.Uint64(v)))
	case bson.TypeInt32:
		dst, k = appendInt(dst, int64(int32(binary.LittleEndian.Uint32(v))))
	case bson.TypeInt64:
		dst, k = appendInt(dst, int64(binary.LittleEndian.Uint64(v)))
	case bson.TypeDateTime:
		dst, k = b.appendDate(dst, int64(binary.LittleEndian.Uint64(v)), depth)
	case bson.TypeTimestamp: // MongoDB's own: seconds, and a counter within the second
		dst, k = b.appendDate(dst, int64(binary.LittleEndian.Uint32(v[4:]))*1000, depth)
	case bson.TypeBoolean:
		return strconv.AppendBool(dst, v[0] == 1), kBool, v[0] <= 1
	case bson.TypeNull, bson.TypeUndefined:
		return append(dst, "null"...), kNull, true
	case bson.TypeDecimal128:
		low, high := binary.LittleEndian.Uint64(v), binary.LittleEndian.Uint64(v[8:])
		dst, k = appendDecimal(dst, bson.NewDecimal128(high, low).String())
	default:
		dst, ok = appendTextual(dst, t, v)
		return dst, kString, ok
	}
	return dst, k, true
}

func (b *bsonCell) appendDate(dst []byte, ms int64, depth int) (out []byte, k kind) {
	if depth == 0 {
		out, k = appendMillis(dst, ms)
	} else {
		out, k = appendMoment(dst, ms)
	}
	if k == kNull {
		b.lost = DateOutOfRange
	}
	return out, k
}

// appendTextual adds a value that becomes a text.
func appendTextual(dst []byte, t bson.Type, v []byte) ([]byte, bool) {
	switch t {
	case bson.TypeString, bson.TypeSymbol, bson.TypeJavaScript:
		return appendText(dst, v[4:len(v)-1]), v[len(v)-1] == 0
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
		return appendText(dst, v[8:4+size-1]), true
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

func (b *bsonCell) appendList(dst, v []byte, n *node, depth int) ([]byte, bool) {
	if depth == maxDepth {
		return dst, false
	}
	elem := b.c.list(n, 0, depth)
	dst = append(dst, '[')
	length := 0
	ok := eachElement(v, func(t bson.Type, _, value []byte) (ok bool) {
		if length > 0 {
			dst = append(dst, ',')
		}
		length++
		var k kind
		dst, k, ok = b.appendValue(dst, t, value, elem, depth+1)
		b.c.note(elem, k)
		return ok
	})
	if n != nil {
		n.length = length
	}
	return append(dst, ']'), ok
}

func (b *bsonCell) appendDict(dst, v []byte, n *node, depth int) ([]byte, bool) {
	if depth == maxDepth {
		return dst, false
	}
	b.c.dict(n, depth)
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
		dst = append(appendString(dst, key), ':')
		place := b.c.key(n, key)
		var k kind
		dst, k, ok = b.appendValue(dst, t, value, place, depth+1)
		b.c.note(place, k)
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
// https://bsonspec.org/spec.html. It is false if b is too short or t is not a type.
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

// longText is a text that has to be written in pieces.
func longText(v bson.RawValue) ([]byte, bool) {
	if v.Type != bson.TypeString || len(v.Value) < pieceSize {
		return nil, false
	}
	if size, ok := lengthPrefixed(v.Value); !ok || size != len(v.Value) || v.Value[size-1] != 0 {
		return nil, false
	}
	return v.Value[4 : len(v.Value)-1], true
}
