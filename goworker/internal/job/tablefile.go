package job

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// tableFile is a W&B table in the spool directory. Whether it is one file or a
// partitioned table is known only at its end.
type tableFile struct {
	key    string
	spool  *artifact.Spool
	opened int
	parts  []*artifact.SpoolFile
	w      *table.Writer
	done   table.Summary
	path   string // in the artifact
}

func newTableFile(spool *artifact.Spool, key string, columns []string) *tableFile {
	t := &tableFile{key: key, spool: spool}
	t.w = table.NewWriter(columns, t.open)
	return t
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

// Reopen gives the file for reading and removes its name, so that it takes no room any more when that ends.
func (p tablePart) Reopen() (io.ReadCloser, error) { return p.OpenLast() }

// close ends the table and adds its files to the artifact's.
func (t *tableFile) close(c *collector) error {
	var err error
	if t.done, err = t.w.Close(); err != nil {
		return err
	}
	if len(t.done.Texts) > 0 {
		c.warnings.note("text_columns", "These columns hold values of several kinds, or documents that are deep or have many keys, "+
			"which W&B's pages cannot show: they are texts. %s.", strings.Join(t.done.Texts, ", "))
	}
	var paths []string
	t.path, paths = table.Layout(t.key, len(t.parts))
	for i, part := range t.parts {
		if err := c.files.Add(part.Entry(paths[i])); err != nil {
			return err
		}
	}
	if t.isPartitioned() {
		return c.writeFile(t.path, table.PartitionedJSON(t.key))
	}
	return nil
}

// isPartitioned reports whether the table has several parts.
func (t *tableFile) isPartitioned() bool { return len(t.parts) > 1 }

// copy is the beginning of the table as a run's workspace wants it: columns and
// data only, and media cells as the name of their type.
func (t *tableFile) copy() (wandb.TableCopy, error) {
	f, err := t.parts[0].Open()
	if err != nil {
		return wandb.TableCopy{}, err
	}
	defer func() { _ = f.Close() }()
	out := wandb.TableCopy{Key: t.key, Columns: len(t.done.Columns), Rows: t.done.Rows}
	var buf bytes.Buffer
	buf.WriteString(`{"columns":`)
	buf.Write(mustJSON(t.done.Columns))
	buf.WriteString(`,"data":[`)
	in := json.NewDecoder(bufio.NewReaderSize(f, 1<<16))
	if err := enterData(in); err != nil {
		return out, err
	}
	for n := 0; n < wandb.MaxRunTableRows && in.More(); n++ {
		var row []json.RawMessage
		if err := in.Decode(&row); err != nil {
			return out, err
		}
		if n > 0 {
			buf.WriteByte(',')
		}
		buf.WriteByte('[')
		for i, cell := range row {
			if i > 0 {
				buf.WriteByte(',')
			}
			if bytes.HasPrefix(cell, []byte(`{"_type":"image-file"`)) {
				cell = []byte(`"Image"`)
			}
			buf.Write(cell)
		}
		buf.WriteByte(']')
	}
	buf.WriteString("]}")
	out.Data = buf.Bytes()
	return out, nil
}

// enterData reads a table's JSON up to the first row.
func enterData(in *json.Decoder) error {
	for {
		token, err := in.Token()
		if err != nil {
			return err
		}
		if token != "data" {
			continue
		}
		if token, err = in.Token(); err != nil || token == json.Delim('[') {
			return err
		}
	}
}
