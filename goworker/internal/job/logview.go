package job

import (
	"cmp"
	"context"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// LogView is the job of log_fiftyone_view_to_wandb.
type LogView struct {
	Target  publish.Target
	View    collect.View
	Dataset collect.Dataset
	// IncludeLabels makes a table with the labels' texts. So do Pictures; without either, there is
	// sample_references.json instead of a table.
	IncludeLabels bool
	// Pictures are the pictures in the table; nil for none.
	Pictures   *picture.Config
	Labels     []view.Field
	Fields     []view.Field
	Embeddings []view.Field
	Parts      collect.Parts
}

// Run does the job.
func (j LogView) Run(ctx context.Context, events publish.Events) (*publish.Result, error) {
	s, err := j.Spec()
	if err != nil {
		return nil, err
	}
	return publish.Run(ctx, events, s)
}

// Spec is what is logged, and how. Faults: those of its parameters.
func (j LogView) Spec() (publish.Spec, error) {
	return publish.Spec{
		Target: j.Target, View: j.View, Parts: j.Parts, Kind: "dataset", RunPrefix: "fiftyone_", DefaultName: defaultViewName,
		Score: collect.ByConfidence(nil), Open: j.open, InOnePiece: !j.hasTable(), Pictures: j.Pictures,
	}, nil
}

// hasTable reports whether the rows are logged as a table.
func (j LogView) hasTable() bool { return j.IncludeLabels || j.Pictures != nil }

// viewRows is what is logged of a view's rows: a table, or without one a list of references, and beside it ids and vectors.
type viewRows struct {
	job     LogView
	reader  *collect.Reader
	ids     *idlist.Writer
	table   *collect.RowTable   // nil for none
	refs    *collect.References // nil where there is a table
	vectors []*collect.VectorFile
	tags    []string // of the current row
}

// open starts the files.
func (j LogView) open(ctx context.Context, rd *collect.Reader) (publish.Content, error) {
	r := &viewRows{job: j, reader: rd}
	var err error
	if r.ids, err = rd.Collector.NewIDList(metadata.SampleIDsPath); err != nil {
		return nil, err
	}
	if j.hasTable() {
		if err = rd.OpenPictures(ctx, j.Pictures, j.Dataset); err != nil {
			return nil, err
		}
		r.table = rd.NewTable("samples", r.columns())
	} else if rd.Collector.Merged == nil {
		if r.refs, err = collect.NewReferences(rd); err != nil {
			return nil, err
		}
	}
	if rd.Collector.Merged == nil {
		r.vectors, err = rd.Collector.OpenVectors(&rd.Fields, j.Embeddings)
	}
	return r, err
}

// columns are the table's: the original's first, then ours.
func (r *viewRows) columns() []collect.Column {
	columns := []collect.Column{
		r.reader.Base.SampleIDColumn(),
		{Name: "filepath", Cell: func(w *table.Writer, row *collect.Row) { w.Text(r.reader.Base.Path(row)) }},
		{Name: "tags", Cell: func(w *table.Writer, _ *collect.Row) { w.Text(strings.Join(r.tags, ",")) }},
	}
	for _, l := range r.job.Labels {
		columns = append(columns, labelColumn(r.reader, l))
	}
	columns = append(columns, r.reader.PictureColumns()...)
	return append(columns, r.reader.EndColumns(r.job.Fields)...)
}

// labelColumn is the column with the text of a label field.
func labelColumn(rd *collect.Reader, l view.Field) collect.Column {
	slot, format := rd.Slot(l.DBPath, label.Paths(l.LabelType)...), label.NewFormatter(l.LabelType)
	return collect.Column{Name: "label_" + l.Path, Cell: func(w *table.Writer, r *collect.Row) {
		if text := format.Format(r.Value(slot)); text.Null {
			w.Null()
		} else {
			w.TextBytes(text.Text)
		}
	}}
}

// Add takes one row.
func (r *viewRows) Add(row *collect.Row) error {
	if err := r.ids.Add(row.Source); err != nil {
		return err
	}
	r.tags = r.tags[:0]
	r.reader.Base.EachTag(row, func(tag string) {
		r.tags = append(r.tags, tag)
		r.reader.Base.CountSplits(tag)
	})
	for _, v := range r.vectors {
		if err := v.Add(row, &r.reader.Collector.Warnings); err != nil {
			return err
		}
	}
	if r.refs != nil {
		return r.refs.Add(row, r.tags)
	}
	return r.table.Add(row)
}

// Close ends the files and hands them to the artifact.
func (r *viewRows) Close() error {
	c := r.reader.Collector
	if err := c.CloseList(r.ids); err != nil {
		return err
	}
	for _, v := range r.vectors {
		if err := c.CloseVectors(v); err != nil {
			return err
		}
	}
	if c.Merged != nil {
		c.Merged.CloseVectors(c, r.job.Embeddings)
	}
	switch {
	case r.refs != nil:
		return r.refs.Close()
	case r.table != nil:
		return r.table.Close()
	}
	return nil
}

// Tally implements content.
func (r *viewRows) Tally() publish.Tally { return publish.Tally{Splits: r.reader.Base.Splits} }

// AddTally implements content.
func (r *viewRows) AddTally(t publish.Tally) {
	for split, n := range t.Splits {
		r.reader.Base.Splits[split] += n
	}
}

// Publication says what to upload and how to describe it.
func (r *viewRows) Publication(ctx context.Context, n int64) (*publish.Publication, error) {
	j, c, v := r.job, r.reader.Collector, r.reader.View
	meta := &metadata.Object{}
	c.DatasetMetadata(ctx, meta, j.Dataset, v, n)
	for _, split := range collect.SplitTags {
		if count := r.reader.Base.Splits[split]; count > 0 {
			meta.Set(split+"_samples", count)
		}
	}
	large, err := c.Describe(meta, j.Dataset)
	if err != nil {
		return nil, err
	}
	part := v.Part()
	meta.Set("is_subset_view", part.IsSubset)
	meta.Set("num_samples", n)
	lists := []metadata.List{r.ids.List("sample_ids")}
	if part.SerializationJSON != "" {
		view, err := c.ViewFile(part)
		if err != nil {
			return nil, err
		}
		lists = append(lists, view)
	}
	if err := c.IdentityFile(r.identity(part)); err != nil {
		return nil, err
	}
	full, slim, err := metadata.Fill(meta, append(lists, large...))
	if err != nil {
		return nil, err
	}
	return &publish.Publication{
		Description: cmp.Or(j.Target.Description, "Training view for run "+c.RunID),
		Metadata:    full, SlimMetadata: slim, Table: r.shown(),
		Config: map[string]any{
			"fiftyone_view_artifact": c.Name + ":latest", "fiftyone_dataset_name": j.Dataset.Name,
			"fiftyone_view_size": v.Size(n), "fiftyone_is_subset": part.IsSubset,
		},
		Result: publish.Result{Samples: n, ViewSamples: v.Size(n)},
	}, nil
}

// shown is the table for the run's workspace.
func (r *viewRows) shown() *collect.TableFile {
	if r.table == nil {
		return nil
	}
	return r.table.TableFile
}

// identity is what tells this artifact's content from another's, beside its
// files: the digest covers files only, not the metadata.
func (r *viewRows) identity(part collect.View) *metadata.Object {
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
	r.reader.View.Choice.Describe(out)
	return out
}

// defaultViewName is the artifact's name where none is given: it ends in the first 8 characters of the run's id.
func defaultViewName(runID string) string {
	return config.GeneratedName("dataset_view_"+label.Head(runID, 8), "")
}
