package picture

import (
	"crypto/sha256"
	"os"
	"sync"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/sync/semaphore"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/overlay"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pillow"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/poster"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumbcache"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

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

// Bounds of what is in memory at a time, so that a job with pictures takes 320 MB of heap. What is
// decoded at a time takes largestDecode at most, one picture or many. Of the files that
// are not small one is in memory at a time.
const (
	smallMemory      = 48 << 20 // of all small files together
	largestFile      = 64 << 20
	largestDecode    = 208 << 20
	mostThumbnailers = 16
)

// worker makes the pictures of one row after the other; several work at once.
type worker struct {
	p     *Maker
	slots *view.Slots
	slice *view.Slots // of a document of another slice
	last  *sourceFile // patches of one picture stand together
	taken *takenFrame // what the next row shows of a video, where that has been made
}

// media is one picture to be shown, as a document describes it.
type media struct {
	path  string
	video bool
	// smallerCopy is the path of a smaller copy of the picture; width and height are what the
	// metadata says of the picture itself, 0 for nothing.
	smallerCopy   string
	width, height int64
	// projection is the picture of a point cloud.
	projection string
	frame      int64       // of a video, from 1; 0 for the first one, too
	taken      *takenFrame // the thumbnail of that frame, where it has been made
	crop       thumb.Box
	badCrop    bool // it should be cropped, but there is no box
	// labels are those that are drawn over the picture of another slice.
	labels []bson.RawValue
}

// mediaSlots are where a row describes its media. Slots that a view lacks are -1.
type mediaSlots struct {
	paths                  []string // see mediaPaths
	first                  int      // of paths
	crop                   []cropField
	support, frame, slices int
	video                  bool // every row shows a video, whatever it says
	cropped                bool // every row shows a part of its picture
}

// cropField is a label field of a patch, whose shapes say which part of the picture the patch is.
type cropField struct {
	slot      int
	labelType string
}

// takenFrame is the thumbnail of a row's frame, or why there is none.
type takenFrame struct {
	small thumb.Thumb
	err   error
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
	original *Cell
}

// overlays draws labels over the pictures of rows.
type overlays struct {
	fields []overlay.Field
	slots  []int
	maps   []int // which of the fields are heatmaps
	// dbPaths are the fields' paths in the documents, and parts what is read of them.
	dbPaths, parts []string
	names          []string
	found          Classes
	classes        table.ClassesFile
	// sampled says that the classes are those of the first rows.
	sampled bool
	// drawers are as many as can work at once.
	drawers     chan *overlay.Drawer
	home        string
	second      overlay.Second
	newOne      func(most int64) *overlay.Drawer
	smallRaster int64 // what a drawer of drawers reads
}

// films are the videos that frames are taken of. Rows of one video may come in many batches, in any order: they are done by one worker at a
// time, which does together what has come meanwhile.
type films struct {
	busy chan struct{} // as many as are read at a time
	mu   sync.Mutex
	// idle are those that wait for further frames to be wanted of them, the oldest first.
	idle []idleFilm
	// waiting are the tasks of videos that a worker is at, by their paths.
	waiting map[string][]task
}

type idleFilm struct {
	path string
	info os.FileInfo
	film *poster.Film
}

// batch is a batch of rows on its way through the parallel stage.
type batch struct {
	docs    []bson.Raw
	release func()
	cells   []Cells
	left    atomic.Int64  // rows to do
	done    chan struct{} // closed when there are none
}

// task is some rows of a batch that are handled by one worker.
type task struct {
	batch *batch
	rows  []int
	path  string // of their file
	film  bool   // several of its rows show one video
}

// spot is a row of a batch.
type spot struct {
	batch *batch
	row   int
}

func (s spot) doc() bson.Raw { return s.batch.docs[s.row] }
