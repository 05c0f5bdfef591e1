package thumb

import (
	"image"
	"image/color"
	"math"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegscale"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
)

// Version stands for the way in which thumbnails are made: it changes whenever the
// same file and options give other bytes than before, so that kept thumbnails of
// before are not taken.
const Version = "4"

// HeadSize is how many bytes of a file Known looks at.
const HeadSize = 16

// Known reports whether a file that begins so is of a kind that Make reads.
func Known(head []byte) bool {
	kind := sniff(head)
	return inspectors[kind] != nil || kind == kindJPEG
}

// Cost is how many bytes of memory Make takes for a file at most, beside the file and what a
// Thumbnailer takes for any ([FixedCost]); 0 for a file that it refuses. It reads the file's
// head, with the parsers by which the file is decoded.
func Cost(file []byte, o Options) (bytesOfMemory int64) {
	o = o.filled()
	kind := sniff(file)
	if kind == kindJPEG {
		return costOfJPEG(file, o)
	}
	p, err := inspect(kind, file)
	if err != nil {
		return 0
	}
	g, err := plan(p.size.Width, p.size.Height, p.turn, o)
	if err != nil {
		return 0
	}
	planes := planesCost(p.size, &g) + thumbCost(&g)
	if p.memory > math.MaxInt64-planes {
		return math.MaxInt64
	}
	return p.memory + planes
}

// FixedCost is more than what any thumbnail takes for tables, buffers of decoders and the like.
const FixedCost = 3 << 20

// thumbCost is what the thumbnail itself takes: its planes, as they are and as they are
// written, both as JPEG and as PNG, and the file.
func thumbCost(g *geometry) int64 {
	const each = 18
	return each * int64(g.width) * int64(g.height)
}

// planesCost is how many bytes a decoded picture's planes take: they are smaller by as much as it is shrunk.
func planesCost(conf image.Config, g *geometry) int64 {
	factor := reduction(g.shrink())
	planes := int64(4)
	switch conf.ColorModel {
	case color.GrayModel, color.Gray16Model, stretch.FloatModel:
		planes = 1
	case color.YCbCrModel:
		planes = 3
	}
	return planes * int64(ceilDiv(conf.Width, factor)) * int64(ceilDiv(conf.Height, factor))
}

// mostPlanes is how much memory planes may take where what is decoded may take so much: half of it again, and small ones
// always.
func mostPlanes(maxMemory int64) int64 {
	const small = 16 << 20
	return max(maxMemory/2, small)
}

func costOfJPEG(file []byte, o Options) int64 {
	exif := readExif(exifOfJPEG(file))
	cost := func(b []byte, turn orientation) int64 {
		head, err := jpegscale.ReadHeader(b)
		if err != nil {
			return 0
		}
		g, err := plan(head.Width, head.Height, turn, o)
		if err != nil {
			return 0
		}
		n, err := jpegscale.Cost(b, jpegOptions(head, &g, o))
		if err != nil {
			return 0
		}
		return n + thumbCost(&g)
	}
	// Which of the two is decoded is seen when it has been tried.
	return max(cost(file, exif.turn), cost(exif.preview, exif.previewTurn))
}
