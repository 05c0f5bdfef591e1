package table

import (
	"strconv"
	"time"
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
		w.settle(c, kNull)
	}
}

// Text writes a text. Bytes that are not UTF-8 become U+FFFD, and what the official package would take
// for a reference to an artifact gets a blank before it.
func (w *Writer) Text(s string) {
	if c := w.next(); c != nil {
		w.buf = appendText(w.buf, s)
		w.settle(c, kString)
	}
}

// TextBytes is Text for bytes, which it does not keep.
func (w *Writer) TextBytes(b []byte) {
	if c := w.next(); c != nil {
		w.buf = appendText(w.buf, b)
		w.settle(c, kString)
	}
}

// Int writes a whole number. One beyond ±2^53, which W&B's pages and other readers
// would round, is written as a text, and so are then all cells of the column.
func (w *Writer) Int(v int64) {
	if c := w.next(); c != nil {
		var k kind
		w.buf, k = appendInt(w.buf, v)
		w.settle(c, k)
	}
}

// Float writes a number; NaN and the infinities become null, since JSON has none.
func (w *Writer) Float(v float64) {
	if c := w.next(); c != nil {
		var k kind
		w.buf, k = appendFloat(w.buf, v)
		w.settle(c, k)
	}
}

// Bool writes true or false.
func (w *Writer) Bool(v bool) {
	if c := w.next(); c != nil {
		w.buf = strconv.AppendBool(w.buf, v)
		w.settle(c, kBool)
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
		w.settle(c, k)
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
	w.settle(c, kList)
}
