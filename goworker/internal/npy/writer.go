package npy

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// idType is NumPy's description of a text of 24 characters, an id's length in hex.
const idType = "<U24"

// ShapeError is returned for a vector that does not fit to the ones before it.
type ShapeError struct {
	// Sample is whose vector it is.
	Sample bson.ObjectID
	// Shape is its shape, Want that of the first vector.
	Shape, Want []int
}

// Error implements error.
func (e *ShapeError) Error() string {
	if len(e.Shape) == 1 && len(e.Want) == 1 {
		return fmt.Sprintf("sample %s has a vector of %d numbers, those before it have %d", e.Sample.Hex(), e.Shape[0], e.Want[0])
	}
	return fmt.Sprintf("sample %s has an array of shape %v, those before it have %v", e.Sample.Hex(), e.Shape, e.Want)
}

// Writer collects the vectors of samples and writes them as an .npz archive:
// sample_ids, texts of 24 hex digits, and embeddings, with one row for each.
//
// An archive starts with the number of rows, which is known last, and all rows
// have one type. So vectors wait in scratch files, and memory does not grow with
// their number.
//
// An archive of very many rows can be written as several, see Cut.
type Writer struct {
	ids, vectors  io.ReadWriteSeeker
	idBuf, vecBuf *bufio.Writer
	shape         []int
	numbers       int
	given         bool   // the shape was set
	parts         []part // the last one is that of the next vector
}

// part is some vectors that follow each other.
type part struct {
	count int
	// dtype holds all of them.
	dtype DType
}

// with is the part with more vectors of a type behind it.
func (p part) with(more part) part {
	switch {
	case p.count == 0:
		return more
	case more.count == 0:
		return p
	}
	return part{p.count + more.count, common(p.dtype, more.dtype)}
}

// NewWriter makes a writer with two scratch files, which have to be empty. They
// stay the caller's to close and to remove.
func NewWriter(ids, vectors io.ReadWriteSeeker) *Writer {
	return &Writer{ids: ids, vectors: vectors, idBuf: bufio.NewWriter(ids), vecBuf: bufio.NewWriterSize(vectors, 1<<16), parts: make([]part, 1)}
}

// Add adds a sample's vector. A *ShapeError means that this one is left out and
// that the writer can go on; every other error is one of the scratch files.
func (w *Writer) Add(sample bson.ObjectID, a Array) error {
	if w.Len() == 0 && !w.given {
		w.shape, w.numbers = slices.Clone(a.Shape), a.Len()
	}
	if !slices.Equal(a.Shape, w.shape) {
		return &ShapeError{Sample: sample, Shape: slices.Clone(a.Shape), Want: slices.Clone(w.shape)}
	}
	last := &w.parts[len(w.parts)-1]
	*last = last.with(part{1, a.DType})
	_, errID := w.idBuf.Write(sample[:])
	errType := w.vecBuf.WriteByte(byte(a.DType))
	_, errData := w.vecBuf.Write(a.Data)
	return errors.Join(errID, errType, errData)
}

// SetShape sets the shape that vectors have to have; without it, it is the first one's. It comes before the first vector.
func (w *Writer) SetShape(shape []int) {
	w.shape, w.numbers, w.given = slices.Clone(shape), 1, true
	for _, n := range shape {
		w.numbers *= n
	}
}

// Shape is the shape of the vectors, once there is one.
func (w *Writer) Shape() []int { return w.shape }

// Cut ends a part: FinishParts begins another archive with the next vector. A part may be empty.
func (w *Writer) Cut() { w.parts = append(w.parts, part{}) }

// Len is how many vectors there are.
func (w *Writer) Len() int { return w.all().count }

// all is all parts as one.
func (w *Writer) all() (all part) {
	for _, p := range w.parts {
		all = all.with(p)
	}
	return all
}

// Finish writes one archive, uncompressed and with the same bytes for the same
// vectors. Vectors of differing types become what holds them all, mostly Float64.
// Without vectors the arrays are empty.
func (w *Writer) Finish(out io.Writer) error {
	in, err := w.rewind()
	if err != nil {
		return err
	}
	return w.archive(out, in, w.all())
}

// FinishParts is Finish with an archive for each part that has vectors, in the file that create makes for it. A
// part's type depends on its own vectors only. It closes the files.
func (w *Writer) FinishParts(create func(part int) (io.WriteCloser, error)) error {
	in, err := w.rewind()
	if err != nil {
		return err
	}
	for i, p := range w.parts {
		if p.count == 0 {
			continue
		}
		out, err := create(i)
		if err != nil {
			return err
		}
		err = w.archive(out, in, p)
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
	}
	return nil
}

// collected are the scratch files, read from the beginning.
type collected struct{ ids, vectors *bufio.Reader }

func (w *Writer) rewind() (collected, error) {
	err := errors.Join(w.idBuf.Flush(), w.vecBuf.Flush())
	for _, file := range []io.Seeker{w.ids, w.vectors} {
		if err == nil {
			_, err = file.Seek(0, io.SeekStart)
		}
	}
	return collected{bufio.NewReaderSize(w.ids, 1<<16), bufio.NewReaderSize(w.vectors, 1<<16)}, err
}

// archive writes the next vectors.
func (w *Writer) archive(out io.Writer, in collected, p part) error {
	archive := zip.NewWriter(out)
	if err := writeEntry(archive, "sample_ids.npy", func(out *bufio.Writer) error { return writeIDs(out, in.ids, p) }); err != nil {
		return err
	}
	if err := writeEntry(archive, "embeddings.npy", func(out *bufio.Writer) error { return w.writeVectors(out, in.vectors, p) }); err != nil {
		return err
	}
	return archive.Close()
}

// writeEntry writes one entry of an archive.
func writeEntry(archive *zip.Writer, name string, content func(*bufio.Writer) error) error {
	// The first day that zip knows: the time of writing would change the bytes.
	day := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	entry, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Modified: day})
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(entry, 1<<16)
	if err := content(buffered); err != nil {
		return err
	}
	return buffered.Flush()
}

// writeIDs writes NumPy's fixed-width texts: 4 bytes for each character.
func writeIDs(out *bufio.Writer, in *bufio.Reader, p part) error {
	if _, err := out.Write(appendHeader(nil, idType, []int{p.count})); err != nil {
		return err
	}
	var id bson.ObjectID
	var digits [2 * len(id)]byte
	var text [4 * len(digits)]byte
	for range p.count {
		if _, err := io.ReadFull(in, id[:]); err != nil {
			return err
		}
		hex.Encode(digits[:], id[:])
		for i, digit := range digits {
			text[4*i] = digit
		}
		if _, err := out.Write(text[:]); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) writeVectors(out *bufio.Writer, in *bufio.Reader, p part) error {
	dtype, shape := p.dtype, append([]int{p.count}, w.shape...)
	if p.count == 0 {
		dtype, shape = Float64, []int{0, 0}
	}
	if _, err := out.Write(appendHeader(nil, dtype.String(), shape)); err != nil {
		return err
	}
	var data, converted []byte
	for range p.count {
		t, err := in.ReadByte()
		if err != nil {
			return err
		}
		a := Array{DType: DType(t)}
		size := w.numbers * a.DType.Size()
		data = slices.Grow(data[:0], size)[:size]
		if _, err := io.ReadFull(in, data); err != nil {
			return err
		}
		if a.Data = data; a.DType != dtype {
			converted = convert(converted[:0], a, dtype)
			a.Data = converted
		}
		if _, err := out.Write(a.Data); err != nil {
			return err
		}
	}
	return nil
}

// convert appends an array's numbers as Float32 or Float64.
func convert(dst []byte, a Array, to DType) []byte {
	for _, x := range Append([]float64(nil), a) {
		if to == Float32 {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(x)))
		} else {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
		}
	}
	return dst
}
