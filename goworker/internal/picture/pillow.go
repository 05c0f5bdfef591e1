package picture

import (
	"context"
	"errors"
	"image"
	"log/slog"
	"math"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/jpegscale"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pillow"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
)

// notePillow says why Pillow was of no use, if it was needed.
func (p *Maker) notePillow() {
	if why := p.pillow.Why(); why != "" {
		p.sink.Note("no_pillow", "Pictures and masks that the worker's own decoders do not read could not be given to Pillow: %s. "+
			"Check that the Python of FiftyOne can import PIL.", why)
	}
}

// handOn reports whether another decoder may read what one of the worker's own failed to read.
func handOn(err error) bool { return errors.Is(err, errUnreadable) || errors.Is(err, errNotImage) }

// pillowLimits are those of the worker's own decoders, within so many bytes.
func pillowLimits(most int64) pillow.Limits {
	return pillow.Limits{Pixels: jpegscale.DefaultMaxPixels, Bytes: most}
}

// makeByPillow makes a thumbnail of a file for which make has only an error.
//
// Pillow is asked twice, so that nobody waits for memory while others wait for Pillow: first how large the picture
// is and then, when there is room for it, for its pixels.
func (p *Maker) makeByPillow(ctx context.Context, data []byte, o thumb.Options, first error) (thumb.Thumb, error) {
	info, err := p.pillow.Describe(ctx, data, pillowLimits(largestDecode))
	if err != nil {
		return thumb.Thumb{}, ofPillow(ctx, err, first)
	}
	release, err := p.reserveMemory(ctx, info.Bytes+thumb.CostOf(info.Config, info.Turn, o))
	if err != nil {
		return thumb.Thumb{}, err
	}
	defer release()
	picture, err := p.pillow.Decode(ctx, data, pillowLimits(info.Bytes))
	if err != nil {
		return thumb.Thumb{}, ofPillow(ctx, err, first)
	}
	thumbnailer, err := p.acquireThumbnailer(ctx)
	if err != nil {
		return thumb.Thumb{}, err
	}
	o.Lossy = o.Lossy || pillow.Lossy(data)
	small, err := thumbnailer.MakeOf(picture.Image, picture.Turn, o)
	if info.Bytes > p.smallFile {
		thumbnailer = &thumb.Thumbnailer{} // the other one holds on to its memory
	}
	p.thumbnailers <- thumbnailer
	switch {
	case errors.Is(err, thumb.ErrTooLarge):
		return small, errTooLarge
	case err != nil:
		return small, errUnreadable
	}
	return small, nil
}

// checkByPillow opens a file as the wandb package will. Where there is no Pillow, the error is the worker's own decoder's.
func (p *Maker) checkByPillow(ctx context.Context, data []byte, own error) (pillow.Info, error) {
	info, err := p.pillow.Check(ctx, data, pillow.Limits{Pixels: mostOpened, Bytes: math.MaxInt64})
	switch {
	case ctx.Err() != nil:
		return info, ctx.Err()
	case errors.Is(err, pillow.ErrUnavailable):
		return info, own
	case errors.Is(err, pillow.ErrTooLarge):
		return info, errTooLarge
	case err != nil:
		slog.Debug("the wandb package would not open it", "reason", err)
		return info, errNotOpened
	}
	return info, nil
}

// sizeByPillow reads the size of the upright picture in a file of a kind that Pillow alone reads.
func (p *Maker) sizeByPillow(ctx context.Context, file *sourceFile) (width, height int, err error) {
	data, release, err := file.read(ctx, p)
	if err != nil {
		return 0, 0, err
	}
	defer release()
	if !pillow.Known(data) {
		return 0, 0, errNotImage
	}
	info, err := p.checkByPillow(ctx, data, errNotImage)
	if err != nil {
		return 0, 0, err
	}
	const transposed = 5 // and above: the picture is stored on its side
	if info.Turn >= transposed {
		return info.Height, info.Width, nil
	}
	return info.Width, info.Height, nil
}

// ofPillow is why there is no picture: first is what the worker's own decoder found, which counts where Pillow
// knows no better.
func ofPillow(ctx context.Context, err, first error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	slog.Debug("not decoded by Pillow", "reason", err)
	switch {
	case errors.Is(err, pillow.ErrTooLarge):
		return errTooLarge
	case errors.Is(err, pillow.ErrCorrupt):
		return errUnreadable
	}
	return first
}

// decodeByPillow decodes the file of a mask or a map, for which the caller has memory. Errors are of package thumb's kinds.
func (p *Maker) decodeByPillow(ctx context.Context, data []byte, most int64) (image.Image, error) {
	picture, err := p.pillow.Decode(ctx, data, pillowLimits(most))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, pillow.ErrTooLarge):
		return nil, thumb.ErrTooLarge
	case err != nil:
		slog.Debug("not decoded by Pillow", "reason", err)
		return nil, thumb.ErrUnsupported
	}
	return picture.Image, nil
}

// mostOpened is how many pixels the wandb package opens: Pillow refuses twice the number at which it warns.
const mostOpened = 2 * 89_478_485
