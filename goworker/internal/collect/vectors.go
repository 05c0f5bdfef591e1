package collect

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

// OpenVectors starts one file for each vector field.
func OpenVectors(c *Collector, f *view.Fields, embeddings []view.Field) ([]*VectorFile, error) {
	var out []*VectorFile
	for i, field := range embeddings {
		ids, err := c.Spool.Scratch(fmt.Sprintf("ids-%d", i))
		if err != nil {
			return nil, err
		}
		vectors, err := c.Spool.Scratch(fmt.Sprintf("vectors-%d", i))
		if err != nil {
			return nil, err
		}
		path := vectorsPath(field.Path)
		out = append(out, &VectorFile{
			path: path, Field: field.Path, slot: f.Slot(field.DBPath), decoder: npy.NewDecoder(vectorLimit),
			Writer: npy.NewWriter(ids, vectors), scratch: [2]io.Closer{ids, vectors}, Parts: c.Parts.OrUsual(),
		})
		if c.Shard != nil {
			c.Shard.PrepareVectors(out[len(out)-1])
		}
	}
	return out, nil
}

// vectorsPath is the path in the artifact of the file of a field's vectors.
func vectorsPath(field string) string { return "embeddings/" + field + ".npz" }

// PartPath is the path in the artifact of one of several files.
func (v *VectorFile) PartPath(part int64) string {
	return fmt.Sprintf("%s/part-%05d.npz", strings.TrimSuffix(v.path, ".npz"), part)
}

// NoteNoVectors warns of a field without vectors.
func (c *Collector) NoteNoVectors(field string) {
	c.Warnings.Note("no_vectors "+field, "The field %q has no vectors in this view, so %s was not written.", field, vectorsPath(field))
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

// Close writes the archive. A field without a single vector gives no file, as in
// the original plugin.
func (v *VectorFile) Close(c *Collector) error {
	defer func() {
		for _, f := range v.scratch {
			_ = f.Close()
		}
	}()
	switch {
	case c.Shard != nil && !c.Shard.HasAll():
		return c.Shard.CloseVectors(c, v)
	case v.Writer.Len() == 0:
		c.NoteNoVectors(v.Field)
		return nil
	case v.rows <= v.Parts.Whole:
		out, err := c.Create(v.path)
		if err != nil {
			return err
		}
		if err := errors.Join(v.Writer.Finish(out), out.Close()); err != nil {
			return err
		}
		return c.Files.Add(out.Entry(v.path))
	}
	var parts []*artifact.SpoolFile
	var paths []string
	err := v.Writer.FinishParts(func(part int) (io.WriteCloser, error) {
		path := v.PartPath(int64(part))
		out, err := c.Create(path)
		parts, paths = append(parts, out), append(paths, path)
		return out, err
	})
	if err != nil {
		return err
	}
	for i, part := range parts {
		if err := c.Files.Add(part.Entry(paths[i])); err != nil {
			return err
		}
	}
	return nil
}
