package picture

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"path/filepath"
	"runtime"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/overlay"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

// heatmapColumn is the beginning of the names of columns with heatmaps.
const heatmapColumn = "heatmap_"

// mostDrawers is how many rows' labels are drawn at once: masks may have as many pixels as the pictures that
// thumbnails are made of, so each takes its memory.
const mostDrawers = 8

// mostLayers is how many pixels a picture may have for its masks to be made beside others.
const mostLayers = 4 << 20

// smallRaster is how large the masks and maps of labels may be, in bytes, that are read beside others; they are in
// memory some times over while they are drawn.
const smallRaster = 16 << 20

// openOverlays prepares for drawing labels, if there are any to draw: it reads their classes, and registers what has
// to be read of each row.
func (p *Maker) openOverlays(ctx context.Context) error {
	if p.conf.Overlays == nil {
		return nil
	}
	conf := p.conf.Overlays
	targets, err := overlay.ParseTargets(p.rows.MaskTargetsJSON)
	if err != nil {
		return fault.Wrap(err, fault.FiftyOne, fault.BadMaskTargets, "The dataset's mask_targets cannot be read (%v): correct them, or log with overlays=False.", err)
	}
	o := &overlays{home: conf.Home, second: p.decodeByPillow}
	spec, seen := o.addFields(conf, targets, p.rows.Fields)
	if names := p.rows.DefaultClassesJSON; names != "" {
		_ = json.Unmarshal([]byte(names), &spec.Default) // entries that are not strings are ignored
	}
	p.overlays = o
	if found := p.rows.Classes; found != nil {
		spec.Seen, spec.Truncated, spec.Colors, spec.Numbers = found.Seen, found.Truncated, found.Colors, found.Numbers
	} else if err := o.find(ctx, p, &spec, seen); err != nil {
		return err
	}
	o.found = Classes{spec.Seen, spec.Truncated, spec.Colors, spec.Numbers}
	classes := overlay.NewClasses(spec)
	o.noteMany(p.sink, classes)
	plan := overlay.NewPlan(o.fields, classes, conf.Masks, p.conf.Size)
	n := min(runtime.GOMAXPROCS(0), mostDrawers)
	o.smallRaster = int64(min(smallRaster, smallMemory/n))
	o.newOne = func(most int64) *overlay.Drawer { return plan.NewDrawer(o.load, p.decodeByPillow, most) }
	o.drawers = make(chan *overlay.Drawer, n)
	for range n {
		o.drawers <- o.newOne(o.smallRaster)
	}
	return o.writeClasses(p.sink, classes.Names())
}

// Found are the classes that Open has found, for other Makers of these rows: those of all rows, if Rows.AllClasses was set.
func (p *Maker) Found() *Classes {
	if p == nil || p.overlays == nil {
		return nil
	}
	return &p.overlays.found
}

// find searches the labels of the rows, and some of their masks, for classes.
func (o *overlays) find(ctx context.Context, p *Maker, spec *overlay.ClassSpec, seen []overlay.SeenField) error {
	if err := o.findClasses(ctx, p, spec, seen); err != nil {
		return err
	}
	return o.findValues(ctx, p.rows, spec)
}

// findClasses finds the classes of the labels: those of the first rows if these are few and do for now, else those of all.
func (o *overlays) findClasses(ctx context.Context, p *Maker, spec *overlay.ClassSpec, seen []overlay.SeenField) error {
	run := func(stages []bson.D, row func(bson.Raw)) error {
		err := p.rows.Source.Aggregate(ctx, p.rows.Query, stages, row)
		if err == nil && len(p.conf.Slices.Names) > 0 {
			err = p.rows.Source.Aggregate(ctx, p.rows.Query, append(p.sliceStages(), stages...), row)
		}
		return err
	}
	if !p.rows.AllClasses {
		var err error
		if o.sampled, err = spec.Sample(seen, p.conf.Overlays.Masks, run); o.sampled || err != nil {
			return err
		}
	}
	return spec.Survey(seen, p.conf.Overlays.Masks, run)
}

// addFields adds the label fields that are drawn, and gives what their classes are found by.
func (o *overlays) addFields(conf *Overlays, targets overlay.AllTargets, f *view.Fields) (spec overlay.ClassSpec, seen []overlay.SeenField) {
	for _, field := range conf.Fields {
		one := overlay.Field{Path: field.Path, Type: field.LabelType, Marks: conf.Marks[field.Path]}
		parts := one.DBPaths(conf.Masks)
		if len(parts) == 0 {
			continue
		}
		switch field.LabelType {
		case "Segmentation":
			one.Targets = targets.Of(field.Path)
			spec.Targets = append(spec.Targets, one.Targets)
		case "Heatmap":
			o.maps = append(o.maps, len(o.fields))
		}
		o.fields = append(o.fields, one)
		o.slots = append(o.slots, f.Slot(field.DBPath, parts...))
		o.dbPaths = append(o.dbPaths, field.DBPath)
		for _, part := range parts {
			o.parts = append(o.parts, field.DBPath+"."+part)
		}
		seen = append(seen, overlay.SeenField{Field: one, DBPath: field.DBPath})
	}
	return spec, seen
}

// How many masks are looked into, of a field without mask targets: a few, and more if these have colours or numbers beyond 255.
const (
	firstLook  = 20
	secondLook = 180
)

// findValues looks into the first masks of fields without mask targets for values that are to be classes.
func (o *overlays) findValues(ctx context.Context, rows Rows, spec *overlay.ClassSpec) error {
	for i, f := range o.fields {
		if f.Type != "Segmentation" || f.Targets != nil {
			continue
		}
		path, finder := o.dbPaths[i], overlay.NewFinder(o.load, o.second, overlay.MaxRaster)
		look := func(skip, limit int) error {
			return rows.Source.Aggregate(ctx, rows.Query, []bson.D{
				{{Key: "$match", Value: bson.D{{Key: path, Value: bson.D{{Key: "$type", Value: "object"}}}}}},
				{{Key: "$skip", Value: skip}},
				{{Key: "$limit", Value: limit}},
				{{Key: "$project", Value: bson.D{{Key: path, Value: 1}}}},
			}, func(row bson.Raw) { finder.Look(ctx, row.Lookup(strings.Split(path, ".")...)) })
		}
		err := look(0, firstLook)
		if err == nil && finder.Found() {
			err = look(firstLook, secondLook)
		}
		if err != nil {
			return err
		}
		finder.Add(spec)
	}
	return ctx.Err()
}

// noteMany warns of classes that share one.
func (o *overlays) noteMany(sink Sink, classes *overlay.Classes) {
	if n := classes.Crowded; n > 0 {
		sink.Note("many_classes", "%s classes share the class \"other\" in masks, because W&B's masks can hold 255 classes; the most frequent ones have their own.", words.Thousands(int64(n)))
	}
	if classes.Truncated {
		sink.Note("many_classes", "The labels have more than %s different classes: the rare ones share the class \"other\". Boxes still show their names.", words.Thousands(overlay.MaxClasses))
	}
}

// writeClasses writes the file that names the classes, one for all rows.
func (o *overlays) writeClasses(sink Sink, names []string) error {
	if o.names = names; len(names) == 0 {
		return nil // nothing has a class
	}
	content := table.Classes(names)
	sum := md5.Sum(content)
	o.classes = table.ClassesFile{
		Path:   "media/classes/" + hex.EncodeToString(sum[:]) + "_cls.classes.json",
		Digest: base64.StdEncoding.EncodeToString(sum[:]),
	}
	return sink.WriteFile(o.classes.Path, content)
}

// Classes are the names of the classes of what is drawn: class id i is Classes[i]. See table.Writer's SetClasses.
func (p *Maker) Classes() []string {
	if p == nil || p.overlays == nil {
		return nil
	}
	return p.overlays.names
}

// columns are the columns of heatmaps.
func (o *overlays) columns() (names []string) {
	if o != nil {
		for _, i := range o.maps {
			names = append(names, heatmapColumn+o.fields[i].Path)
		}
	}
	return names
}

// load reads the file of a mask. Paths are as FiftyOne takes them: relative ones start at the caller's directory,
// which is the worker's too.
func (o *overlays) load(path string, most int64) ([]byte, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok && o.home != "" {
		path = filepath.Join(o.home, rest)
	}
	data, err := localfile.ReadAll(path, min(most, largestFile))
	if errors.Is(err, localfile.ErrTooLarge) && most < largestFile {
		return nil, overlay.ErrLarge
	}
	return data, err
}

// drawRow draws the labels of the worker's row over its cells, and adds those of heatmaps.
func (w *worker) drawRow(ctx context.Context, cells Cells) (Cells, error) {
	o := w.p.overlays
	if o == nil {
		return cells, nil
	}
	values := make([]bson.RawValue, len(o.slots))
	for i, slot := range o.slots {
		values[i] = w.slots.Value(slot)
	}
	layers, err := w.draw(ctx, cells, values)
	if err != nil {
		return cells, err
	}
	for _, i := range o.maps {
		cell := Cell{}
		if layers.Heatmaps != nil && layers.Heatmaps[i] != nil {
			if cell, err = w.thumbCell(*layers.Heatmaps[i], thumb.Box{}); err != nil {
				return cells, err
			}
		}
		cells = append(cells, cell)
	}
	return cells, nil
}

// draw draws labels over the picture among the cells of one media file.
func (w *worker) draw(ctx context.Context, cells Cells, values []bson.RawValue) (overlay.Layers, error) {
	if w.p.overlays == nil {
		return overlay.Layers{}, nil
	}
	at, pic := -1, overlay.Picture{}
	for i, cell := range cells {
		if cell.image != nil {
			at, pic = i, overlay.Picture{Width: cell.shown.Width, Height: cell.shown.Height, Part: cell.shown.Crop}
		}
	}
	layers, err := w.layers(ctx, values, pic)
	if err != nil {
		return layers, err
	}
	if w.p.overlays.sampled && layers.Trouble&overlay.LateClass != 0 {
		return layers, ErrOtherClasses
	}
	if at >= 0 {
		if err := w.addLayers(&cells[at], layers); err != nil {
			return layers, err
		}
	}
	cells[0].trouble = layers.Trouble
	return layers, nil
}

// layers draws a row's labels. Where they have large masks, it draws them again when there is memory for those.
func (w *worker) layers(ctx context.Context, values []bson.RawValue, pic overlay.Picture) (overlay.Layers, error) {
	const each = 4 // bytes of a pixel's layer, with what is compressed of it
	var cost int64
	if pic.Width*pic.Height > mostLayers {
		cost = each * int64(pic.Width) * int64(pic.Height)
	}
	layers, crowded, err := w.layersWithin(ctx, values, pic, cost, w.p.overlays.smallRaster)
	if crowded {
		layers, _, err = w.layersWithin(ctx, values, pic, largestDecode, overlay.MaxRaster)
	}
	return layers, err
}

// layersWithin draws as soon as there is a drawer, and memory of the given cost. Crowded is whether masks were left
// out that have more than most bytes.
func (w *worker) layersWithin(ctx context.Context, values []bson.RawValue, pic overlay.Picture, cost, most int64) (layers overlay.Layers, crowded bool, err error) {
	o := w.p.overlays
	release, err := w.p.reserveMemory(ctx, cost)
	if err != nil {
		return layers, false, err
	}
	defer release()
	var drawer *overlay.Drawer
	select {
	case drawer = <-o.drawers:
	case <-ctx.Done():
		return layers, false, ctx.Err()
	}
	if most > o.smallRaster {
		layers = o.newOne(most).Draw(ctx, values, pic)
	} else {
		layers = drawer.Draw(ctx, values, pic)
		crowded = drawer.Crowded()
	}
	if drawer.Heavy() {
		drawer = o.newOne(o.smallRaster) // the other one holds on to its memory
	}
	o.drawers <- drawer
	return layers, crowded, ctx.Err()
}

// addLayers puts layers over a cell's picture, which other rows may have too.
func (w *worker) addLayers(cell *Cell, layers overlay.Layers) error {
	image := *cell.image
	cell.image = &image
	image.Boxes, image.Caption = layers.Boxes, layers.Caption
	for _, m := range layers.Masks {
		sum := sha256.Sum256(m.PNG)
		sha := hex.EncodeToString(sum[:])
		layer := table.MaskLayer{Key: m.Key, Path: "media/images/mask/" + sha[:20] + ".mask.png", SHA256: sha, ClassIDs: m.ClassIDs}
		if err := w.p.pack.Add(layer.Path, m.PNG); err != nil {
			return err
		}
		image.Masks = append(image.Masks, layer)
	}
	if len(image.Boxes)+len(image.Masks) > 0 {
		image.Classes = &w.p.overlays.classes
	}
	return nil
}
