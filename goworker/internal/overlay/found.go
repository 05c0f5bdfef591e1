package overlay

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/label"
)

// Finder looks into segmentations without mask targets for what their numbers below 256 do not say: colours, and larger
// numbers. Each becomes a class that is called by its colour or number.
type Finder struct {
	drawer  *Drawer
	shaper  *label.Shaper
	colors  map[uint32]int64 // in how many masks, by 0xRRGGBB
	numbers map[uint32]int64
}

// NewFinder makes a Finder, which reads masks as a Drawer does.
func NewFinder(load Load, second Second, most int64) *Finder {
	return &Finder{
		drawer: NewPlan(nil, nil, OwnMasks, 0).NewDrawer(load, second, most), shaper: label.NewShaper("Segmentation"),
		colors: map[uint32]int64{}, numbers: map[uint32]int64{},
	}
}

// Look looks into one label. What cannot be read is left out, as is everything once ctx has ended.
func (f *Finder) Look(ctx context.Context, value bson.RawValue) {
	f.drawer.ctx = ctx
	defer func() { f.drawer.ctx = nil }()
	f.shaper.Each(value, func(s *label.Shape) {
		if (s.Raster.Type == 0 && len(s.Path) == 0) || !f.drawer.read(s.Raster, string(s.Path)) {
			return
		}
		r := &f.drawer.raster
		switch {
		case r.channels > 1:
			count(f.colors, len(r.bytes)/r.channels, func(i int) uint32 {
				p := r.bytes[i*r.channels:][:3]
				if p[0] == p[1] && p[1] == p[2] {
					return 0 // grey counts as its value
				}
				return uint32(p[0])<<16 | uint32(p[1])<<8 | uint32(p[2])
			})
		case len(r.wide) > 0:
			count(f.numbers, len(r.wide), func(i int) uint32 {
				if v := r.wide[i]; v >= maskIDs && v < 1<<31 {
					return uint32(v)
				}
				return 0
			})
		}
	})
}

// count counts the values of a mask's n pixels once; 0 is none.
func count(counts map[uint32]int64, n int, at func(i int) uint32) {
	in, last := map[uint32]bool{}, uint32(0)
	for i := range n {
		v := at(i)
		if v == last || v == 0 || in[v] {
			continue
		}
		last = v
		if _, known := counts[v]; known || len(counts)+len(in) < MaxClasses {
			in[v] = true
		}
	}
	for v := range in {
		counts[v]++
	}
}

// Found reports whether there is anything that the masks' numbers below 256 do not say.
func (f *Finder) Found() bool { return len(f.colors)+len(f.numbers) > 0 }

// Add makes classes of what was found.
func (f *Finder) Add(s *ClassSpec) {
	for _, rgb := range slices.Sorted(maps.Keys(f.colors)) {
		s.Colors = append(s.Colors, rgb)
		s.Seen = append(s.Seen, Seen{Name: colorName(rgb), Rows: f.colors[rgb], Masks: f.colors[rgb]})
	}
	for _, n := range slices.Sorted(maps.Keys(f.numbers)) {
		s.Numbers = append(s.Numbers, n)
		s.Seen = append(s.Seen, Seen{Name: numberName(n), Rows: f.numbers[n], Masks: f.numbers[n]})
	}
}

// colorName is how mask targets write a colour.
func colorName(rgb uint32) string { return fmt.Sprintf("#%06x", rgb) }

func numberName(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
