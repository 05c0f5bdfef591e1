package picture

import (
	"encoding/binary"
	"fmt"
	"runtime"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/poster"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumbcache"
)

// stateKey finds a thumbnail in the cache without reading the file.
func (p *Maker) stateKey(file *sourceFile, m media, o thumb.Options) thumbcache.Key {
	return thumbcache.KeyOf([]byte("state"), p.wanted(m, o), file.state)
}

// contentKey finds a thumbnail in the cache by what was read of the file.
func (p *Maker) contentKey(file *sourceFile, m media, o thumb.Options) thumbcache.Key {
	return thumbcache.KeyOf([]byte("content"), p.wanted(m, o), file.sum[:])
}

// digestKey finds the MD5 of a file in the cache.
func digestKey(file *sourceFile) thumbcache.Key {
	return thumbcache.KeyOf([]byte("md5"), file.state)
}

// fromCacheOf is the thumbnail of a file that was made before and that the file has not changed since.
func (p *Maker) fromCacheOf(file *sourceFile, m media, o thumb.Options) (thumb.Thumb, bool) {
	if file.state == nil {
		return thumb.Thumb{}, false
	}
	return p.fromCache(p.stateKey(file, m, o))
}

// wanted tells different thumbnails of one file apart, and those that another build of the worker or another ffmpeg gives other bytes: who
// has a cache and who has none make the same artifact.
func (p *Maker) wanted(m media, o thumb.Options) []byte {
	wanted := fmt.Appendf(nil, "%s %s %s %d %d %v %v", thumb.Version, runtime.Version(), runtime.GOARCH, o.MaxSide, o.Quality, o.Crop, o.Range)
	if m.video {
		wanted = fmt.Appendf(wanted, " %s %s %d", poster.Version, p.ffmpeg(), max(m.frame, 1))
	}
	return wanted
}

// fromCache looks for a thumbnail in the cache.
func (p *Maker) fromCache(key thumbcache.Key) (thumb.Thumb, bool) {
	if p.cache == nil {
		return thumb.Thumb{}, false
	}
	b, ok := p.cache.Get(key)
	if !ok {
		return thumb.Thumb{}, false
	}
	return unpackThumb(b)
}

// toCache keeps a thumbnail for the next call.
func (p *Maker) toCache(key thumbcache.Key, t thumb.Thumb) {
	if p.cache != nil {
		p.cache.Put(key, packThumb(t))
	}
}

// The flags of a kept thumbnail.
const (
	flagStretched = 1 << iota
	flagGiven
)

// packThumb is a thumbnail as bytes: four sizes, flags, the format's length and text, the picture.
func packThumb(t thumb.Thumb) []byte {
	b := make([]byte, 0, len(t.Bytes)+32)
	for _, n := range []int{t.Width, t.Height, t.SourceWidth, t.SourceHeight} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n)) //nolint:gosec // sizes of pictures
	}
	flags := byte(0)
	if t.Stretched {
		flags |= flagStretched
	}
	if t.Given {
		flags |= flagGiven
	}
	b = append(b, flags, byte(len(t.Format)))
	b = append(b, t.Format...)
	return append(b, t.Bytes...)
}

func unpackThumb(b []byte) (thumb.Thumb, bool) {
	const flags, format = 16, 17
	if len(b) <= format || len(b) <= format+1+int(b[format]) {
		return thumb.Thumb{}, false
	}
	size := func(i int) int { return int(binary.LittleEndian.Uint32(b[4*i:])) }
	t := thumb.Thumb{Width: size(0), Height: size(1), SourceWidth: size(2), SourceHeight: size(3), Stretched: b[flags]&flagStretched != 0, Given: b[flags]&flagGiven != 0}
	rest := b[format+1:]
	t.Format, t.Bytes = string(rest[:b[format]]), rest[b[format]:]
	return t, true
}
