package job

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
)

// tableFile is a W&B table in the spool directory. Whether it is one file or a
// partitioned table is known only at its end.
type tableFile struct {
	key     string
	columns []string
	classes []string
	spool   *artifact.Spool
	opened  int
	parts   []*artifact.SpoolFile
	w       *table.Writer
	done    table.Summary
	path    string // in the artifact
	// keys are those by which the rows of each part are sorted when the table is closed; none for the order in which
	// they came.
	keys []float64
	// stored opens the copy of a table that an offline run has written; else nil.
	stored func() (io.ReadCloser, error)
}

func newTableFile(spool *artifact.Spool, key string, columns []string) *tableFile {
	t := &tableFile{key: key, spool: spool, columns: columns}
	t.w = table.NewWriter(columns, t.open)
	return t
}

// writeTable writes a table whose rows are here already, and adds it to the artifact's files.
func (c *collector) writeTable(key string, columns []string, write func(*table.Writer) error) error {
	t := newTableFile(c.spool, key, columns)
	if err := write(t.w); err != nil {
		return err
	}
	return t.closeOwn(c)
}

// prepare sets what a table of a view's rows depends on beside its columns.
func (t *tableFile) prepare(c *collector, classes []string) {
	t.classes = classes
	t.w.SetClasses(classes)
	switch {
	case c.shard != nil:
		c.shard.prepareTable(t)
	default:
		parts := c.parts.orUsual()
		t.w.SetLimits(parts.Whole, parts.Part)
	}
}

// open makes the file of a part, or makes it again.
func (t *tableFile) open(part int) (table.Part, error) {
	t.opened++
	f, err := t.spool.Create(fmt.Sprintf("%s-%d.table.json", t.key, t.opened))
	if err != nil {
		return nil, err
	}
	if part == len(t.parts) {
		t.parts = append(t.parts, nil)
	}
	t.parts[part] = f
	return tablePart{f}, nil
}

// tablePart is a part's file, which is read at most once: when it is written again.
type tablePart struct{ *artifact.SpoolFile }

// Reopen gives the file for reading and removes its name, so that it takes no space once the reading ends.
func (p tablePart) Reopen() (io.ReadCloser, error) { return p.OpenLast() }

// close ends the table and adds its files to the artifact's.
func (t *tableFile) close(c *collector) error {
	switch {
	case c.shard != nil:
		return c.shard.closeTable(t)
	case c.merged != nil:
		return c.merged.closeTable(c, t)
	}
	return t.closeOwn(c)
}

// closeOwn ends a table whose rows are all here.
func (t *tableFile) closeOwn(c *collector) error {
	var err error
	if t.done, err = t.w.Close(); err != nil {
		return err
	}
	t.noteTexts(c)
	if err := t.sort((*artifact.SpoolFile).Close); err != nil {
		return err
	}
	var paths []string
	t.path, paths = table.Layout(t.key, len(t.parts))
	for i, part := range t.parts {
		if err := c.files.Add(part.Entry(paths[i])); err != nil {
			return err
		}
	}
	if t.isPartitioned() {
		return c.WriteFile(t.path, table.PartitionedJSON(t.key))
	}
	return nil
}

// noteTexts warns of columns that have become texts.
func (t *tableFile) noteTexts(c *collector) {
	if len(t.done.Texts) > 0 {
		c.warnings.note("text_columns", "These columns hold values of several kinds, or documents that are deep or have many keys, "+
			"which W&B's pages cannot show: they are texts. %s.", strings.Join(t.done.Texts, ", "))
	}
}

// sort writes the parts again with their rows in the order of their keys, and ends the writing of each.
func (t *tableFile) sort(end func(*artifact.SpoolFile) error) error {
	keys := t.keys
	if len(keys) == 0 {
		return nil
	}
	for i, rows := range t.done.Parts {
		order := make([]int, rows)
		for j := range order {
			order[j] = j
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })
		keys = keys[rows:]
		if err := t.reorder(i, order); err != nil {
			return err
		}
		if err := end(t.parts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tableFile) reorder(part int, order []int) error {
	if err := t.parts[part].Close(); err != nil {
		return err
	}
	in, err := t.parts[part].OpenLast()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	info, err := in.Stat()
	if err != nil {
		return err
	}
	t.opened++
	out, err := t.spool.Create(fmt.Sprintf("%s-%d.table.json", t.key, t.opened))
	if err != nil {
		return err
	}
	if err := table.Reorder(out, io.NewSectionReader(in, 0, info.Size()), t.done.Columns, order); err != nil {
		return err
	}
	t.parts[part] = out
	return nil
}

// isPartitioned reports whether the table has several parts.
func (t *tableFile) isPartitioned() bool { return len(t.done.Parts) > 1 }

// openCopy makes a copy of the table's first rows, at most so many, as a run's workspace wants it: columns and data only, and media cells as
// the name of their type. It is made while it is read: its rows may have hundreds of megabytes.
func (t *tableFile) openCopy(most int) (io.ReadCloser, error) {
	if t.stored != nil {
		return t.stored()
	}
	f, err := t.parts[0].Open()
	if err != nil {
		return nil, err
	}
	out, in := io.Pipe()
	go func() {
		defer func() { _ = f.Close() }()
		_, err := fmt.Fprintf(in, `{"columns":%s,"data":[`, metadata.JSON(t.done.Columns))
		if err == nil {
			err = table.CopyRows(in, f, t.done.Columns, most)
		}
		if err == nil {
			_, err = io.WriteString(in, "]}")
		}
		_ = in.CloseWithError(err)
	}()
	return out, nil
}
