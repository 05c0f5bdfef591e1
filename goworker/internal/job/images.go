package job

import (
	"context"
	"errors"
	"image"
	_ "image/gif"  // the formats that an original file may have
	_ "image/jpeg" // (see above)
	_ "image/png"  // (see above)
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	_ "golang.org/x/image/bmp"  // the formats that an original file may have
	_ "golang.org/x/image/tiff" // (see above)
	_ "golang.org/x/image/webp" // (see above)
	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

// original is what is known of one media file.
type original struct {
	image table.Image
	entry artifact.Entry
	err   error // why there is no picture
}

// Reasons why a row has no picture.
var (
	errNotImage   = errors.New("not an image")
	errUnreadable = errors.New("unreadable")
	errMissing    = errors.New("missing")
)

// originals finds, checks and hashes the original files of a view's rows. It
// reads the files of one batch of rows in parallel, each once.
type originals struct {
	known    map[string]*original
	previous map[string]*original // of the last batch: patches of one sample stand together
	slots    *view.Slots
}

func newOriginals() *originals {
	// Only the path is needed before a batch is handed on row by row.
	return &originals{slots: view.NewSlots([]string{"filepath"})}
}

// prepare reads the files of a batch.
func (o *originals) prepare(ctx context.Context, docs []bson.Raw) error {
	o.previous, o.known = o.known, map[string]*original{}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * runtime.GOMAXPROCS(0))
	for _, doc := range docs {
		o.slots.Load(doc)
		path, ok := o.slots.Value(0).StringValueOK()
		if !ok || o.known[path] != nil {
			continue
		}
		if had := o.previous[path]; had != nil {
			o.known[path] = had
			continue
		}
		one := &original{}
		o.known[path] = one
		g.Go(func() error { return one.read(ctx, path) })
	}
	return g.Wait()
}

// read fills in what the file says. Only a cancelled context is an error: what
// is wrong with the file costs its cell.
func (o *original) read(ctx context.Context, path string) error {
	width, height, format, err := imageSize(path)
	if err != nil {
		o.err = err
		return nil
	}
	digest, sha, size, mod, err := artifact.HashFile(ctx, path)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		o.err = errUnreadable
		return nil
	}
	name := "media/images/" + sha[:20] + "/" + safeBase(path, format)
	o.entry = artifact.Entry{Path: name, Digest: digest, Size: size, LocalPath: path, ModTime: mod}
	o.image = table.Image{Path: name, SHA256: sha, Format: strings.TrimPrefix(filepath.Ext(name), "."), Width: width, Height: height}
	return nil
}

// imageSize reads the head of an image file.
func imageSize(path string) (width, height int, format string, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, "", errMissing
	}
	if err != nil || !info.Mode().IsRegular() { // opening a pipe could wait for ever
		return 0, 0, "", errUnreadable
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, "", errUnreadable
	}
	defer func() { _ = f.Close() }()
	config, format, err := image.DecodeConfig(f)
	if errors.Is(err, image.ErrFormat) {
		return 0, 0, "", errNotImage
	}
	if err != nil {
		return 0, 0, "", errUnreadable
	}
	return config.Width, config.Height, format, nil
}

// safeBase is the file's name as a name in an artifact: it always has an
// extension, since W&B tells the format by it.
func safeBase(path, format string) string {
	base := filepath.Base(filepath.ToSlash(path))
	base = strings.Map(func(r rune) rune {
		if r < ' ' || r == '\\' || r == 0x7f {
			return '_'
		}
		return r
	}, base)
	if filepath.Ext(base) == "" {
		base += "." + format
	}
	return base
}

// cell is the picture of a row, or nil where there is none; then the reason is
// counted under the row's sample.
func (o *originals) cell(path, sampleID string, files *artifact.Files, w *warnings) (*table.Image, error) {
	one := o.known[path]
	switch {
	case one == nil || errors.Is(one.err, errMissing):
		w.add("missing_file", "rows have no picture because the media file was not found.", sampleID)
	case errors.Is(one.err, errNotImage):
		w.add("not_an_image", "rows have no picture because the media file is no image (JPEG, PNG, GIF, BMP, TIFF or WebP).", sampleID)
	case one.err != nil:
		w.add("unreadable_file", "rows have no picture because the media file could not be read.", sampleID)
	default:
		return &one.image, files.Add(one.entry)
	}
	return nil, nil
}
