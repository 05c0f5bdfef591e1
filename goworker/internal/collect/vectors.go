package collect

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/npy"
)

// vectorLimit is the largest stored array that is read, in bytes: an embedding
// has thousands of numbers, not millions.
const vectorLimit = 64 << 20

// VectorFile is embeddings/<field>.npz while it is written; where the view has more than Parts.Whole rows,
// embeddings/<field>/part-NNNNN.npz for each Parts.Part of them.
type VectorFile struct {
	path    string // in the artifact
	Field   string
	slot    int
	rows    int64
	decoder *npy.Decoder
	Writer  *npy.Writer
	scratch [2]io.Closer
	Parts   Parts
}

// vectorsPath is the path in the artifact of the file of a field's vectors.
func vectorsPath(field string) string { return "embeddings/" + field + ".npz" }

// PartPath is the path in the artifact of one of several files.
func (v *VectorFile) PartPath(part int64) string {
	return fmt.Sprintf("%s/part-%05d.npz", strings.TrimSuffix(v.path, ".npz"), part)
}

// Add takes the vector of a row. A vector that cannot be used is counted.
func (v *VectorFile) Add(r *Row, w *Warnings) error {
	if v.rows > 0 && v.rows%v.Parts.Part == 0 {
		v.Writer.Cut()
	}
	v.rows++
	array, ok, err := v.decoder.Decode(r.Value(v.slot))
	if err != nil {
		w.add("bad_vector "+v.Field, fmt.Sprintf("samples have a value in the field %q that is not a vector of numbers and is not in %s.", v.Field, v.path), r.sampleID())
		return nil
	}
	if !ok {
		return nil
	}
	var shape *npy.ShapeError
	if err := v.Writer.Add(r.Source, array); errors.As(err, &shape) {
		w.add("other_length "+v.Field, fmt.Sprintf("samples have a vector in the field %q that has another length than the first and is not in %s.", v.Field, v.path), r.sampleID())
		return nil
	} else if err != nil {
		return err
	}
	return nil
}
