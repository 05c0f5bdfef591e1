package collect

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
)

// TableFile is a W&B table in the spool directory. Whether it is one file or a
// partitioned table is known only at its end.
type TableFile struct {
	Key     string
	Columns []string
	Classes []string
	spool   *artifact.Spool
	opened  int
	Parts   []*artifact.SpoolFile
	Writer  *table.Writer
	Done    table.Summary
	Path    string // in the artifact
	// Keys are those by which the rows of each part are sorted when the table is closed; none for the order in which
	// they came.
	Keys []float64
	// Stored opens the copy of a table that an offline run has written; else nil.
	Stored func() (io.ReadCloser, error)
}

func newTableFile(spool *artifact.Spool, key string, columns []string) *TableFile {
	t := &TableFile{Key: key, spool: spool, Columns: columns}
	t.Writer = table.NewWriter(columns, t.open)
	return t
}

// open makes the file of a part, or makes it again.
func (t *TableFile) open(part int) (table.Part, error) {
	t.opened++
	f, err := t.spool.Create(fmt.Sprintf("%s-%d.table.json", t.Key, t.opened))
	if err != nil {
		return nil, err
	}
	if part == len(t.Parts) {
		t.Parts = append(t.Parts, nil)
	}
	t.Parts[part] = f
	return tablePart{f}, nil
}

// tablePart is a part's file, which is read at most once: when it is written again.
type tablePart struct{ *artifact.SpoolFile }

// Reopen gives the file for reading and removes its name, so that it takes no space once the reading ends.
func (p tablePart) Reopen() (io.ReadCloser, error) { return p.OpenLast() }

// Sort writes the parts again with their rows in the order of their keys, and ends the writing of each.
func (t *TableFile) Sort(end func(*artifact.SpoolFile) error) error {
	keys := t.Keys
	if len(keys) == 0 {
		return nil
	}
	for i, rows := range t.Done.Parts {
		order := make([]int, rows)
		for j := range order {
			order[j] = j
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })
		keys = keys[rows:]
		if err := t.reorder(i, order); err != nil {
			return err
		}
		if err := end(t.Parts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *TableFile) reorder(part int, order []int) error {
	if err := t.Parts[part].Close(); err != nil {
		return err
	}
	in, err := t.Parts[part].OpenLast()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	info, err := in.Stat()
	if err != nil {
		return err
	}
	t.opened++
	out, err := t.spool.Create(fmt.Sprintf("%s-%d.table.json", t.Key, t.opened))
	if err != nil {
		return err
	}
	if err := table.Reorder(out, io.NewSectionReader(in, 0, info.Size()), t.Done.Columns, order); err != nil {
		return err
	}
	t.Parts[part] = out
	return nil
}

// IsPartitioned reports whether the table has several parts.
func (t *TableFile) IsPartitioned() bool { return len(t.Done.Parts) > 1 }

// OpenCopy makes a copy of the table's first rows, at most so many, as a run's workspace wants it: columns and data only, and media cells as
// the name of their type. It is made while it is read: its rows may have hundreds of megabytes.
func (t *TableFile) OpenCopy(most int) (io.ReadCloser, error) {
	if t.Stored != nil {
		return t.Stored()
	}
	f, err := t.Parts[0].Open()
	if err != nil {
		return nil, err
	}
	out, in := io.Pipe()
	go func() {
		defer func() { _ = f.Close() }()
		_, err := fmt.Fprintf(in, `{"columns":%s,"data":[`, metadata.JSON(t.Done.Columns))
		if err == nil {
			err = table.CopyRows(in, f, t.Done.Columns, most)
		}
		if err == nil {
			_, err = io.WriteString(in, "]}")
		}
		_ = in.CloseWithError(err)
	}()
	return out, nil
}
