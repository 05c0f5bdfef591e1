package overlay

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
)

// maxMaskPixels bounds the masks that are made: larger pictures have none.
const maxMaskPixels = 1 << 26

// lut gives the class ids of a segmentation's pixels.
type lut struct {
	low    [maskIDs]uint8
	high   map[uint32]uint8
	colors map[uint32]uint8
	// byColor is whether the targets are colours: then greys and a palette's indexes are not numbers.
	byColor bool
	other   uint8
}

func newLUT(t *Targets, c *Classes) *lut {
	l := &lut{other: uint8(c.other), high: map[uint32]uint8{}, colors: map[uint32]uint8{}}
	named := map[uint32]string{}
	if t == nil {
		for value := range uint32(maskIDs) {
			named[value] = strconv.Itoa(int(value))
		}
		for _, value := range c.numbers {
			named[value] = numberName(value)
		}
		for _, rgb := range c.colors {
			l.colors[rgb], _ = c.maskID([]byte(colorName(rgb)))
		}
	} else {
		l.byColor = len(t.colors) > 0
		maps.Copy(named, t.values)
		for rgb, name := range t.colors {
			if rgb > 0 {
				l.colors[rgb], _ = c.maskID([]byte(name))
			}
		}
	}
	for value := 1; value < maskIDs; value++ {
		l.low[value] = l.other
	}
	for value, name := range named {
		id, known := c.maskID([]byte(name))
		switch {
		case value == 0 || !known:
		case value < maskIDs:
			l.low[value] = id
		default:
			l.high[value] = id
		}
	}
	return l
}

// class is the class of a pixel with one value.
func (l *lut) class(value uint32) uint8 {
	if value < maskIDs {
		return l.low[value]
	}
	if id, ok := l.high[value]; ok {
		return id
	}
	return l.other
}

// color is the class of a pixel with a colour. One of grey counts as its value if there are no targets for
// colours.
func (l *lut) color(rgb uint32) uint8 {
	if rgb == 0 {
		return 0
	}
	if id, ok := l.colors[rgb]; ok {
		return id
	}
	if grey := rgb & 0xff; !l.byColor && rgb == grey*0x010101 {
		return l.low[grey]
	}
	return l.other
}

// object is an instance's mask or a polygon, to be painted when all of its field are known.
type object struct {
	class    uint8
	box      thumb.Box // in the picture that is shown
	raster   bson.RawValue
	path     string
	polygons [][]thumb.Point
}

// size is how much of the picture an object may cover.
func (o *object) size() float64 { return o.box.Width * o.box.Height }

// addObject notes a detection's mask.
func (d *Drawer) addObject(s *label.Shape) {
	o := object{raster: s.Raster, path: string(s.Path), box: thumb.Box{
		X: (s.Box[0] - d.part.X) / d.part.Width, Y: (s.Box[1] - d.part.Y) / d.part.Height,
		Width: s.Box[2] / d.part.Width, Height: s.Box[3] / d.part.Height,
	}}
	d.note(o, s.Class)
}

// addPolygon notes a polygon of one or more outlines.
func (d *Drawer) addPolygon(class []byte, points []label.Point, ends []int) {
	all := d.points(points)
	o := object{box: bounds(all)}
	start := 0
	for _, end := range ends {
		o.polygons = append(o.polygons, all[start:end])
		start = end
	}
	d.note(o, class)
}

func (d *Drawer) note(o object, class []byte) {
	var known bool
	// Masks have a background among their classes.
	if o.class, known = d.classes.maskID(class); !known || !d.classes.has(0) {
		d.out.Trouble |= LateClass
	}
	b := o.box
	if o.class > 0 && b.X < 1 && b.Y < 1 && b.X+b.Width > 0 && b.Y+b.Height > 0 {
		d.objects = append(d.objects, o)
	}
}

func bounds(points []thumb.Point) thumb.Box {
	b, far := thumb.Box{X: points[0].X, Y: points[0].Y}, points[0]
	for _, p := range points {
		b.X, b.Y = min(b.X, p.X), min(b.Y, p.Y)
		far.X, far.Y = max(far.X, p.X), max(far.Y, p.Y)
	}
	b.Width, b.Height = far.X-b.X, far.Y-b.Y
	return b
}

// paintObjects paints the objects of a field, the largest first, so that one in front of
// another is not hidden by it.
func (d *Drawer) paintObjects() {
	if len(d.objects) == 0 || !d.begin() {
		return
	}
	slices.SortStableFunc(d.objects, func(a, b object) int { return cmp.Compare(b.size(), a.size()) })
	for _, o := range d.objects {
		if o.polygons != nil {
			d.mask.FillPolygon(o.polygons, o.class)
			continue
		}
		if d.read(o.raster, o.path) {
			if err := d.mask.PaintInstance(d.raster.object(), o.box, o.class); err != nil {
				d.out.Trouble |= BadMask
			}
		}
	}
}

// begin makes an empty mask of the picture's size, unless there is one already. It is false where
// the picture is too large for one.
func (d *Drawer) begin() bool {
	if d.begun {
		return true
	}
	n := d.pic.Width * d.pic.Height
	if d.pic.Height < 1 || d.pic.Width > maxMaskPixels/d.pic.Height {
		d.out.Trouble |= BadMask
		return false
	}
	pix := slices.Grow(d.mask.Pix[:0], n)[:n]
	clear(pix)
	d.mask = thumb.Mask{Pix: pix, Width: d.pic.Width, Height: d.pic.Height}
	d.begun = true
	return true
}

// area draws a segmentation.
func (d *Drawer) area(i int, s *label.Shape) {
	if (s.Raster.Type == 0 && len(s.Path) == 0) || d.luts[i] == nil || d.mode == NoMasks || !d.read(s.Raster, string(s.Path)) || !d.begin() {
		return
	}
	r, w := &d.raster, d.mask.Width
	d.columns = d.columns[:0]
	for x := range w {
		d.columns = append(d.columns, source(x, w, d.part.X, d.part.Width, r.width))
	}
	for y := range d.mask.Height {
		r.classes(d.mask.Pix[y*w:][:w], d.columns, source(y, d.mask.Height, d.part.Y, d.part.Height, r.height), d.luts[i])
	}
}

// source is which of count places, spread over the sample's picture, lies at the centre of pixel i of n of
// the part that is shown.
func source(i, n int, from, length float64, count int) int {
	at := int((from + float64((float64(i)+0.5)/float64(n)*length)) * float64(count))
	return min(max(at, 0), count-1)
}

// maskLayer adds the mask that was painted, if there is anything in it.
func (d *Drawer) maskLayer(i int) {
	if !d.begun {
		return
	}
	var has [maskIDs]bool
	for _, v := range d.mask.Pix {
		has[v] = true
	}
	var ids []int
	for id, there := range has {
		if there {
			ids = append(ids, id)
		}
	}
	if len(ids) == 1 && has[0] {
		return
	}
	if other := d.classes.other; d.luts[i] != nil && other > 0 && has[other] {
		d.out.Trouble |= OtherValues
	}
	png, err := d.encoder.Encode(d.mask)
	if err != nil {
		d.out.Trouble |= BadMask
		return
	}
	d.out.Masks = append(d.out.Masks, Mask{Key: d.fields[i].Path, PNG: png, ClassIDs: ids})
}
