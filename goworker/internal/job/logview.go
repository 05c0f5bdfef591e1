package job

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
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
	Pictures   *Pictures
	Labels     []Field
	Fields     []Field
	Embeddings []Field
}

// Run does the job.
func (j LogView) Run(ctx context.Context, events Events) (*Result, error) {
	return runLog(ctx, j.Target, j.View, events, logPlan{
		kind: "dataset", runPrefix: "fiftyone_",
		defaultName: defaultViewName, collect: j.collect,
	})
}

// hasTable reports whether the rows are logged as a table.
func (j LogView) hasTable() bool { return j.IncludeLabels || j.Pictures != nil }

// labelColumn is one label field of the table.
type labelColumn struct {
	slot   int
	format *label.Formatter
}

// viewRows makes the rows of a view's table.
type viewRows struct {
	base     *rowBase
	labels   []labelColumn
	plain    []plainField
	pictures *pictures
	metadata int // slot
	ids      *idList
	table    *tableFile
	refs     *references
	vectors  []*vectorFile
	c        *collector
	tags     []string
}

// collect reads the view into the spool directory.
func (j LogView) collect(ctx context.Context, c *collector) (*publication, error) {
	f := &fields{}
	r := &viewRows{base: newRowBase(f, j.View.Rows), metadata: -1, c: c}
	var err error
	if j.View.choice, err = c.choose(ctx, j.View, nil); err != nil {
		return nil, err
	}
	if r.ids, err = newIDList(c, sampleIDsPath); err != nil {
		return nil, err
	}
	if j.hasTable() {
		if err = r.openTable(ctx, j, f); err != nil {
			return nil, err
		}
	} else {
		r.metadata = f.slot("metadata")
		if r.refs, err = newReferences(c); err != nil {
			return nil, err
		}
	}
	if r.vectors, err = openVectors(c, f, j.Embeddings); err != nil {
		return nil, err
	}
	n, err := scan(ctx, c.source, j.View, f, c.tracker, r.pictures, r.add)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, errEmptyView()
	}
	if err := r.close(); err != nil {
		return nil, err
	}
	return j.publication(ctx, c, r, n)
}

func errEmptyView() error {
	return fault.New(fault.Settings, "empty_view", "The view has no samples, so there is nothing to log: choose another view.")
}

// openTable starts the table: the original's columns first, then ours.
func (r *viewRows) openTable(ctx context.Context, j LogView, f *fields) (err error) {
	if r.pictures, err = openPictures(r.c, j.Pictures, r.base, f); err != nil {
		return err
	}
	if err = r.pictures.openOverlays(ctx, j.View, j.Dataset, f); err != nil {
		return err
	}
	columns := []string{"sample_id", "filepath", "tags"}
	for _, l := range j.Labels {
		columns = append(columns, "label_"+l.Path)
		r.labels = append(r.labels, labelColumn{f.slot(l.DBPath, label.Paths(l.LabelType)...), label.NewFormatter(l.LabelType)})
	}
	columns = append(columns, r.pictures.columns()...)
	columns = append(columns, r.base.columns()...)
	columns, r.plain = plainColumns(columns, f, j.Fields)
	columns = r.pictures.factColumns(columns)
	r.table = newTableFile(r.c.spool, "samples", columns)
	r.pictures.setClasses(r.table.w)
	return nil
}

// add takes one row.
func (r *viewRows) add(s *view.Slots, pictures rowPictures) error {
	source, own := r.base.ids(s)
	if err := r.ids.add(source); err != nil {
		return err
	}
	r.tags = r.tags[:0]
	r.base.eachTag(s, func(tag string) {
		r.tags = append(r.tags, tag)
		r.base.countSplits(tag)
	})
	path, _ := s.Value(r.base.filepath).StringValueOK()
	for _, v := range r.vectors {
		if err := v.add(source, s, &r.c.warnings); err != nil {
			return err
		}
	}
	if r.refs != nil {
		one := reference{ID: source.Hex(), Filepath: path, Tags: append([]string{}, r.tags...), Metadata: documentJSON(s.Value(r.metadata))}
		r.base.identify(&one, s, own)
		return r.refs.add(one)
	}
	return r.addTableRow(s, pictures, source, own, path)
}

func (r *viewRows) addTableRow(s *view.Slots, pictures rowPictures, source, own bson.ObjectID, path string) error {
	w := r.table.w
	w.BeginRow()
	id := hexID(source)
	w.TextBytes(id[:])
	w.Text(path)
	w.Text(joinTags(r.tags))
	for _, l := range r.labels {
		if text := l.format.Format(s.Value(l.slot)); text.Null {
			w.Null()
		} else {
			w.TextBytes(text.Text)
		}
	}
	pictures.write(w, string(id[:]), &r.c.warnings)
	r.base.addColumns(w, s, own)
	for _, field := range r.plain {
		field.add(w, s, &r.c.warnings, string(id[:]))
	}
	r.pictures.writeFacts(w, s)
	return w.EndRow()
}

// close ends the files and hands them to the artifact.
func (r *viewRows) close() error {
	if err := r.ids.close(r.c.files); err != nil {
		return err
	}
	for _, v := range r.vectors {
		if err := v.close(r.c); err != nil {
			return err
		}
	}
	if r.refs != nil {
		return r.refs.close(r.c.files)
	}
	if err := r.pictures.close(); err != nil {
		return err
	}
	return r.table.close(r.c)
}

// publication says what to upload and how to describe it.
func (j LogView) publication(ctx context.Context, c *collector, r *viewRows, n int64) (*publication, error) {
	meta := &object{}
	c.datasetMetadata(ctx, meta, j.Dataset, j.View, n)
	for _, split := range splitTags {
		if count := r.base.splits[split]; count > 0 {
			meta.set(split+"_samples", count)
		}
	}
	large, err := c.describe(meta, j.Dataset)
	if err != nil {
		return nil, err
	}
	part := j.View.part()
	meta.set("is_subset_view", part.IsSubset)
	meta.set("num_samples", n)
	lists := []list{r.ids.asList("sample_ids")}
	if part.SerializationJSON != "" {
		view, err := c.viewFile(part)
		if err != nil {
			return nil, err
		}
		lists = append(lists, view)
	}
	if err := c.identityFile(j.identity(part)); err != nil {
		return nil, err
	}
	full, slim, err := fillLists(meta, append(lists, large...))
	if err != nil {
		return nil, err
	}
	return &publication{
		description: orDefault(j.Target.Description, "Training view for run "+c.runID),
		metadata:    full, slimMetadata: slim, table: r.table,
		config: map[string]any{
			"fiftyone_view_artifact": c.name + ":latest", "fiftyone_dataset_name": j.Dataset.Name,
			"fiftyone_view_size": j.View.size(n), "fiftyone_is_subset": part.IsSubset,
		},
		result: Result{Samples: n, ViewSamples: j.View.size(n)},
	}, nil
}

// identity is what tells this artifact's content from another's, beside its
// files: the digest covers files only, not the metadata.
func (j LogView) identity(part View) *object {
	out := &object{}
	out.set("kind", "fiftyone_view")
	out.set("dataset", j.Dataset.Name)
	out.set("media_type", j.Dataset.MediaType)
	out.set("is_subset_view", part.IsSubset)
	out.set("include_labels", j.IncludeLabels)
	out.set("label_fields", paths(j.Labels))
	out.set("fields", paths(j.Fields))
	out.set("embedding_fields", paths(j.Embeddings))
	j.Pictures.identify(out)
	part.choice.describe(out)
	return out
}

func paths(fields []Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Path
	}
	return out
}

// defaultViewName is the artifact's name where none is given: it ends in the first 8 characters of the run's id.
func defaultViewName(runID string) string {
	return wandb.GeneratedName("dataset_view_"+label.Head(runID, 8), "")
}
