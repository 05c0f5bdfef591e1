package picture

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
)

func TestFileURIs(t *testing.T) {
	for location, want := range map[string]string{
		"/a/b.jpg":              "file:///a/b.jpg",
		"/a b/#1%?ü.jpg":        "file:///a%20b/%231%25%3F%C3%BC.jpg",
		"s3://bucket/a.jpg":     "s3://bucket/a.jpg",
		"https://x/a%20b.png?v": "https://x/a%20b.png?v",
		"relative.jpg":          "",
		"":                      "",
		"/x/https://y":          "file:///x/https://y",
	} {
		assert.Equal(t, want, fileURI(location), location)
	}
	for location, want := range map[string]string{"S3://x": "s3", "a/b://c": "", "/a": "", "://x": "", "c:/x": ""} {
		assert.Equal(t, want, scheme(location), location)
	}
}

func TestThumbnailsSurviveTheCache(t *testing.T) {
	want := thumb.Thumb{Bytes: []byte("abc"), Format: "png", Width: 1, Height: 2, SourceWidth: 3, SourceHeight: 70000, Stretched: true, Given: true}
	packed := packThumb(want)
	got, ok := unpackThumb(packed)
	require.True(t, ok)
	assert.Equal(t, want, got)
	for i := range len(packed) - 2 {
		assert.NotPanics(t, func() { unpackThumb(packed[:i]) })
	}
}

func TestCrops(t *testing.T) {
	for name, c := range map[string]struct {
		kind  string
		label string
		want  thumb.Box
		bad   bool
	}{
		"box":       {"Detection", `{"bounding_box": [0.25, 0.25, 0.5, 0.25]}`, thumb.Box{X: 0.25, Y: 0.25, Width: 0.5, Height: 0.25}, false},
		"whole":     {"Detection", `{"bounding_box": [0, {"$numberInt": "0"}, 1, 1]}`, thumb.Box{Width: 1, Height: 1}, false},
		"edges":     {"Detection", `{"bounding_box": [-0.5, 0.5, 1, 2]}`, thumb.Box{Y: 0.5, Width: 0.5, Height: 0.5}, false},
		"shapes":    {"Polyline", `{"points": [[[0, 0], [0.25, 0.25]], [[0.5, 0.125]]]}`, thumb.Box{Width: 0.5, Height: 0.25}, false},
		"keypoint":  {"Keypoint", `{"points": [[0.25, 0.25], [{"$numberDouble": "NaN"}, 0], [0.5, 0.5]]}`, thumb.Box{X: 0.25, Y: 0.25, Width: 0.25, Height: 0.25}, false},
		"list":      {"Detections", `{"detections": [{"bounding_box": [0, 0, 0.25, 0.25]}, {"bounding_box": [0.5, 0.5, 0.5, 0.5]}]}`, thumb.Box{Width: 1, Height: 1}, false},
		"outside":   {"Detection", `{"bounding_box": [1.5, 0, 1, 1]}`, thumb.Box{}, true},
		"flat":      {"Detection", `{"bounding_box": [0, 0, 0, 1]}`, thumb.Box{}, true},
		"no number": {"Detection", `{"bounding_box": ["a", 0, 0, 1]}`, thumb.Box{}, true},
		"3D":        {"Detection", `{"bounding_box": [], "location": [1, 2, 3]}`, thumb.Box{}, true},
		"nothing":   {"Detection", `{}`, thumb.Box{}, true},
		"null":      {"Detections", `{"detections": null, "points": null}`, thumb.Box{}, true},
	} {
		var doc bson.Raw
		require.NoError(t, bson.UnmarshalExtJSON([]byte(`{"label": `+c.label+`}`), false, &doc), name)
		s := view.NewSlots([]string{"label"})
		s.Load(doc)
		m := mediaSlots{crop: []cropField{{0, c.kind}}}
		got, bad := m.cropOf(s)
		assert.Equal(t, c.bad, bad, name)
		assert.Equal(t, c.want, got, name)
	}
}

func TestNumbersOfDocuments(t *testing.T) {
	doc, err := bson.Marshal(bson.D{{Key: "a", Value: int32(3)}, {Key: "b", Value: math.NaN()}, {Key: "c", Value: "x"}})
	require.NoError(t, err)
	raw := bson.Raw(doc)
	assert.Equal(t, []float64{3, 0, 0, 0}, []float64{number(raw.Lookup("a")), number(raw.Lookup("b")), number(raw.Lookup("c")), number(raw.Lookup("d"))})
}

func FuzzCropOf(f *testing.F) {
	doc, err := bson.Marshal(bson.D{{Key: "label", Value: bson.D{{Key: "points", Value: bson.A{bson.A{0.5, 0.25}}}, {Key: "bounding_box", Value: bson.A{0, 0, 1, 1}}}}})
	require.NoError(f, err)
	f.Add(doc)
	f.Fuzz(func(_ *testing.T, b []byte) {
		s := view.NewSlots([]string{"label"})
		s.Load(b)
		for _, kind := range []string{"Detection", "Polylines"} {
			m := mediaSlots{crop: []cropField{{0, kind}}}
			m.cropOf(s)
		}
	})
}

// TestSizesOfLargeTIFFs has a file whose description stands at its end, as most programs write it: what is
// before it is not read.
func TestSizesOfLargeTIFFs(t *testing.T) {
	const far = 256 << 20
	path := filepath.Join(t.TempDir(), "large.tif")
	f, err := os.Create(path)
	require.NoError(t, err)
	_, err = f.Write(binary.LittleEndian.AppendUint32([]byte("II*\x00"), far))
	require.NoError(t, err)
	tags := [][2]uint16{{256, 40}, {257, 30}, {258, 8}, {259, 1}, {262, 1}, {273, 8}, {277, 1}, {278, 30}, {279, 1200}}
	directory := binary.LittleEndian.AppendUint16(nil, uint16(len(tags)))
	for _, tag := range tags {
		const short = 3
		for _, n := range []uint16{tag[0], short, 1, 0, tag[1], 0} {
			directory = binary.LittleEndian.AppendUint16(directory, n)
		}
	}
	_, err = f.WriteAt(append(directory, 0, 0, 0, 0), far)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	width, height, format, err := imageSize(&sourceFile{path: path})
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	assert.Equal(t, []any{40, 30, "tiff"}, []any{width, height, format})
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
}
