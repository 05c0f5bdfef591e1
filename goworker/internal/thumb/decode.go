package thumb

import (
	"bufio"
	"context"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/tiff"
)

// configs read the size of a picture from the beginning of its file.
var configs = map[fileKind]func(io.Reader) (image.Config, error){
	kindJPEG: jpeg.DecodeConfig, kindPNG: png.DecodeConfig, kindGIF: gif.DecodeConfig, kindWebP: webp.DecodeConfig, kindBMP: bmp.DecodeConfig,
}

// Config reads the size of the picture in an image file, as it is stored, and the file's kind, such as
// "jpeg". Nothing else of the file is kept in memory.
func Config(file interface {
	io.Reader
	io.ReaderAt
}) (conf image.Config, format string, err error) {
	head := make([]byte, HeadSize)
	n, _ := file.ReadAt(head, 0) // a file that is shorter is an error, too
	kind := sniff(head[:n])
	defer recoverFrom(kind, &err)
	read := configs[kind]
	switch {
	case kind == kindTIFF: // whose description may stand at the end, and is read from where it is
		conf.Width, conf.Height, err = tiff.Size(file)
	case read != nil:
		conf, err = read(bufio.NewReader(file))
	default:
		return conf, "", errUnknown
	}
	if err != nil {
		return conf, "", ofCodec(kind, err)
	}
	return conf, strings.ToLower(string(kind)), nil
}

// Decode reads the pixels of an image file as they are stored, neither turned nor scaled: masks of
// labels are such files. Of the options only the limits count. A done context ends it soon, with
// the context's error.
func Decode(ctx context.Context, file []byte, limits Options) (image.Image, error) {
	limits = limits.filled()
	kind := sniff(file)
	if kind == kindJPEG {
		return decodeJPEG(ctx, file, limits)
	}
	p, err := inspect(kind, file)
	if err != nil {
		return nil, err
	}
	return p.within(ctx, limits)
}

// DecodeCost is how many bytes of memory Decode takes for a file at most, beside the file and
// [FixedCost]; 0 for one that it refuses.
func DecodeCost(file []byte, limits Options) int64 {
	limits = limits.filled()
	kind := sniff(file)
	if kind == kindJPEG {
		cost, _ := fullCost(file, limits)
		return cost
	}
	p, err := inspect(kind, file)
	if err != nil {
		return 0
	}
	return p.memory
}

// tooMuch is the error for a picture whose decoding takes more memory than is allowed.
func tooMuch(kind fileKind, width, height int) error {
	return fmt.Errorf("%w: %s of %d x %d pixels", ErrTooLarge, kind, width, height)
}
