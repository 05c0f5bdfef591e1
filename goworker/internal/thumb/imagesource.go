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
	g, err := plan(screen.Dx(), screen.Dy(), p.turn, o)
	if err != nil {
		return Thumb{}, err
	}
	size := image.Config{ColorModel: img.ColorModel(), Width: screen.Dx(), Height: screen.Dy()}
	if areaTimes(size, bytesPerPixel(size.ColorModel))+planesCost(size, &g) > o.MaxMemory+mostPlanes(o.MaxMemory) {
		return Thumb{}, fmt.Errorf("%w: %s, of which that much is shown", ErrTooLarge, kind)
	}
	planes := t.toPlanes(img, screen, g.shrink(), o.Range)
	planes.video, planes.exact = kind == kindWebP, !lossy(img)
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
