package job

import (
	"cmp"
	"context"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// LogView is the job of log_fiftyone_view_to_wandb.
type LogView struct {
	Target  Target
	View    View
	Dataset Dataset
	// IncludeLabels makes a table with the labels' texts. So do Pictures; without either, there is
	// sample_references.json instead of a table.
	IncludeLabels bool
	// Pictures are the pictures in the table; nil for none.
	Pictures   *picture.Config
	Labels     []view.Field
	Fields     []view.Field
	Embeddings []view.Field
	Parts      Parts
}

// Run does the job.
func (j LogView) Run(ctx context.Context, events Events) (*Result, error) {
	s, err := j.spec()
	if err != nil {
		return nil, err
	}
	return run(ctx, events, s)
}

// spec is what is logged, and how. Faults: those of its parameters.
func (j LogView) spec() (spec, error) {
	return spec{
		target: j.Target, view: j.View, parts: j.Parts, kind: "dataset", runPrefix: "fiftyone_", defaultName: defaultViewName,
		score: byConfidence(nil), open: j.open, inOnePiece: !j.hasTable(), pictures: j.Pictures,
	}, nil
}

// hasTable reports whether the rows are logged as a table.
func (j LogView) hasTable() bool { return j.IncludeLabels || j.Pictures != nil }

// viewRows is what is logged of a view's rows: a table, or without one a list of references, and beside it ids and vectors.
type viewRows struct {
	job      LogView
	reader   *reader
	ids      *idlist.Writer
	table    *rowTable   // nil for none
	refs     *references // nil where there is a table
	metadata int         // slot, for refs
	vectors  []*vectorFile
	tags     []string // of the current row
}

// open starts the files.
func (j LogView) open(ctx context.Context, rd *reader) (content, error) {
	r := &viewRows{job: j, reader: rd}
	var err error
	if r.ids, err = rd.c.newIDList(metadata.SampleIDsPath); err != nil {
		return nil, err
	}
	if j.hasTable() {
		if err = rd.openPictures(ctx, j.Pictures, j.Dataset); err != nil {
			return nil, err
		}
		r.table = rd.newTable("samples", r.columns())
	} else if rd.c.merged == nil {
		r.metadata = rd.Slot("metadata")
		if r.refs, err = newReferences(rd.c); err != nil {
			return nil, err
		}
	}
	if rd.c.merged == nil {
		r.vectors, err = openVectors(rd.c, &rd.Fields, j.Embeddings)
	}
	return r, err
}

// columns are the table's: the original's first, then ours.
func (r *viewRows) columns() []column {
	columns := []column{
		r.reader.base.sampleIDColumn(),
		{Name: "filepath", Cell: func(w *table.Writer, row *row) { w.Text(r.path(row)) }},
		{Name: "tags", Cell: func(w *table.Writer, _ *row) { w.Text(strings.Join(r.tags, ",")) }},
	}
	for _, l := range r.job.Labels {
		columns = append(columns, labelColumn(r.reader, l))
	}
	columns = append(columns, r.reader.pictureColumns()...)
	return append(columns, r.reader.endColumns(r.job.Fields)...)
}

// labelColumn is the column with the text of a label field.
func labelColumn(rd *reader, l view.Field) column {
	slot, format := rd.Slot(l.DBPath, label.Paths(l.LabelType)...), label.NewFormatter(l.LabelType)
	return column{Name: "label_" + l.Path, Cell: func(w *table.Writer, r *row) {
		if text := format.Format(r.Value(slot)); text.Null {
			w.Null()
		} else {
			w.TextBytes(text.Text)
		}
	}}
}

// path is that of the row's media file.
func (r *viewRows) path(row *row) string {
	path, _ := row.Value(r.reader.base.filepath).StringValueOK()
	return path
}

// add takes one row.
func (r *viewRows) add(row *row) error {
	if err := r.ids.Add(row.source); err != nil {
		return err
	}
	r.tags = r.tags[:0]
	r.reader.base.eachTag(row, func(tag string) {
		r.tags = append(r.tags, tag)
		r.reader.base.countSplits(tag)
	})
	for _, v := range r.vectors {
		if err := v.add(row, &r.reader.c.warnings); err != nil {
			return err
		}
	}
	if r.refs != nil {
		one := sampleRecord{ID: row.source.Hex(), Filepath: r.path(row), Tags: append([]string{}, r.tags...), Metadata: documentJSON(row.Value(r.metadata))}
		r.reader.base.identify(&one, row)
		return r.refs.add(one)
	}
	return r.table.add(row)
}

// close ends the files and hands them to the artifact.
func (r *viewRows) close() error {
	c := r.reader.c
	if err := c.closeList(r.ids); err != nil {
		return err
	}
	for _, v := range r.vectors {
		if err := v.close(c); err != nil {
			return err
		}
	}
	if c.merged != nil {
		c.merged.closeVectors(c, r.job.Embeddings)
	}
	switch {
	case r.refs != nil:
		return r.refs.close(c.files)
	case r.table != nil:
		return r.table.close()
	}
	return nil
}

// tally implements content.
func (r *viewRows) tally() tally { return tally{Splits: r.reader.base.splits} }

// addTally implements content.
func (r *viewRows) addTally(t tally) {
	for split, n := range t.Splits {
		r.reader.base.splits[split] += n
	}
}

// publication says what to upload and how to describe it.
func (r *viewRows) publication(ctx context.Context, n int64) (*publication, error) {
	j, c, v := r.job, r.reader.c, r.reader.view
	meta := &metadata.Object{}
	c.datasetMetadata(ctx, meta, j.Dataset, v, n)
	for _, split := range splitTags {
		if count := r.reader.base.splits[split]; count > 0 {
			meta.Set(split+"_samples", count)
		}
	}
	large, err := c.describe(meta, j.Dataset)
	if err != nil {
		return nil, err
	}
	part := v.part()
	meta.Set("is_subset_view", part.IsSubset)
	meta.Set("num_samples", n)
	lists := []metadata.List{r.ids.List("sample_ids")}
	if part.SerializationJSON != "" {
		view, err := c.viewFile(part)
		if err != nil {
			return nil, err
		}
		lists = append(lists, view)
	}
	if err := c.identityFile(r.identity(part)); err != nil {
		return nil, err
	}
	full, slim, err := metadata.Fill(meta, append(lists, large...))
	if err != nil {
		return nil, err
	}
	return &publication{
		description: cmp.Or(j.Target.Description, "Training view for run "+c.runID),
		metadata:    full, slimMetadata: slim, table: r.shown(),
		config: map[string]any{
			"fiftyone_view_artifact": c.name + ":latest", "fiftyone_dataset_name": j.Dataset.Name,
			"fiftyone_view_size": v.size(n), "fiftyone_is_subset": part.IsSubset,
		},
		result: Result{Samples: n, ViewSamples: v.size(n)},
	}, nil
}

// shown is the table for the run's workspace.
func (r *viewRows) shown() *tableFile {
	if r.table == nil {
		return nil
	}
	return r.table.tableFile
}

// identity is what tells this artifact's content from another's, beside its
// files: the digest covers files only, not the metadata.
func (r *viewRows) identity(part View) *metadata.Object {
	j := r.job
	out := &metadata.Object{}
	out.Set("kind", "fiftyone_view")
	out.Set("dataset", j.Dataset.Name)
	out.Set("media_type", j.Dataset.MediaType)
	out.Set("is_subset_view", part.IsSubset)
	out.Set("include_labels", j.IncludeLabels)
	out.Set("label_fields", view.FieldPaths(j.Labels))
	out.Set("fields", view.FieldPaths(j.Fields))
	out.Set("embedding_fields", view.FieldPaths(j.Embeddings))
	j.Pictures.Identify(out)
	r.reader.view.choice.describe(out)
	return out
}

// defaultViewName is the artifact's name where none is given: it ends in the first 8 characters of the run's id.
func defaultViewName(runID string) string {
	return config.GeneratedName("dataset_view_"+label.Head(runID, 8), "")
}
