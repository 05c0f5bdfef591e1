package thumb

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// Mask is a picture whose pixels are class ids: that of pixel (x, y) is
// Pix[y*Width+x].
type Mask struct {
	Pix           []uint8
	Width, Height int
}

// NewMask makes a mask of class 0.
func NewMask(width, height int) Mask {
	return Mask{Pix: make([]uint8, width*height), Width: width, Height: height}
}

// check reports whether a mask's size and pixels belong together.
func (m Mask) check() error {
	if m.Width < 1 || m.Height < 1 || m.Width > math.MaxInt32 || m.Height > math.MaxInt32 ||
		len(m.Pix)/m.Width != m.Height || len(m.Pix)%m.Width != 0 {
		return fmt.Errorf("%w: a mask of %d x %d with %d values", ErrCorrupt, m.Width, m.Height, len(m.Pix))
	}
	return nil
}

// Scale gives the mask in another size: each pixel takes the class that the old
// mask has at the new pixel's centre. Classes are never mixed.
func (m Mask) Scale(width, height int) (Mask, error) {
	if err := m.check(); err != nil {
		return Mask{}, err
	}
	if width < 1 || height < 1 {
		return Mask{}, fmt.Errorf("%w: a mask cannot be %d x %d", ErrUnsupported, width, height)
	}
	out := NewMask(width, height)
	columns := make([]int, width)
	for x := range columns {
		columns[x] = nearest(x, width, m.Width)
	}
	for y := range height {
		row := m.Pix[nearest(y, height, m.Height)*m.Width:][:m.Width]
		to := out.Pix[y*width:][:width]
		for x, from := range columns {
			to[x] = row[from]
		}
	}
	return out, nil
}

// nearest gives which of the old positions lies at the centre of position i of n.
func nearest(i, n, old int) int { return int((2*int64(i) + 1) * int64(old) / (2 * int64(n))) }

// maskLevel is how hard zlib tries: with objects of a thumbnail's size it is six times
// as fast as the usual level 6, for half as many bytes again.
const maskLevel = 3

// MaskEncoder writes masks as PNG and reuses its memory. It is for one goroutine at
// a time. The zero value is ready for use.
type MaskEncoder struct {
	data bytes.Buffer
	zip  *zlib.Writer
}

// Encode writes a mask as a grey PNG of 8 bits, whose values are the class ids.
// The result is the caller's own.
func (e *MaskEncoder) Encode(m Mask) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	e.data.Reset()
	if e.zip == nil {
		e.zip, _ = zlib.NewWriterLevel(&e.data, maskLevel)
	} else {
		e.zip.Reset(&e.data)
	}
	// Unfiltered rows: masks repeat themselves row by row, which zlib finds by itself.
	unfiltered := []byte{0}
	for y := range m.Height {
		_, _ = e.zip.Write(unfiltered)
		_, _ = e.zip.Write(m.Pix[y*m.Width:][:m.Width])
	}
	if err := e.zip.Close(); err != nil {
		return nil, fmt.Errorf("compress a mask: %w", err)
	}
	const gray, bits = 0, 8
	head := binary.BigEndian.AppendUint32(nil, uint32(m.Width))
	head = append(binary.BigEndian.AppendUint32(head, uint32(m.Height)), bits, gray, 0, 0, 0)
	out := make([]byte, 0, e.data.Len()+100)
	out = append(out, "\x89PNG\r\n\x1a\n"...)
	out = appendChunk(out, "IHDR", head)
	out = appendChunk(out, "IDAT", e.data.Bytes())
	return appendChunk(out, "IEND", nil), nil
}

// appendChunk appends a chunk of a PNG file.
func appendChunk(out []byte, kind string, content []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(len(content)))
	from := len(out)
	out = append(append(out, kind...), content...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[from:]))
}

// PaintInstance gives the pixels of an object its class. Object is the object's own
// mask, in which every value but 0 belongs to it, and box where in the picture that
// mask lies; what is beyond the picture is left out.
func (m Mask) PaintInstance(object Mask, box Box, class uint8) error {
	if err := object.check(); err != nil {
		return err
	}
	x0, x1, ok := covered(box.X, box.Width, m.Width)
	y0, y1, also := covered(box.Y, box.Height, m.Height)
	if !ok || !also {
		return nil
	}
	columns := make([]int, x1-x0)
	for i := range columns {
		columns[i] = within(float64(x0+i), m.Width, box.X, box.Width, object.Width)
	}
	for y := y0; y < y1; y++ {
		row := object.Pix[within(float64(y), m.Height, box.Y, box.Height, object.Height)*object.Width:][:object.Width]
		to := m.Pix[y*m.Width:][x0:x1]
		for i, from := range columns {
			if row[from] != 0 {
				to[i] = class
			}
		}
	}
	return nil
}

// covered gives the range of the pixels, of n, whose centres are within a part of
// the picture. It is false where there is none.
func covered(from, length float64, n int) (first, end int, ok bool) {
	a := math.Max(math.Ceil(from*float64(n)-0.5), 0)
	b := math.Min(math.Ceil((from+length)*float64(n)-0.5), float64(n))
	if !(length > 0 && a < b) { // also for what is not a number
		return 0, 0, false
	}
	return int(a), int(b), true
}

// within gives which of count positions, spread over a part of the picture, lies at
// the centre of pixel i of n.
func within(i float64, n int, from, length float64, count int) int {
	at := ((i+0.5)/float64(n) - from) / length * float64(count)
	return min(max(int(at), 0), count-1)
}
