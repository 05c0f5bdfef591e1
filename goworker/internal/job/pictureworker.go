package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/poster"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumbcache"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// pictureWorker makes the pictures of one row after the other; several work at once.
type pictureWorker struct {
	p     *pictures
	f     *view.Fields
	slots *view.Slots
	slice *view.Slots // of a document of another slice
	last  *sourceFile // patches of one picture stand together
	taken *takenFrame // what the next row shows of a video, where that has been made
}

func (p *pictures) worker(f *view.Fields) *pictureWorker {
	return &pictureWorker{p: p, f: f, slots: view.NewSlots(f.Slots), slice: view.NewSlots(p.slicePaths())}
}

// row makes a row's pictures. It is called for many rows at a time, in any order; the
// row's values are in w.slots, and what each cell shows is in its shown. Only what
// ends the job is an error.
func (w *pictureWorker) row(ctx context.Context, doc bson.Raw) (rowPictures, error) {
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
			cells = append(cells, make(rowPictures, w.p.perMedia())...)
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
func (p *pictures) perMedia() int {
	if p.conf.Mode == PictureReference {
		return 2
	}
	return 1
}

// cells adds the cells of one media file.
func (w *pictureWorker) cells(ctx context.Context, cells rowPictures, m media) (rowPictures, error) {
	switch w.p.conf.Mode {
	case PictureOriginal:
		cell, err := w.cell(w.original(ctx, m))
		return append(cells, cell), err
	case PictureReference:
		uri, err := w.reference(ctx, m.path)
		if err != nil {
			return nil, err
		}
		cells = append(cells, pictureCell{text: uri})
	}
	cell, err := w.cell(w.thumbnail(ctx, m))
	return append(cells, cell), err
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
	if m.badCrop {
		return pictureCell{}, errNoCrop
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
			return pictureCell{}, err
		}
		if small, err = w.p.shrink(ctx, file, m, o); err != nil {
			return pictureCell{}, err
		}
	}
	return w.small(small, m.crop)
}

// options are how the thumbnail of a picture is made.
func (p *pictures) options(m media) thumb.Options {
	return thumb.Options{MaxSide: p.conf.Size, Quality: thumbnailQuality, Crop: m.crop, MaxMemory: largestDecode, Range: p.conf.Range}
}

// small makes a cell of a picture that we made, which shows a part of another one.
func (w *pictureWorker) small(small thumb.Thumb, crop thumb.Box) (pictureCell, error) {
	sum := sha256.Sum256(small.Bytes)
	sha := hex.EncodeToString(sum[:])
	image := &table.Image{
		Path: "media/images/" + sha[:20] + "." + small.Format, SHA256: sha, Format: small.Format, Width: small.Width, Height: small.Height,
	}
	return pictureCell{image: image, stretched: small.Stretched, given: small.Given, shown: shown{
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
func (w *pictureWorker) smaller(ctx context.Context, m media, o thumb.Options) (thumb.Thumb, bool) {
	if m.small == "" || m.small == m.path || m.width <= 0 || m.height <= 0 || o.Crop != (thumb.Box{}) {
		return thumb.Thumb{}, false
	}
	file := &sourceFile{path: m.small}
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
func (p *pictures) shrink(ctx context.Context, file *sourceFile, m media, o thumb.Options) (thumb.Thumb, error) {
	if m.taken == nil {
		if kept, ok := p.keptOf(file, m, o); ok {
			return kept, nil
		}
	}
	if m.taken != nil || m.video && !file.shownAsPicture(m) {
		small, err := p.frame(ctx, file, m, o)
		if err == nil && file.state != nil {
			p.keep(stateKey(file, m, o), small)
		}
		return small, err
	}
	data, release, err := file.read(ctx, p)
	if err != nil {
		return thumb.Thumb{}, err
	}
	defer release()
	byContent := thumbcache.KeyOf([]byte("content"), wantedOf(m, o), file.sum[:])
	small, ok := p.kept(byContent, true)
	if !ok {
		if small, err = p.make(ctx, data, o); handOn(err) {
			small, err = p.makeByPillow(ctx, data, o, err)
		}
		if err != nil {
			return small, err
		}
		p.keep(byContent, small)
	}
	if p.cache != nil && file.state != nil {
		p.cache.Link(stateKey(file, m, o), byContent)
	}
	return small, nil
}

// stateKey finds a thumbnail in the cache without reading the file.
func stateKey(file *sourceFile, m media, o thumb.Options) thumbcache.Key {
	return thumbcache.KeyOf([]byte("state"), wantedOf(m, o), file.state)
}

// keptOf is the thumbnail of a file that was made before and that the file has not changed since.
func (p *pictures) keptOf(file *sourceFile, m media, o thumb.Options) (thumb.Thumb, bool) {
	if file.state == nil {
		return thumb.Thumb{}, false
	}
	return p.kept(stateKey(file, m, o), true)
}

// wantedOf tells different thumbnails of one file apart.
func wantedOf(m media, o thumb.Options) []byte {
	wanted := fmt.Appendf(nil, "%s %d %d %v %v", thumb.Version, o.MaxSide, o.Quality, o.Crop, o.Range)
	if m.video {
		wanted = fmt.Appendf(wanted, " %s %d", poster.Version, max(m.frame, 1))
	}
	return wanted
}

// room waits until there is memory for decoding something, which release gives back.
func (p *pictures) room(ctx context.Context, cost int64) (release func(), err error) {
	cost = min(max(cost, 0), largestDecode)
	if err := p.memory.Acquire(ctx, cost); err != nil {
		return nil, err
	}
	release = func() {
		if cost > largestDecode/4 {
			runtime.GC() // who waits for the memory would have it beside the garbage
		}
		p.memory.Release(cost)
	}
	if err := ctx.Err(); err != nil { // there was memory at once
		release()
		return nil, err
	}
	return release, nil
}

// make makes a thumbnail as soon as there is a thumbnailer and memory for it.
func (p *pictures) make(ctx context.Context, data []byte, o thumb.Options) (thumb.Thumb, error) {
	cost := thumb.Cost(data, o)
	release, err := p.room(ctx, cost)
	if err != nil {
		return thumb.Thumb{}, err
	}
	defer release()
	return p.makeNow(ctx, data, cost, o)
}

// maker waits for a thumbnailer, which is the right to use a core, too. It goes back to makers.
func (p *pictures) maker(ctx context.Context) (*thumb.Thumbnailer, error) {
	select {
	case maker := <-p.makers:
		return maker, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// makeNow is make once the memory is reserved.
func (p *pictures) makeNow(ctx context.Context, data []byte, cost int64, o thumb.Options) (thumb.Thumb, error) {
	maker, err := p.maker(ctx)
	if err != nil {
		return thumb.Thumb{}, err
	}
	small, err := maker.Make(ctx, data, o)
	if cost > p.small {
		maker = &thumb.Thumbnailer{} // the other one holds on to its memory
	}
	p.makers <- maker
	p.c.decoded.Add(1)
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

// sourceFile is a media file that pictures are made of.
type sourceFile struct {
	path  string
	info  os.FileInfo
	file  *localfile.File // once it was opened
	state []byte          // see thumbcache.FileState
	err   error           // why it is of no use

	data []byte            // once it was read and is not large
	sum  [sha256.Size]byte // of its content, once it was read
	// original is its cell in the mode original.
	original *pictureCell
}

// close closes the file that is open.
func (w *pictureWorker) close() { w.last.close() }

// open looks at a file without reading it.
func (w *pictureWorker) open(path string) (*sourceFile, error) {
	if w.last == nil || w.last.path != path {
		w.close()
		w.last = &sourceFile{path: path}
		w.last.look()
	}
	return w.last, w.last.err
}
