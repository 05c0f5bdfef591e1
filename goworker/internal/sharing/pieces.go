package sharing

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"sync"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
)

// pieceSize is about how many bytes a piece has before it is packed.
const pieceSize = 1_000_000

// pieceWriter puts what is written to it as pieces of one kind, and adds it to a checksum. What one Write gets stays together.
// The first error sticks: Close returns it.
type pieceWriter struct {
	ctx    context.Context
	pieces shard.Pieces // nil for only the checksum
	kind   string
	pack   func(raw []byte) []byte // nil for as it is
	sum    hash.Hash
	buf    *bytes.Buffer // nil before the first Write
	err    error
}

func newPieceWriter(ctx context.Context, pieces shard.Pieces, kind string, sum hash.Hash) *pieceWriter {
	_, _ = io.WriteString(sum, kind+"\x00")
	return &pieceWriter{ctx: ctx, pieces: pieces, kind: kind, pack: packed, sum: sum}
}

// newIDPieces is a pieceWriter for ids, which are small already (see idlist.NewPart): to compress them takes more time than the rest of a table.
func newIDPieces(ctx context.Context, pieces shard.Pieces, kind string, sum hash.Hash) *pieceWriter {
	w := newPieceWriter(ctx, pieces, kind, sum)
	w.pack = nil
	return w
}

// Write implements io.Writer.
func (w *pieceWriter) Write(p []byte) (int, error) {
	if w.buf == nil {
		w.buf = pieceBuffers.Get().(*bytes.Buffer)
	}
	if w.buf.Len()+len(p) > pieceSize {
		w.flush()
	}
	w.buf.Write(p)
	return len(p), w.err
}

// pieceBuffers keeps the buffers of pieceWriters for those of the next shard, which would have them grow again.
var pieceBuffers = sync.Pool{New: func() any { return &bytes.Buffer{} }}

func (w *pieceWriter) flush() {
	piece := w.buf.Bytes()
	_, _ = w.sum.Write(piece)
	if len(piece) > 0 && w.err == nil && w.pieces != nil {
		if w.pack != nil {
			piece = w.pack(piece)
		}
		w.err = w.pieces.Put(w.ctx, w.kind, piece)
	}
	w.buf.Reset()
}

// Close puts the last piece.
func (w *pieceWriter) Close() error {
	if w.buf != nil {
		w.flush()
		pieceBuffers.Put(w.buf)
		w.buf = nil
	}
	return w.err
}

// packers keeps zlib's writers, each of which is a megabyte, for most pieces are small.
var packers = sync.Pool{New: func() any { return zlib.NewWriter(nil) }}

// packed is compressed bytes.
func packed(raw []byte) []byte {
	var out bytes.Buffer
	z := packers.Get().(*zlib.Writer) //nolint:forcetypeassert // it has nothing else
	defer packers.Put(z)
	z.Reset(&out)
	_, _ = z.Write(raw) // a bytes.Buffer has no errors
	_ = z.Close()
	return out.Bytes()
}

// unpacked is what packed was given.
func unpacked(z []byte) ([]byte, error) {
	in, err := zlib.NewReader(bytes.NewReader(z))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(in)
}

// eachPiece calls fn with what was written to the newPieceWriter of a kind of a shard, some at a time.
func eachPiece(ctx context.Context, reads shard.Reads, n int, kind string, fn func(raw []byte) error) error {
	return reads.Pieces(ctx, n, kind, func(piece []byte) error {
		raw, err := unpacked(piece)
		if err != nil {
			return err
		}
		return fn(raw)
	})
}

// What an entry in a piece begins with.
const (
	entryOfFile = iota
	entryOfReference
)

var errBadEntry = errors.New("job: an entry of a shard is damaged")

// appendEntry adds an entry of an artifact, without where its bytes are.
func appendEntry(dst []byte, e artifact.Entry) []byte {
	text := func(s string) { dst = append(binary.AppendUvarint(dst, uint64(len(s))), s...) }
	if e.Ref != "" {
		dst = append(dst, entryOfReference)
		text(e.Ref)
		text(e.Digest)
	} else {
		sum, _ := base64.StdEncoding.DecodeString(e.Digest) // Files took it as a digest
		dst = append(append(dst, entryOfFile), sum...)
	}
	text(e.Path)
	return binary.AppendUvarint(dst, uint64(e.Size)) //nolint:gosec // sizes are not negative
}

// eachEntry calls fn with the entries of a piece.
func eachEntry(raw []byte, fn func(artifact.Entry) error) error {
	in := bytes.NewReader(raw)
	for in.Len() > 0 {
		e, err := readEntry(in)
		if err != nil {
			return errors.Join(errBadEntry, err)
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

func readEntry(in *bytes.Reader) (e artifact.Entry, err error) {
	text := func() string {
		n, textErr := binary.ReadUvarint(in)
		if textErr != nil || n > uint64(in.Len()) { //nolint:gosec // lengths are not negative
			err = errors.Join(err, io.ErrUnexpectedEOF)
			return ""
		}
		out := make([]byte, n)
		_, textErr = io.ReadFull(in, out)
		err = errors.Join(err, textErr)
		return string(out)
	}
	kind, err := in.ReadByte()
	if err != nil {
		return e, err
	}
	if kind == entryOfReference {
		e.Ref, e.Digest = text(), text()
	} else {
		var sum [md5.Size]byte
		if _, err := io.ReadFull(in, sum[:]); err != nil {
			return e, err
		}
		e.Digest = base64.StdEncoding.EncodeToString(sum[:])
	}
	e.Path = text()
	size, sizeErr := binary.ReadUvarint(in)
	e.Size = int64(size) //nolint:gosec // as it was written
	return e, errors.Join(err, sizeErr)
}

// packBirths keeps which version each file came with.
func packBirths(births []uint32) []byte {
	raw := make([]byte, 0, len(births))
	for _, n := range births {
		raw = binary.AppendUvarint(raw, uint64(n))
	}
	return packed(raw)
}

// unpackBirths is what packBirths was given.
func unpackBirths(z []byte) (births []uint32, err error) {
	raw, err := unpacked(z)
	if err != nil {
		return nil, err
	}
	for len(raw) > 0 {
		n, size := binary.Uvarint(raw)
		if size <= 0 {
			return nil, errBadEntry
		}
		births, raw = append(births, uint32(n)), raw[size:] //nolint:gosec // as it was written
	}
	return births, nil
}
