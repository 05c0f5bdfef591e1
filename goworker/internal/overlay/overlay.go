// Package overlay turns the labels of a row, as raw BSON, into what W&B draws over its picture:
// layers of boxes and of masks, a caption, and heatmaps, which are pictures of their own. It does no I/O.
package overlay

import (
	"context"
	"errors"
	"image"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/npy"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
)

// MaskMode says what is drawn as masks.
type MaskMode uint8

// The modes.
const (
	// OwnMasks draws the masks that labels have: of instances, segmentations, filled polylines.
	OwnMasks MaskMode = iota
	// AllMasks draws turned boxes and closed polylines as masks too, instead of the boxes around them.
	AllMasks
	// NoMasks draws boxes only, and needs no masks from the database.
	NoMasks
)

// Field is a label field that is drawn.
type Field struct {
	// Path is its name, which is that of its layers too.
	Path string
	// Type is its label class in FiftyOne's schema, such as "Detections".
	Type string
	// Targets are the names of a segmentation's classes; nil if it has none.
	Targets *Targets
	// Marks are the keys of evaluations of which the captions of boxes say what they made of each label, such as "TP".
	Marks []string
}

// kinds of fields that matter here.
func (f Field) isArea() bool { return f.Type == "Segmentation" }
func (f Field) isMap() bool  { return f.Type == "Heatmap" }

// DBPaths lists what is needed of the field below its path; nothing if it is not drawn.
func (f Field) DBPaths(mode MaskMode) []string {
	if mode == NoMasks && f.isArea() {
		return nil
	}
	return label.ShapePaths(f.Type, mode != NoMasks || f.isMap(), f.Marks...)
}

// Plan is what is drawn of the rows of a table. It may be used by any number of goroutines.
type Plan struct {
	fields  []Field
	classes *Classes
	mode    MaskMode
	mapSide int
	luts    []*lut // of fields that are segmentations
}

// NewPlan makes a plan. Heatmaps are made with a longest side of mapSide.
func NewPlan(fields []Field, classes *Classes, mode MaskMode, mapSide int) *Plan {
	p := &Plan{fields: fields, classes: classes, mode: mode, mapSide: mapSide, luts: make([]*lut, len(fields))}
	for i, f := range fields {
		if f.isArea() {
			p.luts[i] = newLUT(f.Targets, classes)
		}
	}
	return p
}

// Picture is what the labels of a row are drawn over.
type Picture struct {
	// Width and Height are in pixels. Where there is no picture they are 0: only the caption and the
	// heatmaps are made then.
	Width, Height int
	// Part is the part of the sample's picture that it shows; an empty one means all of it.
	Part thumb.Box
}

// Trouble is a set of things that were not drawn.
type Trouble uint16

// The troubles.
const (
	// BadPosition: a label's position is not a number, or its size is negative.
	BadPosition Trouble = 1 << iota
	// NoFile: the file of a mask or a map cannot be read.
	NoFile
	// BadMask: a mask or a map is damaged, too large or of a kind that is not known.
	BadMask
	// LateClass: a class that is not among those that were found before the first row.
	LateClass
	// OtherValues: a mask has pixels that the mask targets do not name.
	OtherValues
	// InPixels: a label's position is that far outside of the picture that it looks like one in pixels.
	InPixels
	// OutOfPicture: a label is outside of the picture, or a part of it is.
	OutOfPicture
	// Given: a mask or a map is drawn that the second decoder read.
	Given
)

// Layers are what is drawn over one picture.
type Layers struct {
	Boxes []table.BoxLayer
	Masks []Mask
	// Caption names the classifications.
	Caption string
	// Heatmaps are as many as the plan's fields, nil for those that are not heatmaps.
	Heatmaps []*thumb.Thumb
	Trouble  Trouble
}

// Mask is a layer of a mask.
type Mask struct {
	Key string
	// PNG is the mask's file.
	PNG []byte
	// ClassIDs are the ids in it.
	ClassIDs []int
}

// Load reads the file of a mask or a map, of at most so many bytes. Of a larger one it gives ErrLarge.
type Load func(path string, most int64) ([]byte, error)

// Second decodes an image file that package thumb does not read or finds damaged, into at most so many bytes. Its errors
// are those of package thumb.
type Second func(ctx context.Context, file []byte, most int64) (image.Image, error)

// ErrLarge is the error for a file that is larger than was asked for.
var ErrLarge = errors.New("the file is larger than was asked for")

// Drawer draws rows one after the other. It uses its memory again, so every goroutine needs its own.
type Drawer struct {
	*Plan
	load    Load
	second  Second
	most    int64 // of a raster's bytes
	crowded bool
	shapers []*label.Shaper
	arrays  *npy.Decoder
	heat    thumb.Thumbnailer
	encoder thumb.MaskEncoder

	// Of the row that is drawn.
	ctx     context.Context
	pic     Picture
	part    thumb.Box
	out     Layers
	text    []byte
	boxes   []box
	caption []byte

	// Of the mask that is drawn.
	mask    thumb.Mask
	begun   bool // the mask has the picture's size
	objects []object
	columns []int
	raster  raster
	decoded int // bytes of the largest array
}

// MaxRaster bounds the bytes of a mask or a map.
const MaxRaster = 1 << 27

// NewDrawer makes a Drawer that reads masks and maps of at most so many bytes, compressed or not; see Crowded. There need not
// be a second decoder.
func (p *Plan) NewDrawer(load Load, second Second, most int64) *Drawer {
	most = min(most, MaxRaster)
	d := &Drawer{Plan: p, load: load, second: second, most: most, arrays: npy.NewDecoder(most)}
	for _, f := range p.fields {
		d.shapers = append(d.shapers, label.NewMarkingShaper(f.Type, f.Marks))
	}
	return d
}

// Heavy reports whether the memory that is used again has grown beyond what small pictures need.
func (d *Drawer) Heavy() bool {
	const most = 4 << 20
	return cap(d.mask.Pix)+cap(d.raster.scratch)+cap(d.raster.bytes)+4*cap(d.raster.wide)+d.decoded > most
}

// Crowded reports whether something of the last row was left out that a drawer for MaxRaster may draw.
func (d *Drawer) Crowded() bool { return d.crowded }

// Draw draws the labels of a row: values are those of the plan's fields. The result is the caller's.
// A done context ends the decoding of masks and maps soon; what is drawn then is not complete.
func (d *Drawer) Draw(ctx context.Context, values []bson.RawValue, pic Picture) Layers {
	d.ctx, d.pic, d.part, d.out, d.crowded = ctx, pic, pic.Part, Layers{}, false
	if !(d.part.Width > 0 && d.part.Height > 0) {
		d.part = thumb.Box{Width: 1, Height: 1}
	}
	d.caption = d.caption[:0]
	for i := range d.fields {
		if ctx.Err() != nil {
			break
		}
		d.field(i, values[i])
	}
	d.ctx = nil
	d.out.Caption = string(d.caption)
	return d.out
}

// field draws one field's labels.
func (d *Drawer) field(i int, value bson.RawValue) {
	d.boxes, d.text, d.objects, d.begun = d.boxes[:0], d.text[:0], d.objects[:0], false
	words := 0
	d.shapers[i].Each(value, func(s *label.Shape) {
		if d.pic.Width < 1 && s.Kind != label.Map && s.Kind != label.Word {
			return
		}
		if s.Broken {
			d.out.Trouble |= BadPosition
			return
		}
		d.out.Trouble |= misplaced(s)
		switch s.Kind {
		case label.Rectangle:
			d.rectangle(s)
		case label.Outline:
			d.outline(s)
		case label.Dots:
			d.dots(s)
		case label.Area:
			d.area(i, s)
		case label.Map:
			d.heatmap(i, s)
		case label.Word:
			d.word(i, words, s)
			words++
		}
	})
	if layer := d.boxLayer(); layer != nil {
		d.out.Boxes = append(d.out.Boxes, table.BoxLayer{Key: d.fields[i].Path, Boxes: layer})
	}
	d.paintObjects()
	d.maskLayer(i)
}
