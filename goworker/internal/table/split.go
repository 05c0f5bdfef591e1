package table

import (
	"bufio"
	"fmt"
	"io"
)

// split makes parts of the one file that holds the first wholeRows rows: another row follows. The rows are copied as they
// are, so that the bytes of a part depend on its own rows only.
func (w *Writer) split() {
	w.inParts = true
	if len(w.parts) == 0 { // wholeRows is 0, in tests
		return
	}
	w.flush()
	whole := w.parts[0].file
	w.failPart(0, whole.Close())
	w.parts, w.current = w.parts[:0], nil
	if w.err != nil {
		return
	}
	in, err := whole.Reopen()
	if err != nil {
		w.failPart(0, err)
		return
	}
	defer func() { _ = in.Close() }() // it was only read
	rows := bufio.NewReaderSize(in, flushSize)
	from := int64(len(appendHeader(w.scratch[:0], w.columns)))
	if _, err := io.CopyN(io.Discard, rows, from); err != nil {
		w.failPart(0, cutOff(err))
		return
	}
	for _, to := range w.cuts {
		if w.copyPart(rows, to-from); w.err != nil {
			return
		}
		if to != w.cuts[len(w.cuts)-1] {
			if _, err := rows.Discard(1); err != nil { // the comma
				w.failPart(len(w.parts), cutOff(err))
				return
			}
		}
		from = to + 1
	}
	w.cuts = nil
}

// copyPart makes a full part of the next rows, which have so many bytes.
func (w *Writer) copyPart(rows io.Reader, size int64) {
	w.openPart()
	if w.err != nil {
		return
	}
	w.flush()
	n := len(w.parts) - 1
	w.parts[n].rows = w.partRows
	if _, err := io.CopyN(w.current, rows, size); err != nil {
		w.fail(fmt.Errorf("table: part %d: %w", n, cutOff(err)))
		return
	}
	w.parkPart()
}
