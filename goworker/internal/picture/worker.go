package picture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"runtime"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// worker makes the pictures of one row after the other; several work at once.
type worker struct {
	p     *Maker
	slots *view.Slots
	slice *view.Slots // of a document of another slice
	last  *sourceFile // patches of one picture stand together
	taken *takenFrame // what the next row shows of a video, where that has been made
}

func (p *Maker) newWorker() *worker {
	return &worker{p: p, slots: view.NewSlots(p.rows.Fields.Slots), slice: view.NewSlots(p.slicePaths())}
}

// row makes a row's pictures. It is called for many rows at a time, in any order; the
// row's values are in w.slots, and what each cell shows is in its shown. Only what
// ends the job is an error.
func (w *worker) row(ctx context.Context, doc bson.Raw) (Cells, error) {
	w.slots.Load(doc)
	m := w.p.slots.of(w.slots)
	m.taken = w.taken
	cells, err := w.cells(ctx, nil, m)
	if err != nil {
		return nil, err
	}
	if cells, err = w.drawRow(ctx, cells); err != nil {
		return nil, err
	}
	for _, m := range w.p.slicesOf(w.slots, w.slice) {
		if m.path == "" { // the group lacks this slice
			cells = append(cells, make(Cells, w.p.perMedia())...)
			continue
		}
		first := len(cells)
		if cells, err = w.cells(ctx, cells, m); err != nil {
			return nil, err
		}
		if _, err := w.draw(ctx, cells[first:], m.labels); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

// perMedia is how many cells there are for one media file.
func (p *Maker) perMedia() int {
	if p.conf.Mode == Reference {
		return 2
	}
	return 1
}

// cells adds the cells of one media file.
func (w *worker) cells(ctx context.Context, cells Cells, m media) (Cells, error) {
	switch w.p.conf.Mode {
	case Original:
		cell, err := w.cell(w.original(ctx, m))
		return append(cells, cell), err
	case Reference:
		uri, err := w.reference(ctx, m.path)
		if err != nil {
			return nil, err
		}
		cells = append(cells, Cell{text: uri})
	}
	cell, err := w.cell(w.thumbnail(ctx, m))
	return append(cells, cell), err
}

// cell turns a reason for no picture into an empty cell.
func (w *worker) cell(c Cell, err error) (Cell, error) {
	var why *noPicture
	if errors.As(err, &why) {
		return Cell{why: why}, nil
	}
	return c, err
}

// thumbnail makes a cell of a small copy of a picture.
func (w *worker) thumbnail(ctx context.Context, m media) (Cell, error) {
	if m.badCrop {
		return Cell{}, errNoCrop
	}
	o := w.p.options(m)
	small, ok := w.smaller(ctx, m, o)
	if !ok {
		path := m.path
		if m.projection != "" {
			path = m.projection
		}
		file, err := w.open(path)
		if err != nil {
			return Cell{}, err
		}
		if small, err = w.p.shrink(ctx, file, m, o); err != nil {
			return Cell{}, err
		}
	}
	return w.thumbCell(small, m.crop)
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

// sameShape is by how much the aspect of a smaller copy may differ from the picture's:
// more means that it shows another part of it.
const sameShape = 0.02

// smaller makes the thumbnail of the dataset's own smaller copy of a picture, if that is
// large enough and shows all of it.
func (w *worker) smaller(ctx context.Context, m media, o thumb.Options) (thumb.Thumb, bool) {
	if m.smallerCopy == "" || m.smallerCopy == m.path || m.width <= 0 || m.height <= 0 || o.Crop != (thumb.Box{}) {
		return thumb.Thumb{}, false
	}
	file := &sourceFile{path: m.smallerCopy}
	defer file.close()
	if file.look(); file.err != nil {
		return thumb.Thumb{}, false
	}
	small, err := w.p.shrink(ctx, file, media{}, o)
	if err != nil || max(small.SourceWidth, small.SourceHeight) < min(o.MaxSide, int(max(m.width, m.height))) {
		return thumb.Thumb{}, false
	}
	aspect := float64(small.SourceWidth) / float64(small.SourceHeight) * float64(m.height) / float64(m.width)
	if math.Abs(aspect-1) > sameShape {
		return thumb.Thumb{}, false
	}
	small.SourceWidth, small.SourceHeight = int(m.width), int(m.height)
	return small, true
}

// shrink makes a thumbnail of a file, or takes one that was made before.
func (p *Maker) shrink(ctx context.Context, file *sourceFile, m media, o thumb.Options) (thumb.Thumb, error) {
	if m.taken == nil {
		if kept, ok := p.fromCacheOf(file, m, o); ok {
			return kept, nil
		}
	}
	if m.taken != nil || m.video && !file.shownAsPicture(m) {
		small, err := p.frame(ctx, file, m, o)
		if err == nil && file.state != nil {
			p.toCache(p.stateKey(file, m, o), small)
		}
		return small, err
	}
	data, release, err := file.read(ctx, p)
	if err != nil {
		return thumb.Thumb{}, err
	}
	defer release()
	byContent := p.contentKey(file, m, o)
	small, ok := p.fromCache(byContent)
	if !ok {
		if small, err = p.thumbnail(ctx, data, o); handOn(err) {
			small, err = p.makeByPillow(ctx, data, o, err)
		}
		if err != nil {
			return small, err
		}
		p.toCache(byContent, small)
	}
	if p.cache != nil && file.state != nil {
		p.cache.Link(p.stateKey(file, m, o), byContent)
	}
	return small, nil
}

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

// thumbnail makes a thumbnail as soon as there is a thumbnailer and memory for it.
func (p *Maker) thumbnail(ctx context.Context, data []byte, o thumb.Options) (thumb.Thumb, error) {
	cost := thumb.Cost(data, o)
	release, err := p.reserveMemory(ctx, cost)
	if err != nil {
		return thumb.Thumb{}, err
	}
	defer release()
	return p.makeWithMemory(ctx, data, cost, o)
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
