package job

import (
	"errors"
	"fmt"
	"io"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/npy"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// vectorLimit is the largest stored array that is read, in bytes: an embedding
// has thousands of numbers, not millions.
const vectorLimit = 64 << 20

// vectorFile is embeddings/<field>.npz while it is written.
type vectorFile struct {
	path    string // in the artifact
	field   string
	slot    int
	decoder *npy.Decoder
	writer  *npy.Writer
	scratch [2]io.Closer
	out     *artifact.SpoolFile
}

// openVectors starts one file for each vector field.
func openVectors(c *collector, f *view.Fields, embeddings []view.Field) ([]*vectorFile, error) {
	var out []*vectorFile
	for i, field := range embeddings {
		ids, err := c.spool.Scratch(fmt.Sprintf("ids-%d", i))
		if err != nil {
			return nil, err
		}
		vectors, err := c.spool.Scratch(fmt.Sprintf("vectors-%d", i))
		if err != nil {
			return nil, err
		}
		path := "embeddings/" + field.Path + ".npz"
		file, err := c.create(path)
		if err != nil {
			return nil, err
		}
		out = append(out, &vectorFile{
			path: path, field: field.Path, slot: f.Slot(field.DBPath), decoder: npy.NewDecoder(vectorLimit),
			writer: npy.NewWriter(ids, vectors), scratch: [2]io.Closer{ids, vectors}, out: file,
		})
	}
	return out, nil
}

// add takes the vector of a row. A vector that cannot be used is counted.
func (v *vectorFile) add(r *row, w *warnings) error {
	array, ok, err := v.decoder.Decode(r.Value(v.slot))
	if err != nil {
		w.add("bad_vector "+v.field, fmt.Sprintf("samples have a value in the field %q that is not a vector of numbers and is not in %s.", v.field, v.path), r.sampleID())
		return nil
	}
	if !ok {
		return nil
	}
	var shape *npy.ShapeError
	if err := v.writer.Add(r.source, array); errors.As(err, &shape) {
		w.add("other_length "+v.field, fmt.Sprintf("samples have a vector in the field %q that has another length than the first and is not in %s.", v.field, v.path), r.sampleID())
		return nil
	} else if err != nil {
		return err
	}
	return nil
}

// close writes the archive. A field without a single vector gives no file, as in
// the original plugin.
func (v *vectorFile) close(c *collector) error {
	defer func() {
		for _, f := range v.scratch {
			_ = f.Close()
		}
	}()
	if v.writer.Len() == 0 {
		c.warnings.note("no_vectors "+v.field, "The field %q has no vectors in this view, so %s was not written.", v.field, v.path)
		return v.out.Close()
	}
	if err := v.writer.Finish(v.out); err != nil {
		return err
	}
	if err := v.out.Close(); err != nil {
		return err
	}
	return c.files.Add(v.out.Entry(v.path))
}
