package picture

import (
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/overlay"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pillow"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/stretch"
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

// Overlays says which labels are drawn over the pictures of a table.
type Overlays struct {
	Fields []view.Field
	Masks  overlay.MaskMode
	// Home is the user's home directory, which a "~" in the path of a mask stands for.
	Home string
	// Marks are the keys of evaluations that captions of boxes name, by the fields' paths.
	Marks map[string][]string
}

// maskNames are their names in an artifact's fiftyone/metadata.json.
var maskNames = map[overlay.MaskMode]string{overlay.OwnMasks: "own", overlay.AllMasks: "all", overlay.NoMasks: "none"}

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

// Classes are what was found of the classes of a view's labels. They are kept and sent as JSON.
type Classes struct {
	Seen            []overlay.Seen
	Truncated       bool
	Colors, Numbers []uint32
}

// ErrOtherClasses is the error of a label whose class is not among those of the first rows: Rows.AllClasses helps.
var ErrOtherClasses = errors.New("the first rows do not have all classes")
