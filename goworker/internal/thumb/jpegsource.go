package thumb

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegscale"
)

// fromJPEG makes a thumbnail of a JPEG file, from its embedded preview if that
// will do.
func (t *Thumbnailer) fromJPEG(ctx context.Context, file []byte, o Options) (Thumb, error) {
	head, err := jpegscale.ReadHeader(file)
	if err != nil {
		return Thumb{}, ofJPEG(err)
	}
	exif := readExif(exifOfJPEG(file))
	if thumb, ok := t.fromPreview(ctx, head, exif, o); ok {
		return thumb, nil
	}
	return t.shrinkJPEG(ctx, file, head, exif.turn, o)
}

// shrinkJPEG makes a thumbnail of the JPEG itself.
func (t *Thumbnailer) shrinkJPEG(ctx context.Context, file []byte, head jpegscale.Header, turn orientation, o Options) (Thumb, error) {
	g, err := plan(head.Width, head.Height, turn, o)
	if err != nil {
		return Thumb{}, err
	}
	pic, err := t.jpeg.Decode(ctx, file, jpegOptions(head, &g, o))
	if err != nil {
		return Thumb{}, ofJPEG(err)
	}
	p := planar{color: pic.Color, planes: pic.Planes, width: pic.Width, height: pic.Height}
	return t.finish(&p, &g, o)
}

// jpegOptions are how a JPEG is decoded for a thumbnail.
func jpegOptions(head jpegscale.Header, g *geometry, o Options) jpegscale.Options {
	return jpegscale.Options{
		Scale:      decodeScale(g.shrink()),
		HalfChroma: head.Color == jpegscale.YCbCr && g.halfChroma(),
		MaxPixels:  o.MaxPixels, MaxMemory: o.MaxMemory,
	}
}

// decodeScale gives the scale to decode at for a picture that is to be shrunk by
// the given factor: the smallest that is at least as large as the thumbnail.
func decodeScale(shrink float64) int {
	for scale := 8; scale > 1; scale /= 2 {
		if shrink >= float64(scale) {
			return scale
		}
	}
	return 1
}

// sameShape is how much the aspect ratio of a preview may differ from its
// picture's. More than rounding means bars, or a preview of another crop.
const sameShape = 0.01

// fromPreview makes the thumbnail of the preview that a camera put into the file,
// if it shows all of the picture and is as large as the thumbnail shall be. One that is not
// smaller than its picture is not a preview.
func (t *Thumbnailer) fromPreview(ctx context.Context, head jpegscale.Header, exif exifData, o Options) (Thumb, bool) {
	if exif.preview == nil || o.Crop != (Box{}) || max(head.Width, head.Height) <= o.MaxSide {
		return Thumb{}, false
	}
	small, err := jpegscale.ReadHeader(exif.preview)
	if err != nil || max(small.Width, small.Height) < o.MaxSide || small.Width >= head.Width && small.Height >= head.Height {
		return Thumb{}, false
	}
	aspect := func(h jpegscale.Header) float64 { return float64(h.Width) / float64(h.Height) }
	if math.Abs(aspect(small)/aspect(head)-1) > sameShape {
		return Thumb{}, false
	}
	thumb, err := t.shrinkJPEG(ctx, exif.preview, small, exif.previewTurn, o)
	if err != nil {
		return Thumb{}, false
	}
	thumb.SourceWidth, thumb.SourceHeight = head.Width, head.Height
	if exif.turn.transposed() {
		thumb.SourceWidth, thumb.SourceHeight = head.Height, head.Width
	}
	return thumb, true
}

// ofJPEG gives a decoder's error as one of this package's kinds.
func ofJPEG(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	kind := ErrCorrupt
	switch {
	case errors.Is(err, jpegscale.ErrUnsupported):
		kind = ErrUnsupported
	case errors.Is(err, jpegscale.ErrTooLarge):
		kind = ErrTooLarge
	}
	return fmt.Errorf("%w: %w", kind, err)
}
