package collect

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// countForMetadata is how long rows are counted for the metadata, where the number is null then.
const countForMetadata = 30 * time.Second

// Collector is the first phase of a logging job: everything that goes into the
// artifact is read, formatted and hashed before W&B hears of it. It is the Sink of pictures.
type Collector struct {
	Source   *view.Source
	Spool    *artifact.Spool
	Files    *artifact.Files
	Tracker  *Tracker
	Warnings Warnings
	RunID    string
	Name     string         // of the artifact
	Pictures *picture.Maker // nil for none
	// AllClasses is what pictures are asked for: see picture.Rows.
	AllClasses bool
	// Classes are those that were found for all shards; nil to search for them.
	Classes *picture.Classes
	Parts   Parts
	// Planning is set where the rows are only chosen, for several workers to read; Found is what these have to know of the
	// content beside the job, as JSON.
	Planning bool
	Found    json.RawMessage
	// Shard is set where the rows are those of one shard, and Merged where there are none, since shards have read them: then
	// files that hold something of each row are not ended here.
	Shard  ShardFiles
	Merged MergedFiles
	Lists  []*idlist.Writer
	ends   []func()
}

// AtEnd has something done when the job is over, however it ends.
func (c *Collector) AtEnd(fn func()) { c.ends = append(c.ends, fn) }

// End does what is left to do, the last first.
func (c *Collector) End() {
	for _, fn := range slices.Backward(c.ends) {
		fn()
	}
}

// Stored is how much of the artifact W&B stores: its files without its references.
func (c *Collector) Stored() (files, bytes int64) {
	for i := range c.Files.Len() {
		if e := c.Files.At(i); e.Ref == "" {
			files++
			bytes += e.Size
		}
	}
	return files, bytes
}

// Pack makes a file that holds many small files of the artifact.
func (c *Collector) Pack(name string) (*artifact.Pack, error) { return c.Spool.Pack(name, c.Files) }

// AddFile adds a file or a reference to the artifact.
func (c *Collector) AddFile(e artifact.Entry) error { return c.Files.Add(e) }

// Note adds a warning that is about no single row.
func (c *Collector) Note(code, format string, args ...any) { c.Warnings.Note(code, format, args...) }

// Create makes a spool file for a path of the artifact.
func (c *Collector) Create(path string) (*artifact.SpoolFile, error) {
	return c.Spool.Create(strings.ReplaceAll(path, "/", "-"))
}

// WriteFile adds a small generated file.
func (c *Collector) WriteFile(path string, content []byte) error {
	if c.Shard != nil { // the files that are the same for all shards are written once, where these are merged
		return nil
	}
	f, err := c.Create(path)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return c.Files.Add(f.Entry(path))
}

// NoteName says that W&B has the artifact under another name than the given one.
func (c *Collector) NoteName(given string) {
	c.Warnings.Note("artifact_name", "The artifact %q is stored as %q, as the original plugin would store it. This plugin finds it under both names.", given, c.Name)
}

// NewIDList starts a list of ids.
func (c *Collector) NewIDList(path string) (*idlist.Writer, error) {
	if c.Shard != nil {
		return c.Shard.NewIDList(path), nil
	}
	f, err := c.Create(path)
	if err != nil {
		return nil, err
	}
	list := idlist.NewWriter(f, path)
	c.Lists = append(c.Lists, list)
	return list, nil
}

// CloseList ends a list of ids. That of a shard is a part of the artifact's file.
func (c *Collector) CloseList(list *idlist.Writer) error {
	if c.Shard != nil {
		return nil // whoever reads the shard ends it
	}
	return list.Close(c.Files)
}

// IdentityFile writes fiftyone/metadata.json.
func (c *Collector) IdentityFile(o *metadata.Object) error {
	return c.WriteFile(metadata.IdentityPath, append(o.Bytes(), '\n'))
}

// ViewFile writes the view's stages, and gives them as a list of the metadata.
func (c *Collector) ViewFile(v View) (metadata.List, error) {
	return c.jsonFile("view_serialization", metadata.ViewPath, v.SerializationJSON)
}

// jsonFile writes JSON to a file, and gives it as a list of the metadata.
func (c *Collector) jsonFile(key, path, text string) (metadata.List, error) {
	raw := []byte(text)
	if err := c.WriteFile(path, append(raw[:len(raw):len(raw)], '\n')); err != nil {
		return metadata.List{}, err
	}
	return metadata.JSONList(key, path, raw), nil
}

// DatasetMetadata sets the keys that both kinds of artifacts begin with.
func (c *Collector) DatasetMetadata(ctx context.Context, meta *metadata.Object, d Dataset, v ChosenView, n int64) {
	size, ok := v.Size(n), true
	if v.IsSubset {
		q := v.Query
		q.Collection, q.Pipeline = d.Collection, d.Pipeline
		size, ok = c.Source.Count(ctx, q, countForMetadata)
	}
	meta.Set("fiftyone_dataset_name", d.Name)
	// In no file: the same content in another database has the same digest.
	if d.ID != "" {
		meta.Set("fiftyone_dataset_id", d.ID)
	}
	if ok {
		meta.Set("fiftyone_dataset_size", size)
	} else {
		meta.Raw("fiftyone_dataset_size", nil)
	}
	meta.Set("fiftyone_view_size", v.Size(n))
	if v.GroupSlice != "" {
		meta.Set("group_slice", v.GroupSlice)
	}
	v.Choice.Describe(meta)
	v.Shown.describe(meta)
}

// Describe sets what a dataset artifact says of the dataset beside its size. It
// returns what is too large to be there for certain.
func (c *Collector) Describe(meta *metadata.Object, d Dataset) (large []metadata.List, err error) {
	meta.Text("fiftyone_version", d.FiftyOneVersion)
	meta.Text("fiftyone_media_type", d.MediaType)
	meta.Text("dataset_created_at", d.CreatedAt)
	meta.Text("dataset_last_modified_at", d.LastModifiedAt)
	for _, fact := range []struct{ key, json string }{
		{"dataset_info", cmp.Or(d.InfoJSON, "{}")}, {"default_classes", d.DefaultClassesJSON}, {"mask_targets", d.MaskTargetsJSON},
	} {
		switch {
		case fact.json == "":
		case len(fact.json) < metadata.Large:
			meta.Raw(fact.key, []byte(fact.json))
		default:
			l, err := c.jsonFile(fact.key, "fiftyone/"+fact.key+".json", fact.json)
			if err != nil {
				return nil, err
			}
			large = append(large, l)
		}
	}
	if d.MediaType == "video" {
		meta.Set("has_frame_fields", d.HasFrameFields)
		meta.Set("frame_fields", append([]string{}, d.FrameFields...))
	}
	return large, nil
}

// ShardFiles is what the files become that hold something of each row, where the rows are those of one shard: parts of the artifact's.
type ShardFiles interface {
	// HasAll reports whether the shard has all rows. RowIDs are the ids of its rows, nil for all.
	HasAll() bool
	RowIDs() []bson.ObjectID
	NewIDList(path string) *idlist.Writer
	PrepareTable(t *TableFile)
	CloseTable(t *TableFile) error
	PrepareVectors(v *VectorFile)
	CloseVectors(c *Collector, v *VectorFile) error
}

// MergedFiles is the same files where shards have read the rows.
type MergedFiles interface {
	CloseTable(c *Collector, t *TableFile) error
	CloseVectors(c *Collector, fields []view.Field)
}
