package thumb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"golang.org/x/image/bmp"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/tiff"
)

// fileKind is a kind of image file.
type fileKind string

const (
	kindUnknown fileKind = ""
	kindJPEG    fileKind = "JPEG"
	kindPNG     fileKind = "PNG"
	kindGIF     fileKind = "GIF"
	kindWebP    fileKind = "WebP"
	kindBMP     fileKind = "BMP"
	kindTIFF    fileKind = "TIFF"
	kindHEIF    fileKind = "HEIF or AVIF"
)

// sniff gives the kind of a file by its first bytes; names are not trusted.
func sniff(b []byte) fileKind {
	switch {
	case bytes.HasPrefix(b, []byte("\xFF\xD8")):
		return kindJPEG
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return kindPNG
	case bytes.HasPrefix(b, []byte("GIF8")):
		return kindGIF
	case len(b) > 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return kindWebP
	case bytes.HasPrefix(b, []byte("BM")):
		return kindBMP
	case bytes.HasPrefix(b, []byte("II*\x00")), bytes.HasPrefix(b, []byte("MM\x00*")),
		bytes.HasPrefix(b, []byte("II+\x00")), bytes.HasPrefix(b, []byte("MM\x00+")): // BigTIFF
		return kindTIFF
	case len(b) > 12 && string(b[4:8]) == "ftyp":
		return kindHEIF
	}
	return kindUnknown
}

// animated reports whether a WebP file's header says that it is animated.
func animated(webp []byte) bool {
	const flags, animation = 20, 0x02
	return len(webp) > flags && string(webp[12:16]) == "VP8X" && webp[flags]&animation != 0
}

// fromImage makes a thumbnail of a file that is not a JPEG.
func (t *Thumbnailer) fromImage(ctx context.Context, kind fileKind, file []byte, o Options) (Thumb, error) {
	p, err := inspect(kind, file)
	if err != nil {
		return Thumb{}, err
	}
	img, err := p.within(ctx, o)
	if err != nil {
		return Thumb{}, err
	}
	screen := img.Bounds()
	if kind == kindGIF {
		screen = image.Rect(0, 0, p.size.Width, p.size.Height)
	}
	return t.ofImage(img, screen, p.turn, kind, o)
}

// MakeOf makes a thumbnail of a picture that another decoder gave, which is stored as Exif's orientation turn says
// (1: upright). Of the options, MaxPixels does not count.
func (t *Thumbnailer) MakeOf(img image.Image, turn int, o Options) (Thumb, error) {
	small, err := t.ofImage(img, img.Bounds(), asOrientation(uint32(turn), upright), kindUnknown, o.filled()) //nolint:gosec // checked there
	small.Given = true
	return small, err
}

// ofImage makes a thumbnail of a decoded picture, which lies on a screen that may be larger.
func (t *Thumbnailer) ofImage(img image.Image, screen image.Rectangle, turn orientation, kind fileKind, o Options) (Thumb, error) {
	g, err := plan(screen.Dx(), screen.Dy(), turn, o)
	if err != nil {
		return Thumb{}, err
	}
	size := image.Config{ColorModel: img.ColorModel(), Width: screen.Dx(), Height: screen.Dy()}
	if areaTimes(size, bytesPerPixel(size.ColorModel))+planesCost(size, &g) > o.MaxMemory+mostPlanes(o.MaxMemory) {
		return Thumb{}, fmt.Errorf("%w: %s, of which that much is shown", ErrTooLarge, kind)
	}
	planes := t.toPlanes(img, screen, g.shrink(), o.Range)
	planes.video, planes.exact = kind == kindWebP, !o.Lossy && !lossy(img)
	return t.finish(&planes, &g, o)
}

// lossy reports whether an image was decoded from the lossy form of WebP, the only lossy kind here.
func lossy(img image.Image) bool {
	switch img.(type) {
	case *image.YCbCr, *image.NYCbCrA:
		return true
	}
	return false
}

// CostOf is how many bytes of memory MakeOf takes at most for a picture of a size and colour model, beside the picture
// and [FixedCost]; 0 for one that it refuses.
func CostOf(size image.Config, turn int, o Options) int64 {
	g, err := plan(size.Width, size.Height, asOrientation(uint32(turn), upright), o.filled()) //nolint:gosec // checked there
	if err != nil {
		return 0
	}
	return planesCost(size, &g) + thumbCost(&g)
}

// bytesPerPixel is what a decoded picture of a colour model takes.
func bytesPerPixel(m color.Model) int64 {
	switch m {
	case color.GrayModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.YCbCrModel:
		return 3
	case stretch.FloatModel:
		return 4
	case color.RGBAModel, color.NRGBAModel, color.CMYKModel:
		return 4
	}
	if _, ok := m.(color.Palette); ok {
		return 1
	}
	return 8
}

// ofCodec gives a decoder's error as one of this package's kinds.
func ofCodec(kind fileKind, err error) error {
	if errors.Is(err, ErrUnsupported) {
		return err
	}
	var pngKind png.UnsupportedError
	if errors.As(err, &pngKind) || errors.Is(err, tiff.ErrUnsupported) || errors.Is(err, bmp.ErrUnsupported) {
		return fmt.Errorf("%w: %s: %w", ErrUnsupported, kind, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrCorrupt, kind, err)
}
