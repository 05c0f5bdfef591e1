package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumbcache"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// pictureWorker makes the pictures of one row after the other; several work at once.
type pictureWorker struct {
	p     *pictures
	slots *view.Slots
	last  *sourceFile // patches of one picture stand together
}

func (p *pictures) worker(f *fields) *pictureWorker {
	return &pictureWorker{p: p, slots: view.NewSlots(f.slots)}
}

// row makes a row's pictures. It is called for many rows at a time, in any order; the
// row's values are in w.slots, and what each cell shows is in its shown. Only what
// ends the job is an error.
func (w *pictureWorker) row(ctx context.Context, doc bson.Raw) (rowPictures, error) {
	w.slots.Load(doc)
	cells, err := w.cells(ctx)
	if err != nil {
		return nil, err
	}
	return w.draw(ctx, cells)
}

// cells makes the pictures themselves.
func (w *pictureWorker) cells(ctx context.Context) (rowPictures, error) {
	m := w.p.mediaOf(w.slots)
	switch w.p.conf.Mode {
	case PictureOriginal:
		cell, err := w.cell(w.original(ctx, m))
		return rowPictures{cell}, err
	case PictureReference:
		uri, err := w.reference(ctx, m.path)
		if err != nil {
			return nil, err
		}
		cell, err := w.cell(w.thumbnail(ctx, m))
		return rowPictures{{text: uri}, cell}, err
	}
	cell, err := w.cell(w.thumbnail(ctx, m))
	return rowPictures{cell}, err
}

// cell turns a reason for no picture into an empty cell.
func (w *pictureWorker) cell(c pictureCell, err error) (pictureCell, error) {
	var why *noPicture
	if errors.As(err, &why) {
		return pictureCell{why: why}, nil
	}
	return c, err
}

// thumbnail makes a cell of a small copy of a picture.
func (w *pictureWorker) thumbnail(ctx context.Context, m media) (pictureCell, error) {
	file, err := w.open(m.path)
	if err != nil {
		return pictureCell{}, err
	}
	small, err := w.p.shrink(ctx, file, thumb.Options{MaxSide: w.p.conf.Size, Crop: m.crop, MaxMemory: largestDecode})
	if err != nil {
		return pictureCell{}, err
	}
	return w.small(small, m.crop)
}

// small makes a cell of a picture of ours, which shows a part of another one.
func (w *pictureWorker) small(small thumb.Thumb, crop thumb.Box) (pictureCell, error) {
	sum := sha256.Sum256(small.Bytes)
	sha := hex.EncodeToString(sum[:])
	image := &table.Image{
		Path: "media/images/" + sha[:20] + "." + small.Format, SHA256: sha, Format: small.Format, Width: small.Width, Height: small.Height,
	}
	return pictureCell{image: image, shown: shown{
		Width: small.Width, Height: small.Height, SourceWidth: small.SourceWidth, SourceHeight: small.SourceHeight, Crop: crop,
	}}, w.p.pack.Add(image.Path, small.Bytes)
}

// shrink makes a thumbnail of a file, or takes one that was made before.
func (p *pictures) shrink(ctx context.Context, file *sourceFile, o thumb.Options) (thumb.Thumb, error) {
	wanted := fmt.Appendf(nil, "%s %d %v", thumb.Version, o.MaxSide, o.Crop)
	byState := thumbcache.KeyOf([]byte("state"), wanted, file.state)
	if kept, ok := p.kept(byState, file.state != nil); ok {
		return kept, nil
	}
	data, release, err := file.read(p)
	if err != nil {
		return thumb.Thumb{}, err
	}
	defer release()
	byContent := thumbcache.KeyOf([]byte("content"), wanted, file.sum[:])
	small, ok := p.kept(byContent, true)
	if !ok {
		if small, err = p.make(ctx, file, data, o); err != nil {
			return small, err
		}
		p.keep(byContent, small)
	}
	if p.cache != nil && file.state != nil {
		p.cache.Link(byState, byContent)
	}
	return small, nil
}

// make makes a thumbnail as soon as there is a thumbnailer and memory for it.
func (p *pictures) make(ctx context.Context, file *sourceFile, data []byte, o thumb.Options) (thumb.Thumb, error) {
	cost := thumb.Cost(data, o)
	if cost > p.small && !file.large {
		p.large.Lock()
		defer p.large.Unlock()
	}
	var maker *thumb.Thumbnailer
	select {
	case maker = <-p.makers:
	case <-ctx.Done():
		return thumb.Thumb{}, ctx.Err()
	}
	small, err := maker.Make(data, o)
	if cost > p.small {
		maker = &thumb.Thumbnailer{} // the other one holds on to its memory
	}
	p.makers <- maker
	p.c.decoded.Add(1)
	switch {
	case errors.Is(err, thumb.ErrTooLarge):
		return small, errTooLarge
	case errors.Is(err, thumb.ErrUnsupported) && !thumb.Known(data):
		return small, errNotImage
	case err != nil:
		return small, errUnreadable
	}
	return small, nil
}

// sourceFile is a media file that pictures are made of.
type sourceFile struct {
	path  string
	info  os.FileInfo
	state []byte // see thumbcache.FileState
	err   error  // why it is of no use

	data  []byte            // once it was read and is not large
	large bool              // while the lane of the large ones is held for it
	sum   [sha256.Size]byte // of its content, once it was read
	// original is its cell in the mode original.
	original *pictureCell
}

// open looks at a file without reading it.
func (w *pictureWorker) open(path string) (*sourceFile, error) {
	if w.last == nil || w.last.path != path {
		w.last = &sourceFile{path: path}
		w.last.look()
	}
	return w.last, w.last.err
}
