package lookup

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/memory"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

// ReadTable reads the first rows of an artifact's table, and makes their pictures small, for the panel's page of a
// version. It reads each file only as far as it must, so it cannot compare checksums, which cover whole files: its
// result is for display, and nothing else may depend on it.
type ReadTable struct {
	Settings config.Inputs
	// Reference is what config.Settings.ArtifactRefs reads.
	Reference string
	// Table is the name of one of the artifact's tables; empty for the first.
	Table string
	// Rows is how many rows to read, 0 for defaultRows; at most maxRows.
	Rows int
	// Side is the longest side of the pictures in pixels, 0 for defaultSide.
	Side int
}

const (
	defaultRows, maxRows = 8, 50
	defaultSide, maxSide = 256, 512
	// maxColumns bounds how many columns are shown: the table may be anybody's.
	maxColumns = 200
	// tailSize is how much of a table's end is read for the types of its columns, in bytes.
	tailSize = 256 << 10
	// partitionLimit bounds the file that makes one table of several parts, in bytes.
	partitionLimit = 64 << 10
	// maxTables bounds how many of an artifact's tables are named, maxWalk how many of its files are looked at for tables.
	maxTables, maxWalk = 20, 500_000
)

// TableHead is the beginning of a table.
type TableHead struct {
	Artifact wandb.ArtifactInfo
	// Tables are the names of the artifact's tables, Table is the one that was read; empty where there is none, and Note says why.
	Tables []string
	Table  string
	Note   string
	// Columns are the first of the table's columns, AllColumns is how many there are.
	Columns    []string
	AllColumns int
	Rows       [][]TableCell
	// More reports whether there are more rows. Total is how many there are in all, or -1 if that is not known.
	More  bool
	Total int64
	// Pictures are those that the cells show.
	Pictures []TablePicture
	Classes  []TableClass
}

// Endings of the names of files that are tables, in one file and in parts.
const (
	tableEnding     = ".table.json"
	partitionEnding = ".partitioned-table.json"
)

// usualTables are the names of the tables that this plugin and the original one make: W&B is asked for them by name.
var usualTables = []string{"samples", "predictions", "classes", "confusion", "curves"}

// Run does the job.
func (j ReadTable) Run(ctx context.Context) (*TableHead, error) {
	memory.ForPictures()
	client, err := openReader(j.Settings)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var paths []string
	for _, name := range usualTables {
		paths = append(paths, name+tableEnding, name+partitionEnding)
	}
	v, err := client.FindNamedArtifact(ctx, j.Reference, config.ArtifactRef{}, paths)
	if err != nil {
		return nil, err
	}
	t := &tableReader{client: client, version: v.ArtifactInfo, head: &TableHead{Artifact: v.ArtifactInfo, Total: -1},
		rows: clamp(j.Rows, defaultRows, maxRows), side: clamp(j.Side, defaultSide, maxSide)}
	if err := t.find(ctx, v.Files); err != nil || len(t.head.Tables) == 0 {
		return t.head, err
	}
	return t.head, t.read(ctx, j.Table)
}

// clamp is n, or normal where n is not given, and at most most.
func clamp(n, normal, most int) int {
	if n <= 0 {
		n = normal
	}
	return min(n, most)
}

// tableReader reads the beginning of one table.
type tableReader struct {
	client     *wandb.Client
	version    wandb.ArtifactInfo
	rows, side int
	head       *TableHead
	files      map[string]wandb.RemoteFile // tables by name
}

// find finds the artifact's tables: those with the usual names, which are among some, else all that it has.
func (t *tableReader) find(ctx context.Context, some map[string]wandb.RemoteFile) error {
	t.files = map[string]wandb.RemoteFile{}
	add := func(path string, f wandb.RemoteFile) {
		if name, ok := tableName(path); ok && !slices.Contains(t.head.Tables, name) {
			t.head.Tables, t.files[name] = append(t.head.Tables, name), f
		}
	}
	for _, name := range usualTables {
		for _, ending := range []string{partitionEnding, tableEnding} {
			if f, ok := some[name+ending]; ok {
				add(f.Path, f)
			}
		}
	}
	if len(t.head.Tables) > 0 {
		return nil
	}
	paths, err := t.walk(ctx)
	if err != nil || len(paths) == 0 {
		return err
	}
	found, err := t.client.FindFiles(ctx, t.version, paths)
	for _, path := range paths {
		if f, ok := found[path]; ok {
			add(path, f)
		}
	}
	if err == nil && len(t.head.Tables) == 0 {
		t.head.Note = "The table's file is no longer in W&B."
	}
	return err
}

// tableName is the name of a table by its file's path, such as "samples".
func tableName(path string) (string, bool) {
	for _, ending := range []string{partitionEnding, tableEnding} {
		if name, ok := strings.CutSuffix(path, ending); ok {
			return name, true
		}
	}
	return "", false
}

// walk looks for tables in the list of the artifact's files; where there are none, it says so.
func (t *tableReader) walk(ctx context.Context) (paths []string, err error) {
	var partitioned []string // directories of parts, which are not tables of their own
	files, references := 0, 0
	err = t.client.WalkFiles(ctx, t.version, func(path string, isReference bool) bool {
		files++
		if isReference {
			references++
			return files < maxWalk
		}
		name, ok := tableName(path)
		if ok && !slices.ContainsFunc(partitioned, func(dir string) bool { return strings.HasPrefix(path, dir+"/") }) {
			paths = append(paths, path)
			if strings.HasSuffix(path, partitionEnding) {
				partitioned = append(partitioned, name+"_parts")
			}
		}
		return files < maxWalk && len(paths) < maxTables
	})
	if err != nil || len(paths) > 0 {
		return paths, err
	}
	switch {
	case files == 0:
		t.head.Note = "This artifact has no files."
	case files == references:
		t.head.Note = "This artifact has no table: it only refers to " + words.Thousands(int64(references)) + " files that are stored elsewhere."
	default:
		t.head.Note = "This artifact has no table. Artifacts that are logged with labels or pictures have one."
	}
	return nil, nil
}

// read reads the table of a name, or the first.
func (t *tableReader) read(ctx context.Context, name string) error {
	name = cmp.Or(name, t.head.Tables[0])
	f, ok := t.files[name]
	if !ok {
		return fault.New(fault.Settings, fault.NotFound, "The artifact %s:%s has no table %q: it has %s.", t.version.Name, t.version.Version, name, strings.Join(t.head.Tables, ", "))
	}
	t.head.Table = name
	inParts := strings.HasSuffix(f.Path, partitionEnding)
	if inParts {
		var err error
		if f, err = t.firstPart(ctx, f); err != nil {
			return err
		}
	}
	head, err := t.open(ctx, f)
	if err != nil {
		return err
	}
	types, total := head.Types, int64(-1)
	if !head.More {
		total = int64(len(head.Rows))
	}
	if types == nil || total < 0 {
		tail, err := t.client.ReadTail(ctx, f, tailSize)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if behind, rows := table.ReadTail(tail); err == nil { // without it, the rows are shown as they are
			if total < 0 {
				total = rows
			}
			if types == nil {
				types = behind
			}
		}
	}
	if t.head.Total, t.head.More = total, head.More; inParts {
		t.head.Total, t.head.More = -1, true // the other parts are not looked at
	}
	return t.fill(ctx, head, types)
}

// open reads the first rows of a table's file.
func (t *tableReader) open(ctx context.Context, f wandb.RemoteFile) (*table.Head, error) {
	body, err := t.client.OpenFile(ctx, f)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	head, err := table.ReadHead(body, t.rows)
	switch {
	case errors.Is(err, table.ErrNotTable):
		return nil, fault.New(fault.WandB, fault.BadArtifact, "The table %s cannot be shown: its file %s is damaged, or not a table.", t.head.Table, f.Path)
	case errors.Is(err, table.ErrLongRows):
		return nil, fault.New(fault.WandB, fault.TooLarge, "The table %s cannot be shown here: its first row has more than %s. Open the artifact in W&B.", t.head.Table, words.Bytes(table.MaxHead))
	}
	return head, err
}

// firstPart is the file with the first rows of a table in parts.
func (t *tableReader) firstPart(ctx context.Context, f wandb.RemoteFile) (wandb.RemoteFile, error) {
	raw, err := readSmall(ctx, t.client.OpenFile, f, partitionLimit)
	if err != nil {
		return f, err
	}
	var parts struct {
		Path string `json:"parts_path"`
	}
	if json.Unmarshal(raw, &parts) != nil || parts.Path == "" {
		return f, fault.New(fault.WandB, fault.BadArtifact, "The table %s cannot be shown: its file %s does not say where its parts are.", t.head.Table, f.Path)
	}
	dir := strings.TrimSuffix(parts.Path, "/") + "/"
	_, usual := table.Layout(t.head.Table, 2)
	first := dir + path.Base(usual[0])
	found, err := t.client.FindFiles(ctx, t.version, []string{first})
	if err != nil {
		return f, err
	}
	if part, ok := found[first]; ok {
		return part, nil
	}
	first = ""
	err = t.client.WalkFiles(ctx, t.version, func(path string, isReference bool) bool {
		if !isReference && strings.HasPrefix(path, dir) {
			first = path
		}
		return first == ""
	})
	if err == nil && first != "" {
		found, err = t.client.FindFiles(ctx, t.version, []string{first})
	}
	if part, ok := found[first]; ok || err != nil {
		return part, err
	}
	return f, fault.New(fault.WandB, fault.BadArtifact, "The table %s cannot be shown: the files of its parts, %s…, are not in W&B.", t.head.Table, dir)
}

// fill makes the cells of the rows, and gets their pictures.
func (t *tableReader) fill(ctx context.Context, head *table.Head, types map[string]json.RawMessage) error {
	t.head.AllColumns = len(head.Columns)
	t.head.Columns = head.Columns[:min(len(head.Columns), maxColumns)]
	moments := make([]bool, len(t.head.Columns))
	for i, name := range t.head.Columns {
		moments[i] = table.IsTime(types[name])
	}
	pictures := newTablePictures(t)
	for _, row := range head.Rows {
		cells := make([]TableCell, len(t.head.Columns))
		for i := range cells {
			cells[i] = cellOf(row[i], moments[i], pictures)
		}
		t.head.Rows = append(t.head.Rows, cells)
	}
	return pictures.get(ctx)
}
