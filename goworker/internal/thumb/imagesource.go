package thumb

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
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

// sniff tells the kind of a file by its first bytes; names are not trusted.
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
	case bytes.HasPrefix(b, []byte("II*\x00")), bytes.HasPrefix(b, []byte("MM\x00*")):
		return kindTIFF
	case len(b) > 12 && string(b[4:8]) == "ftyp":
		return kindHEIF
	}
	return kindUnknown
}

// animated tells whether a WebP file's header says that it is animated.
func animated(webp []byte) bool {
	const flags, animation = 20, 0x02
	return len(webp) > flags && string(webp[12:16]) == "VP8X" && webp[flags]&animation != 0
}

// codec reads one kind of file.
type codec struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	exif   func([]byte) []byte
}

var codecs = map[fileKind]codec{
	kindPNG:  {png.DecodeConfig, png.Decode, exifOfPNG},
	kindGIF:  {gif.DecodeConfig, gif.Decode, nil},
	kindWebP: {webp.DecodeConfig, webp.Decode, exifOfWebP},
	kindBMP:  {bmp.DecodeConfig, bmp.Decode, nil},
	kindTIFF: {tiff.DecodeConfig, tiff.Decode, func(b []byte) []byte { return b }},
}

// fromImage makes a thumbnail of a file that is no JPEG.
func (t *Thumbnailer) fromImage(kind fileKind, file []byte, o Options) (Thumb, error) {
	c, ok := codecs[kind]
	switch {
	case kind == kindUnknown:
		return Thumb{}, fmt.Errorf("%w: it is no JPEG, PNG, GIF, WebP, BMP or TIFF file", ErrUnsupported)
	case !ok:
		return Thumb{}, fmt.Errorf("%w: %s", ErrUnsupported, kind)
	case kind == kindWebP && animated(file):
		return Thumb{}, fmt.Errorf("%w: an animated WebP", ErrUnsupported)
	}
	img, screen, err := decodeWithin(kind, c, file, o)
	if err != nil {
		return Thumb{}, err
	}
	turn := upright
	if c.exif != nil {
		turn = readExif(c.exif(file)).turn
	}
	g, err := plan(screen.Dx(), screen.Dy(), turn, o)
	if err != nil {
		return Thumb{}, err
	}
	size := image.Config{ColorModel: img.ColorModel(), Width: screen.Dx(), Height: screen.Dy()}
	if int64(size.Width)*int64(size.Height)*bytesPerPixel(size.ColorModel)+planesCost(size, &g) > o.MaxMemory+mostPlanes(o.MaxMemory) {
		return Thumb{}, fmt.Errorf("%w: %s, of which that much is shown", ErrTooLarge, kind)
	}
	p := t.toPlanes(img, screen, g.shrink())
	p.video = kind == kindWebP
	return t.finish(&p, &g, o)
}

// decodeWithin decodes a file whose size is within the limits. Screen is the whole
// picture; that of a GIF can be larger than its first frame.
func decodeWithin(kind fileKind, c codec, file []byte, o Options) (img image.Image, screen image.Rectangle, err error) {
	// These decoders are not ours, and a file that one of them stumbles over must
	// cost no more than its own thumbnail.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %s: %v", ErrCorrupt, kind, r)
		}
	}()
	conf, err := c.config(bytes.NewReader(file))
	if err != nil {
		return nil, screen, ofCodec(kind, err)
	}
	if conf.Width <= 0 || conf.Height <= 0 {
		return nil, screen, fmt.Errorf("%w: %s of %d x %d pixels", ErrCorrupt, kind, conf.Width, conf.Height)
	}
	pixels := int64(conf.Width) * int64(conf.Height)
	if max(conf.Width, conf.Height) > math.MaxInt32 || pixels > o.MaxPixels || decodingCost(kind, conf, file) > o.MaxMemory {
		return nil, screen, fmt.Errorf("%w: %s of %d x %d pixels", ErrTooLarge, kind, conf.Width, conf.Height)
	}
	img, err = c.decode(bytes.NewReader(file))
	if err != nil {
		return nil, screen, ofCodec(kind, err)
	}
	screen = image.Rect(0, 0, conf.Width, conf.Height)
	if kind != kindGIF {
		screen = img.Bounds()
	}
	return img, screen, nil
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
	var (
		pngKind  png.UnsupportedError
		tiffKind tiff.UnsupportedError
	)
	if errors.As(err, &pngKind) || errors.As(err, &tiffKind) || errors.Is(err, bmp.ErrUnsupported) {
		return fmt.Errorf("%w: %s: %w", ErrUnsupported, kind, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrCorrupt, kind, err)
}
