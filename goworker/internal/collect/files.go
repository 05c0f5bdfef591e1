package collect

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/npy"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// WriteTable writes a table whose rows are here already, and adds it to the artifact's files.
func (c *Collector) WriteTable(key string, columns []string, write func(*table.Writer) error) error {
	t := newTableFile(c.Spool, key, columns)
	if err := write(t.Writer); err != nil {
		return err
	}
	return c.closeOwnTable(t)
}

// prepareTable sets what a table of a view's rows depends on beside its columns.
func (c *Collector) prepareTable(t *TableFile, classes []string) {
	t.Classes = classes
	t.Writer.SetClasses(classes)
	switch {
	case c.Shard != nil:
		c.Shard.PrepareTable(t)
	default:
		parts := c.Parts.OrUsual()
		t.Writer.SetLimits(parts.Whole, parts.Part)
	}
}

// closeTable ends the table and adds its files to the artifact's.
func (c *Collector) closeTable(t *TableFile) error {
	switch {
	case c.Shard != nil:
		return c.Shard.CloseTable(t)
	case c.Merged != nil:
		return c.Merged.CloseTable(c, t)
	}
	return c.closeOwnTable(t)
}

// closeOwnTable ends a table whose rows are all here.
func (c *Collector) closeOwnTable(t *TableFile) error {
	var err error
	if t.Done, err = t.Writer.Close(); err != nil {
		return err
	}
	c.NoteTexts(t)
	if err := t.Sort((*artifact.SpoolFile).Close); err != nil {
		return err
	}
	var paths []string
	t.Path, paths = table.Layout(t.Key, len(t.Parts))
	for i, part := range t.Parts {
		if err := c.Files.Add(part.Entry(paths[i])); err != nil {
			return err
		}
	}
	if t.IsPartitioned() {
		return c.WriteFile(t.Path, table.PartitionedJSON(t.Key))
	}
	return nil
}

// NoteTexts warns of columns that have become texts.
func (c *Collector) NoteTexts(t *TableFile) {
	if len(t.Done.Texts) > 0 {
		c.Warnings.Note("text_columns", "These columns hold values of several kinds, or documents that are deep or have many keys, "+
			"which W&B's pages cannot show: they are texts. %s.", strings.Join(t.Done.Texts, ", "))
	}
}

// OpenVectors starts one file for each vector field.
func (c *Collector) OpenVectors(f *view.Fields, embeddings []view.Field) ([]*VectorFile, error) {
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

// CloseVectors writes the archive. A field without a single vector gives no file, as in
// the original plugin.
func (c *Collector) CloseVectors(v *VectorFile) error {
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

// NoteNoVectors warns of a field without vectors.
func (c *Collector) NoteNoVectors(field string) {
	c.Warnings.Note("no_vectors "+field, "The field %q has no vectors in this view, so %s was not written.", field, vectorsPath(field))
}
