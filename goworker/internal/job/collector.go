package job

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// countForMetadata is how long rows are counted for the metadata, where the number is null then.
const countForMetadata = 30 * time.Second

// collector is the first phase of a logging job: everything that goes into the
// artifact is read, formatted and hashed before W&B hears of it. It is the Sink of pictures.
type collector struct {
	source   *view.Source
	spool    *artifact.Spool
	files    *artifact.Files
	tracker  *tracker
	warnings warnings
	runID    string
	name     string         // of the artifact
	pictures *picture.Maker // nil for none
	// allClasses is what pictures are asked for: see picture.Rows.
	allClasses bool
	// classes are those that were found for all shards; nil to search for them.
	classes *picture.Classes
	parts   Parts
	// planning is set where the rows are only chosen, for several workers to read; found is what these have to know of the
	// content beside the job, as JSON.
	planning bool
	found    json.RawMessage
	// shard is set where the rows are those of one shard, and merged where there are none, since shards have read them: then
	// files that hold something of each row are not ended here.
	shard  shardFiles
	merged mergedFiles
	lists  []*idlist.Writer
	ends   []func()
}

// AtEnd has something done when the job is over, however it ends.
func (c *collector) AtEnd(fn func()) { c.ends = append(c.ends, fn) }

// end does what is left to do, the last first.
func (c *collector) end() {
	for _, fn := range slices.Backward(c.ends) {
		fn()
	}
}

// stored is how much of the artifact W&B stores: its files without its references.
func (c *collector) stored() (files, bytes int64) {
	for i := range c.files.Len() {
		if e := c.files.At(i); e.Ref == "" {
			files++
			bytes += e.Size
		}
	}
	return files, bytes
}

// Pack makes a file that holds many small files of the artifact.
func (c *collector) Pack(name string) (*artifact.Pack, error) { return c.spool.Pack(name, c.files) }

// AddFile adds a file or a reference to the artifact.
func (c *collector) AddFile(e artifact.Entry) error { return c.files.Add(e) }

// Note adds a warning that is about no single row.
func (c *collector) Note(code, format string, args ...any) { c.warnings.note(code, format, args...) }

// create makes a spool file for a path of the artifact.
func (c *collector) create(path string) (*artifact.SpoolFile, error) {
	return c.spool.Create(strings.ReplaceAll(path, "/", "-"))
}

// WriteFile adds a small generated file.
func (c *collector) WriteFile(path string, content []byte) error {
	if c.shard != nil { // the files that are the same for all shards are written once, where these are merged
		return nil
	}
	f, err := c.create(path)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return c.files.Add(f.Entry(path))
}

// noteName says that W&B has the artifact under another name than the given one.
func (c *collector) noteName(given string) {
	c.warnings.note("artifact_name", "The artifact %q is stored as %q, as the original plugin would store it. This plugin finds it under both names.", given, c.name)
}

// newIDList starts a list of ids.
func (c *collector) newIDList(path string) (*idlist.Writer, error) {
	if c.shard != nil {
		return c.shard.newIDList(path), nil
	}
	f, err := c.create(path)
	if err != nil {
		return nil, err
	}
	list := idlist.NewWriter(f, path)
	c.lists = append(c.lists, list)
	return list, nil
}

// closeList ends a list of ids. That of a shard is a part of the artifact's file.
func (c *collector) closeList(list *idlist.Writer) error {
	if c.shard != nil {
		return nil // see shardRead.closeLists
	}
	return list.Close(c.files)
}

// identityFile writes fiftyone/metadata.json.
func (c *collector) identityFile(o *metadata.Object) error {
	return c.WriteFile(metadata.IdentityPath, append(o.Bytes(), '\n'))
}

// viewFile writes the view's stages, and gives them as a list of the metadata.
func (c *collector) viewFile(v View) (metadata.List, error) {
	return c.jsonFile("view_serialization", metadata.ViewPath, v.SerializationJSON)
}

// jsonFile writes JSON to a file, and gives it as a list of the metadata.
func (c *collector) jsonFile(key, path, text string) (metadata.List, error) {
	raw := []byte(text)
	if err := c.WriteFile(path, append(raw[:len(raw):len(raw)], '\n')); err != nil {
		return metadata.List{}, err
	}
	return metadata.JSONList(key, path, raw), nil
}

// datasetMetadata sets the keys that both kinds of artifacts begin with.
func (c *collector) datasetMetadata(ctx context.Context, meta *metadata.Object, d Dataset, v chosenView, n int64) {
	size, ok := v.size(n), true
	if v.IsSubset {
		q := v.Query
		q.Collection, q.Pipeline = d.Collection, d.Pipeline
		size, ok = c.source.Count(ctx, q, countForMetadata)
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
	meta.Set("fiftyone_view_size", v.size(n))
	if v.GroupSlice != "" {
		meta.Set("group_slice", v.GroupSlice)
	}
	v.choice.describe(meta)
	v.shown.describe(meta)
}

// describe sets what a dataset artifact says of the dataset beside its size. It
// returns what is too large to be there for certain.
func (c *collector) describe(meta *metadata.Object, d Dataset) (large []metadata.List, err error) {
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
