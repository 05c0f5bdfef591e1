package table

import (
	"bufio"
	"errors"
	"io"
)

var errOtherThanPictures = errors.New("table: a column of pictures holds other values, too")

// endCell ends a cell of kind k: it notes the kind, and makes a text of the cell where the column is one of texts.
func (w *Writer) endCell(c *column, k kind) {
	c.note(c.root(), k)
	if c.mixed && (c.before|k)&kImage != 0 {
		w.fail(errOtherThanPictures)
		return
	}
	if c.mixed && !c.text {
		c.become(w.rows)
	}
	if c.text && k&(kNull|kString) == 0 { // appendAsText leaves these as they are
		w.scratch = append(w.scratch[:0], w.buf[w.mark:]...)
		w.buf = appendAsText(w.buf[:w.mark], w.scratch, k)
	}
}

// texts are the names of the columns that have become texts.
func (w *Writer) texts() (names []string) {
	for i := range w.cols {
		if w.cols[i].text {
			names = append(names, w.columns[i])
		}
	}
	return names
}

// rewrite writes a part a second time if a column of it has become one of texts after
// its rows were written.
func (w *Writer) rewrite(i int) {
	first, stale := int64(i)*w.partRows, false
	for j := range w.cols {
		c := &w.cols[j]
		stale = stale || c.text && c.before != 0 && first < c.from
	}
	if !stale || w.err != nil {
		return
	}
	p := &w.parts[i]
	if err := p.file.Close(); err != nil {
		w.failPart(i, err)
		return
	}
	in, err := p.file.Reopen()
	if err != nil {
		w.failPart(i, err)
		return
	}
	defer func() { _ = in.Close() }() // it was only read
	file, err := w.open(i)
	if err != nil {
		w.failPart(i, err)
		return
	}
	p.file = file
	w.failPart(i, w.rewriteRows(bufio.NewReaderSize(in, flushSize), file, first, p.rows))
}

// rewriteRows copies the rows of a part, of which the first has the number first.
func (w *Writer) rewriteRows(in *bufio.Reader, file io.Writer, first, rows int64) error {
	out := bufio.NewWriterSize(file, flushSize)
	if _, err := io.CopyN(out, in, int64(len(appendHeader(w.scratch[:0], w.columns)))); err != nil {
		return cutOff(err)
	}
	for row := first; row < first+rows; row++ {
		if row > first {
			if _, err := io.CopyN(out, in, 1); err != nil { // the comma
				return cutOff(err)
			}
		}
		if _, err := io.CopyN(out, in, 1); err != nil { // the bracket
			return cutOff(err)
		}
		for i := range w.cols {
			c := &w.cols[i]
			if err := w.rewriteCell(in, out, c.text && row < c.from, c.before); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// rewriteCell copies a cell, as a text if it has to become one, and the byte behind it.
func (w *Writer) rewriteCell(in *bufio.Reader, out *bufio.Writer, text bool, k kind) (err error) {
	var end byte
	var quoted bool
	w.scratch, end, err = cellPieces(w.scratch, in, func(piece []byte, first bool) {
		switch {
		case first && text && k&(kList|kDict) != 0 && piece[0] != 'n': // of other kinds a cell is one piece, or a text
			quoted = true
			_ = out.WriteByte('"') // the first error sticks, and Flush returns it
		case first && text:
			w.buf = appendAsText(w.buf[:0], piece, k)
			piece = w.buf
		}
		if quoted {
			w.buf = appendQuoted(w.buf[:0], piece)
			piece = w.buf
		}
		_, _ = out.Write(piece)
	})
	if err != nil {
		return err
	}
	if quoted {
		_ = out.WriteByte('"')
	}
	return out.WriteByte(end)
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
