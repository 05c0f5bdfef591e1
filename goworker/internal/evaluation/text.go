package evaluation

import (
	"bytes"
	"context"
	"io"
)

// Text is a results file: one JSON text.
type Text interface {
	// Size is its length in bytes.
	Size() int64
	// At opens it at an offset. Several readers may be open at a time.
	At(ctx context.Context, offset int64) (io.ReadCloser, error)
}

// Bytes is a Text in memory.
type Bytes []byte

// Size implements Text.
func (b Bytes) Size() int64 { return int64(len(b)) }

// At implements Text.
func (b Bytes) At(_ context.Context, offset int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(b[min(offset, int64(len(b))):])), nil
}
