package picture

import (
	"context"
	"math"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
)

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

// sameShape is by how much the aspect of a smaller copy may differ from the picture's:
// more means that it shows another part of it.
const sameShape = 0.02

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
