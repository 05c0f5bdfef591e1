package picture

import (
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// slicesField is what our stage adds to a row.
const slicesField = "_wandb_slices"

// videoType is what FiftyOne calls the media of samples that are videos.
const videoType = "video"

// The places of mediaPaths.
const (
	mediaPath = iota
	mediaType
	mediaMetadata
	mediaSmallerCopy
	mediaProjection
)

// metadataParts are the facts that are read of a media file.
var metadataParts = []string{"width", "height", "frame_width", "frame_height", "duration"}

// mediaPaths are where a document describes its media.
func (p *Config) mediaPaths() []string {
	projection := p.Projection
	if projection != "" {
		projection += ".filepath"
	}
	return []string{"filepath", "_media_type", "metadata", p.SmallerCopy, projection}
}

func newMediaSlots(conf *Config, rows Rows) mediaSlots {
	f := rows.Fields
	m := mediaSlots{paths: conf.mediaPaths(), first: len(f.Slots), support: -1, frame: -1, slices: -1,
		video: rows.Kind == view.RowClip || conf.FramesOfVideos}
	for i, path := range m.paths {
		if i == mediaMetadata {
			f.Slot(path, metadataParts...)
		} else {
			f.Slot(path)
		}
	}
	for _, field := range conf.Crop {
		if parts := label.ShapePaths(field.LabelType, false); len(parts) > 0 {
			m.crop = append(m.crop, cropField{f.Slot(field.DBPath, parts...), field.LabelType})
		}
	}
	m.cropped = len(conf.Crop) > 0
	switch {
	case rows.Kind == view.RowClip:
		m.support = f.Slot("support")
	case rows.Kind == view.RowFrame, rows.Kind == view.RowPatch && conf.FramesOfVideos:
		m.frame = f.Slot("frame_number")
	case conf.Frame != "":
		m.frame = f.Slot(conf.Frame)
	}
	if len(conf.Slices.Names) > 0 {
		m.slices = f.Slot(slicesField)
	}
	return m
}

// of reads what a row says of its media.
func (m *mediaSlots) of(s *view.Slots) media {
	out := mediaAt(s, m.first)
	out.video = out.video || m.video
	if m.support >= 0 {
		if list, ok := s.Value(m.support).ArrayOK(); ok {
			out.frame = int64(number(bson.Raw(list).Lookup("0")))
		}
	}
	if m.frame >= 0 {
		out.frame = int64(number(s.Value(m.frame)))
	}
	if m.cropped {
		out.crop, out.badCrop = m.cropOf(s)
	}
	return out
}

// mediaAt reads the values of mediaPaths, which begin with a slot.
func mediaAt(s *view.Slots, first int) media {
	text := func(i int) string {
		t, _ := s.Value(first + i).StringValueOK()
		return t
	}
	m := media{path: text(mediaPath), video: text(mediaType) == videoType, smallerCopy: text(mediaSmallerCopy), projection: text(mediaProjection)}
	if metadata, ok := s.Value(first + mediaMetadata).DocumentOK(); ok {
		m.width, m.height = int64(number(metadata.Lookup("width"))), int64(number(metadata.Lookup("height")))
	}
	return m
}

// slicesOf reads what a row says of the other slices of its group, in the order of
// their names. Those that it lacks have no path.
func (p *Maker) slicesOf(row, scratch *view.Slots) []media {
	names := p.conf.Slices.Names
	if len(names) == 0 {
		return nil
	}
	out := make([]media, len(names))
	list, _ := row.Value(p.slots.slices).ArrayOK()
	values, err := list.Values()
	if err != nil {
		return out
	}
	for _, v := range values {
		doc, ok := v.DocumentOK()
		if !ok {
			continue
		}
		name, _ := doc.Lookup(sliceName).StringValueOK()
		for i := range names {
			if names[i] == name {
				scratch.Load(doc)
				out[i] = mediaAt(scratch, 0)
				out[i].labels = p.overlays.ofSlice(scratch, len(p.slots.paths))
			}
		}
	}
	return out
}

// sliceName is where a looked-up sample says which slice it is in.
const sliceName = "_wandb_slice"

// number is any number that MongoDB may hold, and 0 for anything else.
func number(v bson.RawValue) float64 {
	f, ok := v.AsFloat64OK()
	if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

// stages are what has to be added to a view's pipeline for its pictures.
func (p *Maker) stages() []bson.D {
	var out []bson.D
	if s := p.conf.Slices; len(s.Names) > 0 {
		kept := p.slots.paths
		if p.overlays != nil {
			kept = slices.Concat(kept, p.overlays.parts)
		}
		projection := view.Projection(kept)[0].Value.(bson.D)
		projection = append(projection, bson.E{Key: sliceName, Value: "$" + s.Field + ".name"})
		out = append(out, lookupStage(s.Collection, s.Field+"._id", s.Field+"._id", slicesField,
			bson.D{{Key: "$match", Value: bson.D{{Key: s.Field + ".name", Value: bson.D{{Key: "$in", Value: s.Names}}}}}},
			bson.D{{Key: "$project", Value: projection}}))
	}
	return out
}

// sliceStages make documents of the other slices of a view's rows.
func (p *Maker) sliceStages() []bson.D {
	return append(p.stages(), bson.D{{Key: "$unwind", Value: "$" + slicesField}}, bson.D{{Key: "$replaceRoot", Value: bson.D{{Key: "newRoot", Value: "$" + slicesField}}}})
}

// slicePaths are what is read of the document of another slice.
func (p *Maker) slicePaths() []string {
	if p.overlays == nil {
		return p.slots.paths
	}
	return slices.Concat(p.slots.paths, p.overlays.dbPaths)
}

func lookupStage(from, local, foreign, as string, stages ...bson.D) bson.D {
	return bson.D{{Key: "$lookup", Value: bson.D{
		{Key: "from", Value: from}, {Key: "localField", Value: local}, {Key: "foreignField", Value: foreign},
		{Key: "pipeline", Value: stages}, {Key: "as", Value: as},
	}}}
}

// factKeys are the columns with facts of the media, and where metadata has them.
var factKeys = map[string][]string{"width": {"width", "frame_width"}, "height": {"height", "frame_height"}, "duration": {"duration"}}

// FactColumns are the columns with facts of the media, from a row's values. One whose name is taken gets the prefix
// "media_".
func (p *Maker) FactColumns() (columns []table.Column[*view.Slots]) {
	if p == nil {
		return nil
	}
	for _, name := range p.conf.Facts {
		keys := factKeys[name]
		columns = append(columns, table.Column[*view.Slots]{Name: name, Prefix: "media_", Cell: func(w *table.Writer, s *view.Slots) {
			metadata, _ := s.Value(p.slots.first + mediaMetadata).DocumentOK()
			var value bson.RawValue
			for _, key := range keys {
				if v, err := metadata.LookupErr(key); err == nil && value.IsZero() {
					value = v
				}
			}
			w.BSON(value)
		}})
	}
	return columns
}

// ofSlice are the values of the fields in a document of another slice, whose slots behind the first ones are
// theirs. Its heatmaps are not shown: they would need columns of their own.
func (o *overlays) ofSlice(s *view.Slots, first int) []bson.RawValue {
	if o == nil {
		return nil
	}
	values := make([]bson.RawValue, len(o.dbPaths))
	for i := range values {
		values[i] = s.Value(first + i)
	}
	for _, i := range o.maps {
		values[i] = bson.RawValue{}
	}
	return values
}
