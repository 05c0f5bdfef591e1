package thumb

import (
	"bytes"
	"image"
	"image/color"
	"math"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegscale"
)

// Version stands for the way in which thumbnails are made: it changes whenever the
// same file and options give other bytes than before, so that kept thumbnails of
// before are not taken.
const Version = "1"

// HeadSize is how many bytes of a file Known looks at.
const HeadSize = 16

// Known tells whether a file that begins so is of a kind that Make reads.
func Known(head []byte) bool {
	kind := sniff(head)
	_, ok := codecs[kind]
	return ok || kind == kindJPEG
}

// Cost gives about how many bytes of memory Make takes for a file, 0 for one that it
// refuses. It reads the file's head only.
func Cost(file []byte, o Options) (bytesOfMemory int64) {
	// The heads of these files are read by decoders that are not ours.
	defer func() {
		if recover() != nil {
			bytesOfMemory = 0
		}
	}()
	kind := sniff(file)
	if kind == kindJPEG {
		return costOfJPEG(file, o)
	}
	c, ok := codecs[kind]
	if !ok {
		return 0
	}
	conf, err := c.config(bytes.NewReader(file))
	if err != nil {
		return 0
	}
	g, err := plan(conf.Width, conf.Height, upright, o)
	if err != nil {
		return 0
	}
	return decodingCost(kind, conf, file) + planesCost(conf, &g)
}

// planesCost is how many bytes a decoded picture's planes take: they are smaller by as much as it is shrunk.
func planesCost(conf image.Config, g *geometry) int64 {
	factor := reduction(g.shrink())
	planes := int64(4)
	switch conf.ColorModel {
	case color.GrayModel, color.Gray16Model:
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

// decodingCost is how many bytes decoding takes at most. The size and colours that the head of a file tells are not
// all of it.
func decodingCost(kind fileKind, conf image.Config, file []byte) int64 {
	if max(conf.Width, conf.Height) > math.MaxInt32 {
		return math.MaxInt64
	}
	pixels, each := int64(conf.Width)*int64(conf.Height), bytesPerPixel(conf.ColorModel)
	if pixels > math.MaxInt64/64 {
		return math.MaxInt64
	}
	switch kind {
	case kindPNG:
		gray := conf.ColorModel == color.GrayModel || conf.ColorModel == color.Gray16Model
		if gray && pngChunk(file, "tRNS") != nil {
			each *= 4 // one grey is transparent, and the pixels have colour and opacity
		}
		if len(file) > interlaceByte && file[interlaceByte] != 0 {
			return pixels*each + pixels*each/2 // every second row is a picture of its own first
		}
	case kindWebP:
		if riffChunk(file, "VP8L") != nil {
			each = 8 // twice, where the colours are those of a palette
		}
	case kindTIFF:
		return pixels*each + blockCost(file, pixels, int64(conf.Width))
	}
	return pixels * each
}

// interlaceByte is where the head of a PNG tells whether it is interlaced.
const interlaceByte = 28

// blockCost is what the largest of the blocks that a TIFF consists of takes while it is decompressed. What it decompresses
// to may be larger than its pixels, up to eight bytes for each.
func blockCost(file []byte, pixels, width int64) int64 {
	const tagCompression, tagRows, tagTileWidth, tagTileHeight, none, most = 259, 278, 322, 323, 1, 8
	order, first, ok := tiffHeader(file)
	if !ok {
		return 0
	}
	tags, _ := readDirectory(file, order, first)
	if tags[tagCompression] == none {
		return 0 // it is not larger than the file
	}
	if tile := int64(tags[tagTileWidth]) * int64(tags[tagTileHeight]); tile > 0 {
		return most * min(tile, pixels)
	}
	if rows := int64(tags[tagRows]); rows > 0 {
		return most * min(rows*width, pixels)
	}
	return most * pixels
}

func costOfJPEG(file []byte, o Options) int64 {
	head, err := jpegscale.ReadHeader(file)
	if err != nil {
		return 0
	}
	g, err := plan(head.Width, head.Height, upright, o)
	if err != nil {
		return 0
	}
	const components, coefficient = 3, 2
	pixels := int64(head.Width) * int64(head.Height) * components
	scale := int64(decodeScale(g.shrink()))
	cost := pixels / (scale * scale)
	if head.Progressive {
		cost += pixels * coefficient
	}
	return cost
}
