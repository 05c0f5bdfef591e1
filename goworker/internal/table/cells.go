package table

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Trouble is what a value lost on its way into a cell.
type Trouble int

// The kinds of trouble.
const (
	NoTrouble Trouble = iota
	// Damaged is a value whose bytes make no sense: the cell is null.
	Damaged
	// DateOutOfRange is a date before the year 1 or after the year 9999, which Python does not know and at which
	// the official package fails: it is null.
	DateOutOfRange
)

// Null writes an empty cell.
func (w *Writer) Null() {
	if c := w.next(); c != nil {
		w.buf = append(w.buf, "null"...)
		w.endCell(c, kNull)
	}
}

// Text writes a text. Bytes that are not UTF-8 become U+FFFD, and what the official package would take
// for a reference to an artifact gets a blank before it.
func (w *Writer) Text(s string) {
	writeText(w, s)
}

// TextBytes is Text for bytes, which it does not keep.
func (w *Writer) TextBytes(b []byte) {
	writeText(w, b)
}

// writeText writes a text, a long one in pieces: as JSON it may have six times as many bytes.
func writeText[T ~string | ~[]byte](w *Writer, s T) {
	c := w.next()
	if c == nil {
		return
	}
	if len(s) <= pieceSize {
		w.buf = appendText(w.buf, s)
	} else {
		w.buf = append(w.buf, '"')
		if isScheme(s) {
			w.buf = append(w.buf, ' ')
		}
		for len(s) > 0 {
			n := runeStart(s, pieceSize)
			w.buf = appendEscapes(w.buf, s[:n])
			s = s[n:]
			w.flush()
		}
		w.buf = append(w.buf, '"')
	}
	w.endCell(c, kString)
}

// runeStart is a place in s, about the given one, at which no character is cut through.
func runeStart[T ~string | ~[]byte](s T, at int) int {
	if at >= len(s) {
		return len(s)
	}
	for back := range utf8.UTFMax {
		if utf8.RuneStart(s[at-back]) {
			return at - back
		}
	}
	return at // bytes that are not UTF-8
}

// Int writes a whole number. One beyond ±2^53, which W&B's pages and other readers
// would round, is written as a text, and so are then all cells of the column.
func (w *Writer) Int(v int64) {
	if c := w.next(); c != nil {
		var k kind
		w.buf, k = appendInt(w.buf, v)
		w.endCell(c, k)
	}
}

// Float writes a number; NaN and the infinities become null, since JSON has none.
func (w *Writer) Float(v float64) {
	if c := w.next(); c != nil {
		var k kind
		w.buf, k = appendFloat(w.buf, v)
		w.endCell(c, k)
	}
}

// OptionalFloat is Float for a number that may be missing: then the cell is empty.
func (w *Writer) OptionalFloat(v *float64) {
	if v == nil {
		w.Null()
		return
	}
	w.Float(*v)
}

// OptionalText is Text, or an empty cell where there is none.
func (w *Writer) OptionalText(s string) {
	if s == "" {
		w.Null()
		return
	}
	w.Text(s)
}

// Bool writes true or false.
func (w *Writer) Bool(v bool) {
	if c := w.next(); c != nil {
		w.buf = strconv.AppendBool(w.buf, v)
		w.endCell(c, kBool)
	}
}

// Time writes a moment as whole milliseconds since 1970, UTC, which W&B's readers turn
// into a date again. It may be DateOutOfRange.
func (w *Writer) Time(t time.Time) (lost Trouble) {
	if c := w.next(); c != nil {
		var k kind
		w.buf, k = appendMillis(w.buf, t.UnixMilli())
		if k == kNull {
			lost = DateOutOfRange
		}
		w.endCell(c, k)
	}
	return lost
}

// StringList writes a list of texts.
func (w *Writer) StringList(list []string) {
	c := w.next()
	if c == nil {
		return
	}
	elem := c.list(c.root(), len(list), 0)
	w.buf = append(w.buf, '[')
	for i, s := range list {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = appendText(w.buf, s)
		c.note(elem, kString)
	}
	w.buf = append(w.buf, ']')
	w.endCell(c, kList)
}
