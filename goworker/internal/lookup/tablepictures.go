package lookup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

const (
	// maxShown is how many pictures and masks of a table are shown, maxShownFile how many bytes one of them has, and maxShownBytes all
	// of them together.
	maxShown                    = 100
	maxShownFile, maxShownBytes = 16 << 20, 64 << 20
	// shownMemory bounds the decoding of one of them, shownAtOnce how many are decoded at a time.
	shownMemory, shownAtOnce = 64 << 20, 3
	// shownTime is how long the pictures may take: rows without them are better than none.
	shownTime = 12 * time.Second
	// classesLimit bounds a file with the names of classes, in bytes.
	classesLimit = 4 << 20
	// maxClassFiles is how many such files are read.
	maxClassFiles = 4
	// maxLegend is how many classes of masks are named.
	maxLegend = 50
)

// TablePicture is a picture that is small enough to be shown at once.
type TablePicture struct {
	Bytes []byte
	// Format is "jpg" or "png".
	Format        string
	Width, Height int
}

// TableClass is a class that masks show.
type TableClass struct{ Name, Colour string }

// palette are the colours of classes, by their ids in turn. They differ in the eyes of most people, on light and dark pictures.
var palette = []color.NRGBA{
	{0xe6, 0x19, 0x4b, 0xff}, {0x3c, 0xb4, 0x4b, 0xff}, {0xff, 0xe1, 0x19, 0xff}, {0x43, 0x63, 0xd8, 0xff}, {0xf5, 0x82, 0x31, 0xff},
	{0x91, 0x1e, 0xb4, 0xff}, {0x42, 0xd4, 0xf4, 0xff}, {0xf0, 0x32, 0xe6, 0xff}, {0xbf, 0xef, 0x45, 0xff}, {0xfa, 0xbe, 0xd4, 0xff},
	{0x46, 0x99, 0x90, 0xff}, {0xdc, 0xbe, 0xff, 0xff}, {0x9a, 0x63, 0x24, 0xff}, {0xaa, 0xff, 0xc3, 0xff}, {0x80, 0x80, 0x00, 0xff},
}

func classColour(id int) color.NRGBA {
	return palette[(id%len(palette)+len(palette))%len(palette)]
}

// colourOf is the colour of a class as CSS has it.
func colourOf(id int) string {
	c := classColour(id)
	return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)
}

// wanted is a file that cells show.
type wanted struct {
	path    string
	isMask  bool
	classes string // the file that names a mask's classes
	put     []func(at int, problem string)

	picture *TablePicture
	seen    []int // ids of classes in a mask
	problem string
}

// tablePictures gets the pictures of a table's rows, each once.
type tablePictures struct {
	t          *tableReader
	list       []*wanted
	classFiles []string
	names      map[string]map[int]string // of classes, by file
	later      []func()
}

func newTablePictures(t *tableReader) *tablePictures {
	return &tablePictures{t: t, names: map[string]map[int]string{}}
}

func (p *tablePictures) wantClasses(path string) {
	if path != "" && !slices.Contains(p.classFiles, path) && len(p.classFiles) < maxClassFiles {
		p.classFiles = append(p.classFiles, path)
	}
}

// want asks for a file. put is told its place among the pictures, or what the problem is.
func (p *tablePictures) want(path string, isMask bool, classes string, put func(int, string)) {
	at := slices.IndexFunc(p.list, func(w *wanted) bool { return w.path == path && w.isMask == isMask && w.classes == classes })
	switch {
	case at >= 0:
		p.list[at].put = append(p.list[at].put, put)
	case len(p.list) == maxShown:
		put(-1, "Not shown: these rows have too many pictures.")
	default:
		p.list = append(p.list, &wanted{path: path, isMask: isMask, classes: classes, put: []func(int, string){put}})
	}
}

// get gets all that was asked for. A picture that cannot be shown is a problem of its own cell.
func (p *tablePictures) get(ctx context.Context) error {
	if len(p.list) == 0 {
		return nil
	}
	inTime, cancel := context.WithTimeout(ctx, shownTime)
	defer cancel()
	err := p.getWithin(inTime)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && inTime.Err() == nil {
		return err
	}
	for _, w := range p.list {
		at := -1
		if w.picture != nil {
			at = len(p.t.head.Pictures)
			p.t.head.Pictures = append(p.t.head.Pictures, *w.picture)
		} else if w.problem == "" {
			w.problem = "W&B has not sent the picture in time."
		}
		for _, put := range w.put {
			put(at, w.problem)
		}
	}
	for _, call := range p.later {
		call()
	}
	p.legend()
	return nil
}

func (p *tablePictures) getWithin(ctx context.Context) error {
	paths := slices.Clone(p.classFiles)
	for _, w := range p.list {
		paths = append(paths, w.path)
	}
	files, err := p.t.client.FindFiles(ctx, p.t.version, paths)
	if err != nil {
		return err
	}
	for _, path := range p.classFiles {
		p.names[path] = p.readClasses(ctx, files[path])
	}
	var sum int64
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(shownAtOnce)
	thumbnailers := sync.Pool{New: func() any { return new(thumb.Thumbnailer) }}
	for _, w := range p.list {
		f, ok := files[w.path]
		switch sum += f.Size; {
		case !ok:
			w.problem = "The picture is not among the artifact's files."
		case !p.t.client.IsStored(f):
			w.problem = "The picture is a reference to a file elsewhere, which the panel does not follow."
		case f.Size > maxShownFile:
			w.problem, sum = "The picture is too large to be shown here.", sum-f.Size
		case sum > maxShownBytes:
			w.problem = "Not shown: the pictures of these rows are too large."
		default:
			g.Go(func() error {
				small := thumbnailers.Get().(*thumb.Thumbnailer)
				defer thumbnailers.Put(small)
				return p.load(gctx, small, w, f)
			})
		}
	}
	return g.Wait()
}

// load downloads a picture and makes it small. Only the end of the context is an error.
func (p *tablePictures) load(ctx context.Context, small *thumb.Thumbnailer, w *wanted, f wandb.RemoteFile) error {
	raw, err := readSmall(ctx, p.t.client.OpenFile, f, maxShownFile)
	if err == nil {
		if w.isMask {
			err = w.colour(ctx, raw, p.t.side, p.names[w.classes])
		} else {
			err = w.shrink(ctx, small, raw, p.t.side)
		}
	}
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	w.problem = pictureProblem(err)
	return nil
}

func pictureProblem(err error) string {
	switch f := fault.As(err); {
	case f != nil:
		return f.Message
	case errors.Is(err, thumb.ErrUnsupported):
		return "The panel does not show pictures of this kind."
	case errors.Is(err, thumb.ErrTooLarge):
		return "The picture is too large to be shown here."
	}
	return "The picture is damaged."
}

func (w *wanted) shrink(ctx context.Context, small *thumb.Thumbnailer, raw []byte, side int) error {
	made, err := small.Make(ctx, raw, thumb.Options{MaxSide: side, MaxMemory: shownMemory})
	if err == nil {
		w.picture = &TablePicture{Bytes: slices.Clone(made.Bytes), Format: made.Format, Width: made.Width, Height: made.Height}
	}
	return err
}

// colour makes a picture of a mask: the colours of its classes, and nothing where it has none.
func (w *wanted) colour(ctx context.Context, raw []byte, side int, names map[int]string) error {
	img, err := thumb.Decode(ctx, raw, thumb.Options{MaxMemory: shownMemory})
	if err != nil {
		return err
	}
	mask := idsOf(img)
	width, height := thumb.Fit(mask.Width, mask.Height, side)
	if mask, err = mask.Scale(width, height); err != nil {
		return err
	}
	colours := make(color.Palette, 256)
	for id := range colours {
		colours[id] = color.NRGBA{}
		if _, known := names[id]; known && names[id] != "background" || len(names) == 0 && id > 0 {
			colours[id] = classColour(id)
		}
	}
	var seen [256]bool
	for _, id := range mask.Pix {
		seen[id] = true
	}
	for id, is := range seen {
		if is && names[id] != "" && colours[id] != (color.NRGBA{}) {
			w.seen = append(w.seen, id)
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, &image.Paletted{Pix: mask.Pix, Stride: mask.Width, Rect: image.Rect(0, 0, mask.Width, mask.Height), Palette: colours}); err != nil {
		return err
	}
	w.picture = &TablePicture{Bytes: out.Bytes(), Format: "png", Width: mask.Width, Height: mask.Height}
	return nil
}

// idsOf are the class ids of a mask's pixels.
func idsOf(img image.Image) thumb.Mask {
	b := img.Bounds()
	mask := thumb.NewMask(b.Dx(), b.Dy())
	for y := range mask.Height {
		for x := range mask.Width {
			var id uint8
			switch one := img.(type) {
			case *image.Paletted:
				id = one.ColorIndexAt(b.Min.X+x, b.Min.Y+y)
			case *image.Gray:
				id = one.GrayAt(b.Min.X+x, b.Min.Y+y).Y
			default:
				id = color.GrayModel.Convert(img.At(b.Min.X+x, b.Min.Y+y)).(color.Gray).Y
			}
			mask.Pix[y*mask.Width+x] = id
		}
	}
	return mask
}

// readClasses are the names of classes by their ids; what cannot be read has none.
func (p *tablePictures) readClasses(ctx context.Context, f wandb.RemoteFile) map[int]string {
	if f.Path == "" || f.Size > classesLimit || !p.t.client.IsStored(f) {
		return nil
	}
	body, err := p.t.client.OpenFile(ctx, f)
	if err != nil {
		return nil
	}
	defer func() { _ = body.Close() }()
	raw, err := io.ReadAll(body)
	if err != nil {
		return nil
	}
	var file struct {
		Classes []struct {
			ID   int    `json:"id"`
			Name string `json:"name"`
		} `json:"class_set"`
	}
	if json.Unmarshal(raw, &file) != nil {
		return nil
	}
	names := make(map[int]string, len(file.Classes))
	for _, c := range file.Classes {
		names[c.ID] = textCell(CellText, c.Name).Text
	}
	return names
}

// legend names the classes that masks show.
func (p *tablePictures) legend() {
	for _, w := range p.list {
		for _, id := range w.seen {
			one := TableClass{Name: p.names[w.classes][id], Colour: colourOf(id)}
			if len(p.t.head.Classes) < maxLegend && !slices.Contains(p.t.head.Classes, one) {
				p.t.head.Classes = append(p.t.head.Classes, one)
			}
		}
	}
}
