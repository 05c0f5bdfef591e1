package thumb

import (
	"bytes"

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
	return int64(conf.Width) * int64(conf.Height) * bytesPerPixel(conf.ColorModel)
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
