package job_test

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pillow"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pillow/pillowtest"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
)

// pictureOf logs a view of one sample, which is a file with these bytes, and gives the cell of its picture and the warnings.
func (w *world) pictureOf(name string, file []byte, conf *picture.Config, more ...bson.E) (cell map[string]any, codes []string) {
	path := filepath.Join(w.dir, name)
	require.NoError(w.t, os.WriteFile(path, file, 0o600))
	doc := append(bson.D{{Key: "_id", Value: objectID(0, 0)}, {Key: "filepath", Value: path}}, more...)
	require.NoError(w.t, mongo.Insert(w.t.Context(), w.name, []any{doc}))
	j := w.logView()
	j.Labels, j.Pictures = nil, conf
	res, err := j.Run(w.t.Context(), publish.Events{})
	require.NoError(w.t, err)
	columns, data := w.table("samples.table.json")
	cell, _ = columnOf(w.t, columns, data, "image")[0].(map[string]any)
	return cell, warningCodes(res)
}

// TestPicturesThatPillowReads are shown as others are, and the rows are told. What W&B's client could not open is left out of a table of originals.
func TestPicturesThatPillowReads(t *testing.T) {
	program := pillow.Program{Python: pillowtest.Python(t), Script: pillowtest.Script(t), Packages: pillowtest.Packages(t)}
	made := pillowtest.Files(t, `
exif = Image.Exif(); exif[0x0112] = 6
show("large.ppm", color, "PPM")
show("cut.ppm", color, "PPM", 1000)
show("whole.png", color, "PNG")
show("cut.png", color, "PNG", 80)
show("whole.jpg", color, "JPEG")
show("turned.jpg", color, "JPEG", exif=exif)
show("cut.jpg", color, "JPEG", 700)
show("whole.tif", color, "TIFF")
show("cut.tif", color, "TIFF", 2000)
`)
	size := func(width, height float64) []any { return []any{width, height} }
	for name, want := range map[string]struct {
		size      []any
		thumbnail []string
		original  []string // nil for the whole file
	}{
		"large.ppm":  {size(40, 30), []string{"read_by_pillow"}, nil},
		"cut.ppm":    {size(40, 30), []string{"read_by_pillow"}, []string{"not_opened"}},
		"whole.png":  {size(40, 30), nil, nil},
		"cut.png":    {size(40, 30), []string{"read_by_pillow"}, []string{"not_opened"}},
		"whole.jpg":  {size(40, 30), nil, nil},
		"turned.jpg": {size(30, 40), nil, nil},
		"cut.jpg":    {size(40, 30), []string{"read_by_pillow"}, []string{"not_opened"}},
		"whole.tif":  {size(40, 30), nil, nil},
		"cut.tif":    {size(40, 30), []string{"read_by_pillow"}, []string{"not_opened"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			cell, codes := w.pictureOf(name, made[name], &picture.Config{Mode: picture.Thumbnail, Size: 64, Pillow: program})
			assert.Equal(t, want.thumbnail, codes)
			assert.Equal(t, want.size, []any{cell["width"], cell["height"]})
			cell, codes = w.pictureOf(name, made[name], &picture.Config{Mode: picture.Original, Pillow: program})
			assert.Equal(t, want.original, codes)
			if want.original == nil {
				assert.Equal(t, want.size, []any{cell["width"], cell["height"]})
				assert.Equal(t, string(made[name]), w.file(cell["path"].(string)))
			} else {
				assert.Nil(t, cell)
			}
		})
	}
	t.Run("without Pillow", func(t *testing.T) {
		w := newWorld(t)
		for _, mode := range []picture.Mode{picture.Thumbnail, picture.Original} {
			cell, codes := w.pictureOf("large.ppm", made["large.ppm"], &picture.Config{Mode: mode, Size: 64, Pillow: pillow.Program{Python: "/nowhere/python"}})
			assert.Nil(t, cell)
			assert.ElementsMatch(t, []string{"no_pillow", "not_an_image"}, codes)
		}
	})
}

// TestSmallerCopies are shown in place of large pictures, where they show all of them and are large enough.
func TestSmallerCopies(t *testing.T) {
	gray := func(width, height int, at uint8) *image.Gray {
		m := image.NewGray(image.Rect(0, 0, width, height))
		for i := range m.Pix {
			m.Pix[i] = at
		}
		return m
	}
	for name, c := range map[string]struct {
		copied *image.Gray // nil for a file that is missing
		used   bool
	}{
		"half":          {gray(80, 60, 200), true},
		"nothing":       {nil, false},
		"too small":     {gray(20, 15, 200), false},
		"another shape": {gray(80, 80, 200), false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			write := func(name string, m image.Image) string {
				path := filepath.Join(w.dir, name)
				f, err := os.Create(path)
				require.NoError(t, err)
				require.NoError(t, png.Encode(f, m))
				require.NoError(t, f.Close())
				return path
			}
			raw, err := os.ReadFile(write("large.png", gray(160, 120, 50)))
			require.NoError(t, err)
			small := filepath.Join(w.dir, "small.png")
			if c.copied != nil {
				write("small.png", c.copied)
			}
			cell, codes := w.pictureOf("large.png", raw, &picture.Config{Mode: picture.Thumbnail, Size: 40, SmallerCopy: "thumb"},
				bson.E{Key: "thumb", Value: small}, bson.E{Key: "metadata", Value: bson.D{{Key: "width", Value: 160}, {Key: "height", Value: 120}}})
			assert.Empty(t, codes)
			assert.Equal(t, []any{40.0, 30.0}, []any{cell["width"], cell["height"]})
			shown, err := png.Decode(strings.NewReader(w.file(cell["path"].(string))))
			require.NoError(t, err)
			assert.Equal(t, color.Gray{Y: map[bool]uint8{true: 200, false: 50}[c.used]}, shown.At(3, 3))
		})
	}
}
