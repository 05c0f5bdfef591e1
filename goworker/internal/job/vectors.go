package job

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/npy"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// vectorLimit is the largest stored array that is read, in bytes: an embedding
// has thousands of numbers, not millions.
const vectorLimit = 64 << 20

// vectorFile is embeddings/<field>.npz while it is written; where the view has more than Parts.Whole rows,
// embeddings/<field>/part-NNNNN.npz for each Parts.Part of them.
type vectorFile struct {
	path    string // in the artifact
	field   string
	slot    int
	rows    int64
	decoder *npy.Decoder
	writer  *npy.Writer
	scratch [2]io.Closer
	parts   Parts
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
		path := vectorsPath(field.Path)
		out = append(out, &vectorFile{
			path: path, field: field.Path, slot: f.Slot(field.DBPath), decoder: npy.NewDecoder(vectorLimit),
			writer: npy.NewWriter(ids, vectors), scratch: [2]io.Closer{ids, vectors}, parts: c.parts.orUsual(),
		})
		if c.shard != nil {
			c.shard.prepareVectors(out[len(out)-1])
		}
	}
	return out, nil
}

// vectorsPath is the path in the artifact of the file of a field's vectors.
func vectorsPath(field string) string { return "embeddings/" + field + ".npz" }

// partPath is the path in the artifact of one of several files.
func (v *vectorFile) partPath(part int64) string {
	return fmt.Sprintf("%s/part-%05d.npz", strings.TrimSuffix(v.path, ".npz"), part)
}

// noteNoVectors warns of a field without vectors.
func (c *collector) noteNoVectors(field string) {
	c.warnings.note("no_vectors "+field, "The field %q has no vectors in this view, so %s was not written.", field, vectorsPath(field))
}

// add takes the vector of a row. A vector that cannot be used is counted.
func (v *vectorFile) add(r *row, w *warnings) error {
	if v.rows > 0 && v.rows%v.parts.Part == 0 {
		v.writer.Cut()
	}
	v.rows++
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
	switch {
	case c.shard != nil && !c.shard.hasAll():
		return c.shard.closeVectors(c, v)
	case v.writer.Len() == 0:
		c.noteNoVectors(v.field)
		return nil
	case v.rows <= v.parts.Whole:
		out, err := c.create(v.path)
		if err != nil {
			return err
		}
		if err := errors.Join(v.writer.Finish(out), out.Close()); err != nil {
			return err
		}
		return c.files.Add(out.Entry(v.path))
	}
	var parts []*artifact.SpoolFile
	var paths []string
	err := v.writer.FinishParts(func(part int) (io.WriteCloser, error) {
		path := v.partPath(int64(part))
		out, err := c.create(path)
		parts, paths = append(parts, out), append(paths, path)
		return out, err
	})
	if err != nil {
		return err
	}
	for i, part := range parts {
		if err := c.files.Add(part.Entry(paths[i])); err != nil {
			return err
		}
	}
	return nil
}
