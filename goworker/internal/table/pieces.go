package table

import (
	"bufio"
	"bytes"
	"io"
)

// A cell of a document of MongoDB's may have a hundred megabytes, as each of its bytes may take six in JSON.
// Texts are therefore written, and cells read again, in pieces of about this many bytes.
const pieceSize = 64 << 10

// imageHead begins the cell of a picture.
const imageHead = `{"_type":"image-file"`

// CopyRows writes the first rows of a table file of a Writer's, at most so many, as a list without its brackets. In the
// place of pictures stands the text "Image".
func CopyRows(dst io.Writer, file io.Reader, columns []string, most int) error {
	in, out := bufio.NewReaderSize(file, pieceSize), bufio.NewWriterSize(dst, pieceSize)
	if _, err := io.CopyN(io.Discard, in, int64(len(appendHeader(nil, columns)))); err != nil {
		return cutOff(err)
	}
	var scratch []byte
	for row := range most {
		b, err := in.ReadByte() // a bracket, or the comma before it
		if err == nil && b == ',' {
			b, err = in.ReadByte()
		}
		if err != nil {
			return cutOff(err)
		}
		if b != '[' {
			break
		}
		if row > 0 {
			_ = out.WriteByte(',') // the first error sticks, and Flush returns it
		}
		_ = out.WriteByte('[')
		for range columns {
			var end byte
			image := false
			scratch, end, err = cellPieces(scratch, in, func(piece []byte, first bool) {
				if first && bytes.HasPrefix(piece, []byte(imageHead)) {
					image = true
					_, _ = out.WriteString(`"Image"`)
				}
				if !image {
					_, _ = out.Write(piece)
				}
			})
			if err != nil {
				return err
			}
			_ = out.WriteByte(end)
		}
	}
	return out.Flush()
}

// cellPieces reads the JSON of a cell and hands it on in pieces, none of which ends within an escape. It gives its
// scratch memory back, and the byte that stands behind the cell.
func cellPieces(scratch []byte, in *bufio.Reader, piece func(piece []byte, first bool)) ([]byte, byte, error) {
	buf, first := scratch[:0], true
	depth, inText := 0, false
	for {
		if len(buf) >= pieceSize {
			piece(buf, first)
			buf, first = buf[:0], false
		}
		b, err := in.ReadByte()
		if err != nil {
			return buf, 0, cutOff(err)
		}
		switch {
		case inText && b == '\\':
			if buf, err = appendEscaped(buf, in); err != nil {
				return buf, 0, err
			}
			continue
		case inText:
			inText = b != '"'
		case b == '"':
			inText = true
		case b == '[' || b == '{':
			depth++
		case depth == 0 && (b == ',' || b == ']'):
			piece(buf, first)
			return buf, b, nil
		case b == ']' || b == '}':
			depth--
		}
		buf = append(buf, b)
	}
}

// appendEscaped copies an escape whose backslash was read.
func appendEscaped(dst []byte, in *bufio.Reader) ([]byte, error) {
	dst = append(dst, '\\')
	for left := 1; left > 0; left-- {
		b, err := in.ReadByte()
		if err != nil {
			return dst, cutOff(err)
		}
		if dst = append(dst, b); b == 'u' && dst[len(dst)-2] == '\\' {
			left += 4
		}
	}
	return dst, nil
}
