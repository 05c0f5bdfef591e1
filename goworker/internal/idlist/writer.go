// Package idlist writes and reads lists of ids, which are too long to be in memory or in an artifact's metadata: files of
// one id to a line.
package idlist

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/bits"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
)

const (
	// Line is the size of one id in its file, in bytes: 24 hexadecimal digits and a newline.
	Line = 25
	// packedID is the size of an id as it is sent, in bytes.
	packedID = 12
)

// errNotIDs is why a list is refused; its reader says which list it was.
var errNotIDs = errors.New("it holds something that is not an id")

// Writer writes a list.
type Writer struct {
	file *artifact.SpoolFile // nil for a part
	part io.Writer           // nil for a file
	path string
	n    int64
	buf  []byte        // of whole ids that were not written yet
	last bson.ObjectID // of buf, for a part
}

// bufferedIDs is how many ids are written at once: there are many, and little is done with each.
const bufferedIDs = 1024

// NewWriter starts a list that becomes the artifact's file at path.
func NewWriter(file *artifact.SpoolFile, path string) *Writer {
	return &Writer{file: file, path: path, buf: make([]byte, 0, bufferedIDs*Line)}
}

// NewPart starts a part of the list of the artifact's file at path. Its ids go to out for AddPacked of another Writer, which takes one or more
// whole writes. A part ends with Flush.
//
// An id is a byte that says how many bytes it has in common with the beginning of the one before it, and the others. Ids that were made one after
// the other differ at their ends only: they take two or three bytes in place of 12. Each write begins with a whole id.
func NewPart(out io.Writer, path string) *Writer {
	return &Writer{part: out, path: path, buf: make([]byte, 0, bufferedIDs*(1+packedID))}
}

// Add adds an id.
func (w *Writer) Add(id bson.ObjectID) error {
	w.n++
	if w.part == nil {
		w.buf = append(hex.AppendEncode(w.buf, id[:]), '\n')
		if len(w.buf) == cap(w.buf) {
			return w.Flush()
		}
		return nil
	}
	same := 0
	if len(w.buf) > 0 {
		same = common(&w.last, &id)
	}
	w.buf = append(append(w.buf, byte(same)), id[same:]...) //nolint:gosec // at most 12
	w.last = id
	if len(w.buf)+1+packedID > cap(w.buf) {
		return w.Flush()
	}
	return nil
}

// common is how many bytes two ids have in common at their beginnings.
func common(a, b *bson.ObjectID) int {
	const half = 8
	if differ := binary.LittleEndian.Uint64(a[:half]) ^ binary.LittleEndian.Uint64(b[:half]); differ != 0 {
		return bits.TrailingZeros64(differ) / 8
	}
	return half + bits.TrailingZeros32(binary.LittleEndian.Uint32(a[half:])^binary.LittleEndian.Uint32(b[half:]))/8 // 32 of 0
}

// AddPacked adds ids as a part gives them. What an id has in common with the one before it is text already.
func (w *Writer) AddPacked(ids []byte) error {
	line := [Line]byte{Line - 1: '\n'}
	for known := 0; len(ids) > 0; known = packedID {
		same := int(ids[0])
		size := 1 + packedID - same
		if same > known || len(ids) < size {
			return errNotIDs
		}
		hex.Encode(line[2*same:], ids[1:size])
		ids = ids[size:]
		w.n++
		w.buf = append(w.buf, line[:]...)
		if len(w.buf) == cap(w.buf) {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Flush writes what was not written yet.
func (w *Writer) Flush() error {
	out := w.part
	if out == nil {
		out = w.file
	}
	_, err := out.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// Path is the list's path in the artifact.
func (w *Writer) Path() string { return w.path }

// Len is how many ids were added.
func (w *Writer) Len() int64 { return w.n }

// Close ends the file and adds it to the artifact's files.
func (w *Writer) Close(files *artifact.Files) error {
	if err := errors.Join(w.Flush(), w.file.Close()); err != nil {
		return err
	}
	return files.Add(w.file.Entry(w.path))
}

// List is the ids as a list of the metadata, once the file is closed.
func (w *Writer) List(key string) metadata.List {
	return metadata.List{Key: key, Path: w.path, Size: w.Len()*(Line+2) + 2, JSON: w.json}
}

func (w *Writer) json() ([]byte, error) {
	f, err := w.file.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var buf bytes.Buffer
	buf.Grow(int(w.Len())*(Line+2) + 2)
	buf.WriteByte('[')
	line, in := make([]byte, Line), bufio.NewReader(f)
	for i := int64(0); i < w.Len(); i++ {
		if _, err := io.ReadFull(in, line); err != nil {
			return nil, err
		}
		if i > 0 {
			buf.WriteByte(',')
		}
		buf.WriteByte('"')
		buf.Write(line[:Line-1])
		buf.WriteByte('"')
	}
	buf.WriteByte(']')
	return buf.Bytes(), nil
}
