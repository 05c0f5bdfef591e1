package picture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"runtime"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

func (p *Maker) newWorker() *worker {
	return &worker{p: p, slots: view.NewSlots(p.rows.Fields.Slots), slice: view.NewSlots(p.slicePaths())}
}

// options are how the thumbnail of a picture is made.
func (p *Maker) options(m media) thumb.Options {
	return thumb.Options{MaxSide: p.conf.Size, Quality: thumbnailQuality, Crop: m.crop, MaxMemory: largestDecode, Range: p.conf.Range}
}

// thumbCell makes a cell of a picture that we made, which shows a part of another one.
func (w *worker) thumbCell(small thumb.Thumb, crop thumb.Box) (Cell, error) {
	sum := sha256.Sum256(small.Bytes)
	sha := hex.EncodeToString(sum[:])
	image := &table.Image{
		Path: "media/images/" + sha[:20] + "." + small.Format, SHA256: sha, Format: small.Format, Width: small.Width, Height: small.Height,
	}
	return Cell{image: image, stretched: small.Stretched, given: small.Given, shown: placement{
		Width: small.Width, Height: small.Height, SourceWidth: small.SourceWidth, SourceHeight: small.SourceHeight, Crop: crop,
	}}, w.p.pack.Add(image.Path, small.Bytes)
}

// thumbnailQuality is that of JPEG: between Pillow's usual 75 and what would be seen.
const thumbnailQuality = 80

// reserveMemory waits until there is memory for decoding something, which release gives back.
func (p *Maker) reserveMemory(ctx context.Context, cost int64) (release func(), err error) {
	cost = min(max(cost, 0), largestDecode)
	if err := p.memory.Acquire(ctx, cost); err != nil {
		return nil, err
	}
	release = func() {
		if cost > largestDecode/4 {
			runtime.GC() // collect now, or the next decode's buffers come on top of this garbage
		}
		p.memory.Release(cost)
	}
	if err := ctx.Err(); err != nil { // there was memory at once
		release()
		return nil, err
	}
	return release, nil
}

// thumbnailer waits for a thumbnailer, which is the right to use a core, too. It goes back to thumbnailers.
func (p *Maker) acquireThumbnailer(ctx context.Context) (*thumb.Thumbnailer, error) {
	select {
	case thumbnailer := <-p.thumbnailers:
		return thumbnailer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// makeWithMemory is thumbnail for a caller that holds the memory already.
func (p *Maker) makeWithMemory(ctx context.Context, data []byte, cost int64, o thumb.Options) (thumb.Thumb, error) {
	thumbnailer, err := p.acquireThumbnailer(ctx)
	if err != nil {
		return thumb.Thumb{}, err
	}
	small, err := thumbnailer.Make(ctx, data, o)
	if cost > p.smallFile {
		thumbnailer = &thumb.Thumbnailer{} // the other one holds on to its memory
	}
	p.thumbnailers <- thumbnailer
	p.made.Add(1)
	switch {
	case ctx.Err() != nil:
		return small, ctx.Err()
	case errors.Is(err, thumb.ErrTooLarge):
		return small, errTooLarge
	case errors.Is(err, thumb.ErrUnsupported) && !thumb.Known(data):
		return small, errNotImage
	case err != nil:
		return small, errUnreadable
	}
	return small, nil
}

// close closes the file that is open.
func (w *worker) close() { w.last.close() }

// open looks at a file without reading it.
func (w *worker) open(path string) (*sourceFile, error) {
	if w.last == nil || w.last.path != path {
		w.close()
		w.last = &sourceFile{path: path}
		w.last.look()
	}
	return w.last, w.last.err
}
