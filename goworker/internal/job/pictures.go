package job

import (
	"path/filepath"
	"runtime"

	"golang.org/x/sync/semaphore"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/overlay"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pillow"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumbcache"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// PictureMode says what the table's column "image" holds.
type PictureMode int

// The modes, in the order of the wire contract.
const (
	// PictureThumbnail is a small copy of the picture.
	PictureThumbnail PictureMode = iota + 1
	// PictureOriginal is the media file itself.
	PictureOriginal
	// PictureReference is the file's URI, a reference of the artifact; a thumbnail
	// stands in a column of its own.
	PictureReference
)

// pictureModes are their names in an artifact's fiftyone/metadata.json.
var pictureModes = map[PictureMode]string{PictureThumbnail: "thumbnail", PictureOriginal: "original", PictureReference: "reference"}

// Pictures says which pictures a table shows.
type Pictures struct {
	Mode PictureMode
	// Size is the longest side of a thumbnail in pixels.
	Size int
	// Range is which samples are black and white in pictures of more than 8 bits; where it is not set, each picture
	// has its own.
	Range stretch.Range
	// CacheDir is where thumbnails are kept between calls, up to about CacheBytes;
	// either may be empty for not at all.
	CacheDir   string
	CacheBytes int64
	// Overlays are the labels drawn over them; nil for none.
	Overlays *Overlays
	// FFmpeg is the program that takes pictures out of videos; empty for none.
	FFmpeg string
	// Pillow is the program that decodes what the worker's own decoders do not.
	Pillow pillow.Program
	// Crop are the label fields of a patch, of which the picture shows that part only.
	Crop []Field
	// Small is the field with the paths of smaller copies, and Projection the one that
	// describes the orthographic projection of a point cloud; both as the documents
	// have them, and empty for none.
	Small, Projection string
	// Facts are the columns with facts of the media: see factColumns.
	Facts []string
	// FramesOfVideos says that the rows are frames of videos, or patches of them, which have no files of their own.
	FramesOfVideos bool
	// Slices are the other slices of a grouped view, each with a column of its own.
	Slices Slices
}

// Slices are the slices of a group that are shown beside the active one.
type Slices struct {
	Names             []string
	Field, Collection string // where groups are described, and where samples are
}

// identify adds what of it changes the content of an artifact.
func (p *Pictures) identify(out *object) {
	if p == nil {
		return
	}
	out.set("image_mode", pictureModes[p.Mode])
	if p.Mode != PictureOriginal {
		out.set("thumbnail_size", p.Size)
		if p.Range.IsSet() {
			out.set("image_range", []float64{p.Range.Low, p.Range.High})
		}
	}
	p.Overlays.identify(out)
}

const (
	imageColumn     = "image"
	thumbnailColumn = "thumbnail"
)

// Bounds of what is in memory at a time, so that a job stays within PictureMemory. What is
// decoded at a time takes largestDecode at most, one picture or many. Of the files that
// are not small one is in memory at a time.
const (
	smallMemory   = 48 << 20 // of all small files together
	largestFile   = 64 << 20
	largestDecode = 208 << 20
	mostMakers    = 16
)

// pictures makes the pictures of a table's rows, many rows at a time.
type pictures struct {
	conf  Pictures
	c     *collector
	cache *thumbcache.Cache // nil for none
	pack  *artifact.Pack
	// overlays draws over them; nil for nothing.
	overlays *overlays
	// pillow decodes what is not decoded here.
	pillow *pillow.Decoder
	// makers are the thumbnailers: as many as can work at once.
	makers chan *thumb.Thumbnailer
	// memory is what is left for decoding. Who has some of it waits for a maker or a
	// drawer at most, never for more memory or a file.
	memory *semaphore.Weighted
	large  *semaphore.Weighted // of one: for large files
	small  int64               // up to this size a file is not large
	slots  mediaSlots
	films  films
}

// openPictures prepares for the rows that f describes. It returns nil where the table
// shall have no pictures.
func openPictures(c *collector, conf *Pictures, base *rowBase, f *view.Fields) (*pictures, error) {
	if conf == nil {
		return nil, nil
	}
	setMemoryGoal(pictureGoal)
	n := min(runtime.GOMAXPROCS(0), mostMakers)
	p := &pictures{conf: *conf, c: c, makers: make(chan *thumb.Thumbnailer, n), small: int64(smallMemory / n)}
	p.memory, p.large = semaphore.NewWeighted(largestDecode), semaphore.NewWeighted(1)
	p.slots = newMediaSlots(f, conf, base)
	p.films = newFilms(n)
	p.pillow = pillow.New(conf.Pillow)
	c.atEnd(p.pillow.Close)
	for range n {
		p.makers <- &thumb.Thumbnailer{}
	}
	if conf.Mode == PictureOriginal && conf.Overlays == nil {
		return p, nil
	}
	var err error
	if p.pack, err = c.spool.Pack("thumbnails", c.files); err != nil {
		return nil, err
	}
	c.atEnd(func() { _ = p.pack.Close() })
	if conf.Mode != PictureOriginal && conf.CacheDir != "" && conf.CacheBytes > 0 {
		if p.cache, err = thumbcache.Open(filepath.Clean(conf.CacheDir), conf.CacheBytes); err != nil {
			c.warnings.note("no_cache", "Thumbnails are not kept for the next call: the directory %s cannot be used (%v).", conf.CacheDir, err)
		} else {
			c.atEnd(p.cache.Close)
		}
	}
	return p, nil
}

// columns are the columns of pictures: the row's own, with heatmaps, and those of the other slices of its group.
func (p *pictures) columns() (columns []column) {
	if p == nil {
		return nil
	}
	own := []string{imageColumn}
	if p.conf.Mode == PictureReference {
		own = append(own, thumbnailColumn)
	}
	names := append(own[:len(own):len(own)], p.overlays.columns()...)
	for _, slice := range p.conf.Slices.Names {
		for _, name := range own {
			names = append(names, name+"_"+slice)
		}
	}
	for i, name := range names {
		columns = append(columns, column{Name: name, Cell: func(w *table.Writer, r *row) { r.pictures[i].write(w) }})
	}
	return columns
}

// close ends the file of thumbnails, and says why Pillow was of no use, if it was needed.
func (p *pictures) close() error {
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

// rowPictures are the cells of a row's pictures, in the order of pictures.columns.
type rowPictures []pictureCell

// pictureCell is a cell of a column of pictures: a picture, a text, or nothing.
type pictureCell struct {
	image *table.Image
	text  string
	shown shown
	// stretched reports that the picture's samples are shown stretched.
	stretched bool
	// given reports that Pillow decoded it.
	given bool
	why   *noPicture // where a picture is missing that should be there
	// trouble is what of the row's labels is not drawn.
	trouble overlay.Trouble
}

// shown is which part of a picture a cell shows: what is drawn over it goes by that.
type shown struct {
	// Width and Height are those of the cell's picture, in pixels.
	Width, Height int
	// SourceWidth and SourceHeight are those of the whole picture that it was made
	// of, upright.
	SourceWidth, SourceHeight int
	// Crop is the part of the whole picture; an empty one means all of it.
	Crop thumb.Box
}

// write writes the cell.
func (c *pictureCell) write(w *table.Writer) {
	switch {
	case c.image != nil:
		w.Image(*c.image)
	case c.text != "":
		w.Text(c.text)
	default:
		w.Null()
	}
}

// note counts what a row's pictures lack under the row's sample.
func (p *pictures) note(warn *warnings, r *row) {
	if p == nil {
		return
	}
	stretched, given := false, false
	for i := range r.pictures {
		cell := &r.pictures[i]
		stretched, given = stretched || cell.stretched, given || cell.given || cell.trouble&overlay.Given != 0
		if cell.why != nil {
			warn.add(cell.why.code, cell.why.rest, r.sampleID())
		}
		for _, t := range troubles {
			if cell.trouble&t.is != 0 {
				warn.add(t.code, t.rest, r.sampleID())
			}
		}
	}
	if stretched {
		warn.add(warnStretched.code, warnStretched.rest, r.sampleID())
	}
	if given {
		warn.add(warnGiven.code, warnGiven.rest, r.sampleID())
	}
}

// warnStretched is said of rows whose pictures are stretched.
var warnStretched = noPicture{"stretched", "rows have a picture of more than 8 bits that uses little of its range (thermal, depth, radar). " +
	"Each is stretched between its own 1st and 99th percentile, so that their brightness cannot be compared: " +
	"image_range=(low, high) shows all of them alike."}

// noPicture is why a row has no picture: a warning, never the end of a job.
type noPicture struct{ code, rest string }

// Error implements error.
func (n *noPicture) Error() string { return n.code }

// The reasons.
var (
	errMissing  = &noPicture{"missing_file", "rows have no picture because the media file was not found."}
	errNotImage = &noPicture{"not_an_image",
		"rows have no picture because the media file is not an image of a kind that the worker or Pillow reads."}
	errUnreadable = &noPicture{"unreadable_file", "rows have no picture because the media file could not be read."}
	errTooLarge   = &noPicture{"too_large_picture",
		"rows have no picture because the media file is too large to be made smaller here (over 64 MB, or 208 MB when decoded)."}
	errNoCrop   = &noPicture{"no_box", "patches have no picture because no box of a label is within the picture."}
	errNoFFmpeg = &noPicture{"no_ffmpeg",
		"rows have no picture because ffmpeg, which takes pictures out of videos, was not found: install it, so that it is on PATH, or run pip install imageio-ffmpeg."}
	errNoFrame = &noPicture{"no_frame", "rows have no picture because ffmpeg found no such frame in the video: it is damaged, shorter than its labels, or not a video."}
	errRemote  = &noPicture{"remote_file", "rows have no thumbnail because the media file is not on this machine."}
)
