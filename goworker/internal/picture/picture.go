// Package picture makes the pictures of a table's rows: thumbnails, the media files themselves or references to them, with
// labels drawn over them. It knows files, pixels and MongoDB's documents; where the files go is its Sink's matter.
package picture

import (
	"context"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/sync/semaphore"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pillow"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/poster"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumbcache"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// Mode says what the table's column "image" holds.
type Mode int

// The modes, in the order of the wire contract.
const (
	// Thumbnail is a small copy of the picture.
	Thumbnail Mode = iota + 1
	// Original is the media file itself.
	Original
	// Reference is the file's URI, a reference of the artifact; a thumbnail
	// stands in a column of its own.
	Reference
)

// modeNames are their names in an artifact's fiftyone/metadata.json.
var modeNames = map[Mode]string{Thumbnail: "thumbnail", Original: "original", Reference: "reference"}

// Pictures says which pictures a table shows.
type Config struct {
	Mode Mode
	// Size is the longest side of a thumbnail in pixels.
	Size int
	// Range is which samples are black and white in pictures of more than 8 bits; where it is not set, each picture
	// has its own.
	Range stretch.Range
	// CacheDir is where thumbnails are kept between calls, up to about CacheBytes;
	// either may be empty for not at all.
	CacheDir   string
	CacheBytes int64
	// PicturesMax is how many pictures there are at most; 0 for no limit. The rows that show them are chosen at random,
	// by Seed: see Rows.Shown.
	PicturesMax, Seed int64
	// Overlays are the labels drawn over them; nil for none.
	Overlays *Overlays
	// FFmpeg is the program that takes pictures out of videos; empty for none.
	FFmpeg string
	// Pillow is the program that decodes what the worker's own decoders do not.
	Pillow pillow.Program
	// Crop are the label fields of a patch, of which the picture shows that part only.
	Crop []view.Field
	// SmallerCopy is the field with the paths of smaller copies, and Projection the one that
	// describes the orthographic projection of a point cloud; both as the documents
	// have them, and empty for none.
	SmallerCopy, Projection string
	// Facts are the columns with facts of the media: see FactColumns.
	Facts []string
	// FramesOfVideos says that the rows are frames of videos, or patches of them, which have no files of their own.
	FramesOfVideos bool
	// Frame is where a row says which frame of its video is shown, by its number from 1; empty for the first one.
	Frame string
	// Slices are the other slices of a grouped view, each with a column of its own.
	Slices Slices
}

// PerRow is how many pictures a row shows: its own, and those of the other slices of its group.
func (p *Config) PerRow() int64 { return int64(1 + len(p.Slices.Names)) }

// MostRows is how many rows show pictures at most, at least 1; 0 for no limit.
func (p *Config) MostRows() int64 {
	if p.PicturesMax <= 0 {
		return 0
	}
	return max(1, p.PicturesMax/p.PerRow())
}

// Slices are the slices of a group that are shown beside the active one.
type Slices struct {
	Names             []string
	Field, Collection string // where groups are described, and where samples are
}

// Identify adds what of it changes the content of an artifact.
func (p *Config) Identify(out *metadata.Object) {
	if p == nil {
		return
	}
	out.Set("image_mode", modeNames[p.Mode])
	if p.Mode != Original {
		out.Set("thumbnail_size", p.Size)
		if p.Range.IsSet() {
			out.Set("image_range", []float64{p.Range.Low, p.Range.High})
		}
	}
	if p.Overlays != nil {
		out.Set("overlays", view.FieldPaths(p.Overlays.Fields))
		out.Set("mask_mode", maskNames[p.Overlays.Masks])
	}
}

const (
	imageColumn     = "image"
	thumbnailColumn = "thumbnail"
)

// Bounds of what is in memory at a time, so that a job with pictures takes 320 MB of heap. What is
// decoded at a time takes largestDecode at most, one picture or many. Of the files that
// are not small one is in memory at a time.
const (
	smallMemory      = 48 << 20 // of all small files together
	largestFile      = 64 << 20
	largestDecode    = 208 << 20
	mostThumbnailers = 16
)

// Sink is where the files of pictures go, and what is to be said about them.
type Sink interface {
	// Pack makes a file that holds many small files of the artifact.
	Pack(name string) (*artifact.Pack, error)
	// AddFile adds a file or a reference to the artifact.
	AddFile(e artifact.Entry) error
	// WriteFile adds a small generated file to the artifact.
	WriteFile(path string, content []byte) error
	// Note adds a warning that is about no single row.
	Note(code, format string, args ...any)
	// AtEnd has something done when the job is over, however it ends.
	AtEnd(fn func())
}

// Rows are the rows of a view that get pictures.
type Rows struct {
	Source *view.Source
	Query  view.Query
	Kind   view.RowKind
	// Fields are what is read of each row. Open adds what the pictures need.
	Fields *view.Fields
	// Only gives those of some documents that are rows, in their order.
	Only func([]bson.Raw) []bson.Raw
	// Shown reports whether a row shows pictures; nil where all do. The cells of the others are empty.
	Shown func(bson.Raw) bool
	// MaskTargetsJSON and DefaultClassesJSON are what the dataset says of its classes, for Overlays.
	MaskTargetsJSON, DefaultClassesJSON string
	// Classes are the classes that an earlier Maker of the same rows has found, so that several give them the same ids; nil to
	// search for them.
	Classes *Classes
	// AllClasses has the labels of all rows searched for classes, which takes longer than reading them. Otherwise Read
	// may end with ErrOtherClasses.
	AllClasses bool
}

// Maker makes the pictures of a table's rows, many rows at a time. A nil Maker makes none.
type Maker struct {
	conf  Config
	rows  Rows
	sink  Sink
	cache *thumbcache.Cache // nil for none
	// ffmpeg is the version of the program that takes pictures out of videos.
	ffmpeg func() string
	pack   *artifact.Pack
	// overlays draws over them; nil for nothing.
	overlays *overlays
	// pillow decodes what is not decoded here.
	pillow *pillow.Decoder
	// thumbnailers are as many as can work at once.
	thumbnailers chan *thumb.Thumbnailer
	// memory is what is left for decoding. Lock order: reserve memory, then wait for a thumbnailer or a drawer;
	// never the reverse.
	memory    *semaphore.Weighted
	large     *semaphore.Weighted // admits one large file at a time
	smallFile int64               // up to this size, in bytes, a file is not large
	slots     mediaSlots
	films     films
	made      atomic.Int64
}

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
