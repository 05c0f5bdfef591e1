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
type Writer struct {
	ids, vectors   io.ReadWriteSeeker
	idBuf, vecBuf  *bufio.Writer
	shape          []int
	dtype          DType
	numbers, count int
}

// NewWriter makes a writer with two scratch files, which have to be empty. They
// stay the caller's to close and to remove.
func NewWriter(ids, vectors io.ReadWriteSeeker) *Writer {
	return &Writer{ids: ids, vectors: vectors, idBuf: bufio.NewWriter(ids), vecBuf: bufio.NewWriterSize(vectors, 1<<16)}
}

// Add adds a sample's vector. A *ShapeError means that this one is left out and
// that the writer can go on; every other error is one of the scratch files.
func (w *Writer) Add(sample bson.ObjectID, a Array) error {
	if w.count == 0 {
		w.shape, w.dtype, w.numbers = slices.Clone(a.Shape), a.DType, a.Len()
	}
	if !slices.Equal(a.Shape, w.shape) {
		return &ShapeError{Sample: sample, Shape: slices.Clone(a.Shape), Want: slices.Clone(w.shape)}
	}
	w.dtype = common(w.dtype, a.DType)
	w.count++
	_, errID := w.idBuf.Write(sample[:])
	errType := w.vecBuf.WriteByte(byte(a.DType))
	_, errData := w.vecBuf.Write(a.Data)
	return errors.Join(errID, errType, errData)
}

// Len is how many vectors there are.
func (w *Writer) Len() int { return w.count }

// Finish writes the archive, uncompressed and with the same bytes for the same
// vectors. Vectors of differing types become what holds them all, mostly Float64.
// Without vectors the arrays are empty.
func (w *Writer) Finish(out io.Writer) error {
	if err := errors.Join(w.idBuf.Flush(), w.vecBuf.Flush()); err != nil {
		return err
	}
	archive := zip.NewWriter(out)
	if err := w.write(archive, "sample_ids.npy", w.ids, w.writeIDs); err != nil {
		return err
	}
	if err := w.write(archive, "embeddings.npy", w.vectors, w.writeVectors); err != nil {
		return err
	}
	return archive.Close()
}

// write writes one entry out of a scratch file.
func (w *Writer) write(archive *zip.Writer, name string, scratch io.ReadSeeker, content func(*bufio.Writer, *bufio.Reader) error) error {
	if _, err := scratch.Seek(0, io.SeekStart); err != nil {
		return err
	}
	// The first day that zip knows: the time of writing would change the bytes.
	day := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	entry, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Modified: day})
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(entry, 1<<16)
	if err := content(buffered, bufio.NewReaderSize(scratch, 1<<16)); err != nil {
		return err
	}
	return buffered.Flush()
}

// writeIDs writes NumPy's fixed-width texts: 4 bytes for each character.
func (w *Writer) writeIDs(out *bufio.Writer, in *bufio.Reader) error {
	if _, err := out.Write(appendHeader(nil, idType, []int{w.count})); err != nil {
		return err
	}
	var id bson.ObjectID
	var digits [2 * len(id)]byte
	var text [4 * len(digits)]byte
	for range w.count {
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

func (w *Writer) writeVectors(out *bufio.Writer, in *bufio.Reader) error {
	dtype, shape := w.dtype, append([]int{w.count}, w.shape...)
	if w.count == 0 {
		dtype, shape = Float64, []int{0, 0}
	}
	if _, err := out.Write(appendHeader(nil, dtype.String(), shape)); err != nil {
		return err
	}
	var data, converted []byte
	for range w.count {
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
