package table

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// settle ends a cell of kind k: it notes the kind, and makes a text of the cell where the column is one of texts.
func (w *Writer) settle(c *column, k kind) {
	c.note(c.root(), k)
	if c.mixed && (c.before|k)&kImage != 0 {
		w.fail(fmt.Errorf("table: a column of pictures holds other values, too"))
		return
	}
	if c.mixed && !c.text {
		c.become(w.rows)
	}
	if c.text && k != kNull {
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
func (w *Writer) rewriteRows(in *bufio.Reader, out io.Writer, first, rows int64) error {
	if _, err := io.CopyN(out, in, int64(len(w.appendHeader(w.scratch[:0])))); err != nil {
		return err
	}
	dst := w.buf[:0]
	for row := first; row < first+rows; row++ {
		var end byte
		var err error
		if dst, err = appendThrough(dst, in, '['); err != nil {
			return err
		}
		for i := range w.cols {
			c, at := &w.cols[i], len(dst)
			if dst, end, err = appendCell(dst, in); err != nil {
				return err
			}
			if c.text && row < c.from {
				w.scratch = append(w.scratch[:0], dst[at:]...)
				dst = appendAsText(dst[:at], w.scratch, c.before)
			}
			dst = append(dst, end)
		}
		if len(dst) >= flushSize || row == first+rows-1 {
			if _, err := out.Write(dst); err != nil {
				return err
			}
			dst = dst[:0]
		}
	}
	w.buf = dst
	return nil
}

// appendThrough copies bytes up to the given one, with it.
func appendThrough(dst []byte, in *bufio.Reader, last byte) ([]byte, error) {
	for {
		b, err := in.ReadByte()
		if err != nil {
			return dst, cutOff(err)
		}
		if dst = append(dst, b); b == last {
			return dst, nil
		}
	}
}

// appendCell copies the JSON of a cell, and gives the byte that stands behind it.
func appendCell(dst []byte, in *bufio.Reader) ([]byte, byte, error) {
	depth, inText := 0, false
	for {
		b, err := in.ReadByte()
		if err != nil {
			return dst, 0, cutOff(err)
		}
		switch {
		case inText && b == '\\':
			dst = append(dst, b)
			if b, err = in.ReadByte(); err != nil {
				return dst, 0, cutOff(err)
			}
		case inText:
			inText = b != '"'
		case b == '"':
			inText = true
		case b == '[' || b == '{':
			depth++
		case depth == 0 && (b == ',' || b == ']'):
			return dst, b, nil
		case b == ']' || b == '}':
			depth--
		}
		dst = append(dst, b)
	}
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
