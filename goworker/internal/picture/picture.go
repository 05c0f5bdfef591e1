// Package picture makes the pictures of a table's rows: thumbnails, the media files themselves or references to them, with
// labels drawn over them. It knows files, pixels and MongoDB's documents; where the files go is its Sink's matter.
package picture

import (
	"context"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pillow"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/poster"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumbcache"
)

const (
	imageColumn     = "image"
	thumbnailColumn = "thumbnail"
)

// Open prepares for making pictures, and registers what is read of each row. It looks at the first rows, or at all
// of them, for the classes of what is drawn. It returns nil where conf is nil.
func Open(ctx context.Context, conf *Config, rows Rows, sink Sink) (*Maker, error) {
	if conf == nil {
		return nil, nil
	}
	n := min(runtime.GOMAXPROCS(0), mostThumbnailers)
	p := &Maker{conf: *conf, rows: rows, sink: sink, thumbnailers: make(chan *thumb.Thumbnailer, n), smallFile: int64(smallMemory / n)}
	p.memory, p.large = semaphore.NewWeighted(largestDecode), semaphore.NewWeighted(1)
	p.slots = newMediaSlots(conf, rows)
	p.films = newFilms(n)
	p.pillow = pillow.New(conf.Pillow)
	p.ffmpeg = sync.OnceValue(func() string {
		if p.cache == nil { // only keys need it
			return ""
		}
		version, _ := poster.ProgramVersion(ctx, conf.FFmpeg) // an error is the context's, which ends the job
		return version
	})
	sink.AtEnd(p.pillow.Close)
	for range n {
		p.thumbnailers <- &thumb.Thumbnailer{}
	}
	if err := p.openFiles(); err != nil {
		return nil, err
	}
	return p, p.openOverlays(ctx)
}

// openFiles opens the file of thumbnails and their cache, where there will be any.
func (p *Maker) openFiles() (err error) {
	if p.conf.Mode == Original && p.conf.Overlays == nil {
		return nil
	}
	if p.pack, err = p.sink.Pack("thumbnails"); err != nil {
		return err
	}
	p.sink.AtEnd(func() { _ = p.pack.Close() })
	if p.conf.Mode != Original && p.conf.CacheDir != "" && p.conf.CacheBytes > 0 {
		if p.cache, err = thumbcache.Open(filepath.Clean(p.conf.CacheDir), p.conf.CacheBytes); err != nil {
			p.sink.Note("no_cache", "Thumbnails are not kept for the next call: the directory %s cannot be used (%v).", p.conf.CacheDir, err)
		} else {
			p.sink.AtEnd(p.cache.Close)
		}
	}
	return nil
}

// Made is how many thumbnails were made that were not in the cache.
func (p *Maker) Made() int64 {
	if p == nil || p.conf.Mode == Original { // then they are made to see whether files can be opened
		return 0
	}
	return p.made.Load()
}

// Columns are the columns of pictures: the row's own, with heatmaps, and those of the other slices of its group.
func (p *Maker) Columns() (columns []table.Column[Cells]) {
	if p == nil {
		return nil
	}
	own := []string{imageColumn}
	if p.conf.Mode == Reference {
		own = append(own, thumbnailColumn)
	}
	names := append(own[:len(own):len(own)], p.overlays.columns()...)
	for _, slice := range p.conf.Slices.Names {
		for _, name := range own {
			names = append(names, name+"_"+slice)
		}
	}
	for i, name := range names {
		columns = append(columns, table.Column[Cells]{Name: name, Cell: func(w *table.Writer, cells Cells) { cells[i].write(w) }})
	}
	return columns
}

// Close ends the file of thumbnails, and says why Pillow was of no use, if it was needed.
func (p *Maker) Close() error {
	if p == nil {
		return nil
	}
	p.notePillow()
	p.pillow.Close()
	if p.pack == nil {
		return nil
	}
	return p.pack.Close()
}
