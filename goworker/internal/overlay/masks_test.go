package overlay

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
)

// tiny is a picture of 4 x 4 pixels, and quarter its right lower part.
var (
	tiny    = Picture{Width: 4, Height: 4}
	quarter = Picture{Width: 4, Height: 4, Part: thumb.Box{X: 0.5, Y: 0.5, Width: 0.5, Height: 0.5}}
)

func TestMasksOfObjects(t *testing.T) {
	classes := NewClasses(ClassSpec{Seen: seen("cat", "dog", "")})
	full := has("mask", drawn("11", "11"))
	for name, c := range map[string]struct {
		kind  string
		label any
		mode  MaskMode
		pic   Picture
		want  []string // nil for no mask
		boxes int
	}{
		"instance": {"Detection", detection("cat", []float64{0.25, 0, 0.5, 0.5}, has("mask", drawn("1.", "11"))), OwnMasks, tiny,
			[]string{".c..", ".cc.", "....", "...."}, 1},
		"of bools": {"Detection", detection("cat", []float64{0, 0, 1, 0.5}, has("mask", array("|b1", "1, 2", []byte{0, 1}))), OwnMasks, tiny,
			[]string{"..cc", "..cc", "....", "...."}, 1},
		"of floats": {"Detection", detection("cat", []float64{0, 0, 1, 0.5}, has("mask", array("<f4", "1, 2", []float32{0, 0.5}))), OwnMasks, tiny,
			[]string{"..cc", "..cc", "....", "...."}, 1},
		"small in front of large": {"Detections", detections(detection("cat", []float64{0, 0, 0.5, 0.5}, full), detection("dog", []float64{0, 0, 1, 1}, full)), OwnMasks, tiny,
			[]string{"ccdd", "ccdd", "dddd", "dddd"}, 2},
		"without name": {"Detection", detection("", []float64{0, 0, 0.5, 0.25}, full), OwnMasks, tiny, []string{"((..", "....", "....", "...."}, 1},
		"beyond the edge": {"Detection", detection("cat", []float64{-0.5, 0.75, 1, 1}, has("mask", drawn(".1", ".1"))), OwnMasks, tiny,
			[]string{"....", "....", "....", "cc.."}, 1},
		"outside":                       {"Detection", detection("cat", []float64{2, 0, 1, 1}, full), OwnMasks, tiny, nil, 0},
		"empty":                         {"Detection", detection("cat", []float64{0, 0, 1, 1}, has("mask", drawn("..", ".."))), OwnMasks, tiny, nil, 1},
		"part":                          {"Detection", detection("cat", []float64{0.5, 0.5, 0.25, 0.5}, full), OwnMasks, quarter, []string{"cc..", "cc..", "cc..", "cc.."}, 1},
		"not asked for":                 {"Detection", detection("cat", []float64{0, 0, 1, 1}, full), NoMasks, tiny, nil, 1},
		"filled polyline":               {"Polyline", polyline("dog", true, true, 0, 0, 1, 0, 1, 0.5, 0, 0.5), OwnMasks, tiny, []string{"dddd", "dddd", "....", "...."}, 0},
		"filled polyline without masks": {"Polyline", polyline("dog", true, true, 0, 0, 1, 0, 1, 0.5, 0, 0.5), NoMasks, tiny, nil, 1},
		"part of a polyline":            {"Polyline", polyline("dog", true, true, 0.5, 0.5, 1, 0.5, 1, 0.75, 0.5, 0.75), OwnMasks, quarter, []string{"dddd", "dddd", "....", "...."}, 0},
		"closed polyline":               {"Polyline", polyline("dog", true, false, 0, 0, 1, 0, 1, 0.5, 0, 0.5), OwnMasks, tiny, nil, 1},
		"closed polyline as a mask":     {"Polyline", polyline("dog", true, false, 0, 0, 1, 0, 1, 0.5, 0, 0.5), AllMasks, tiny, []string{"dddd", "dddd", "....", "...."}, 0},
		"open polyline has no area":     {"Polyline", polyline("dog", false, false, 0, 0, 1, 0, 1, 0.5), AllMasks, tiny, nil, 1},
		"turned box as a mask": {"Detection", detection("cat", []float64{0.25, 0, 0.5, 1}, has("rotation", 90)), AllMasks, tiny,
			[]string{"....", "cccc", "cccc", "...."}, 0},
		"picture without pixels": {"Detection", detection("cat", []float64{0, 0, 1, 1}, full), OwnMasks, Picture{}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := one(t, Field{Path: "f", Type: c.kind}, classes, c.mode, c.pic, c.label)
			assert.Zero(t, got.Trouble&^(InPixels|OutOfPicture))
			boxes := 0
			for _, layer := range got.Boxes {
				boxes += len(layer.Boxes)
			}
			assert.Equal(t, c.boxes, boxes)
			if c.want == nil {
				assert.Empty(t, got.Masks)
				return
			}
			require.Len(t, got.Masks, 1)
			assert.Equal(t, "f", got.Masks[0].Key)
			assert.Equal(t, c.want, lines(t, got.Masks[0].PNG, classes))
		})
	}
}

func TestSegmentations(t *testing.T) {
	all := targets(t, `{"named": {"0": "sky", "1": "road", "300": "far"}, "colored": {"#0000ff": "blue", "#ff0000": "red"}}`)
	fields := map[string]*Targets{"named": all.Of("named"), "colored": all.Of("colored"), "bare": nil}
	classes := NewClasses(ClassSpec{Targets: []*Targets{fields["named"], fields["colored"], nil}})
	rgb := array("|u1", "1, 2, 3", []byte{255, 0, 0, 0, 0, 255})
	for name, c := range map[string]struct {
		field   string
		mask    any
		pic     Picture
		want    []string
		trouble Trouble
	}{
		"targets":              {"named", drawn(".1", "1."), tiny, []string{"..rr", "..rr", "rr..", "rr.."}, 0},
		"values above 255":     {"named", array("<u2", "1, 2", []uint16{300, 1}), tiny, []string{"ffrr", "ffrr", "ffrr", "ffrr"}, 0},
		"signed, wide":         {"named", array("<i8", "1, 2", []int64{-1, 1}), tiny, []string{"..rr", "..rr", "..rr", "..rr"}, 0},
		"unnamed value":        {"named", drawn("15"), tiny, []string{"rroo", "rroo", "rroo", "rroo"}, OtherValues},
		"no targets":           {"bare", drawn(".3"), tiny, []string{"..33", "..33", "..33", "..33"}, 0},
		"colours":              {"colored", rgb, tiny, []string{"rrbb", "rrbb", "rrbb", "rrbb"}, 0},
		"unnamed colours":      {"named", rgb, tiny, []string{"oooo", "oooo", "oooo", "oooo"}, OtherValues},
		"grey colours":         {"named", array("|u1", "1, 2, 3", []byte{0, 0, 0, 1, 1, 1}), tiny, []string{"..rr", "..rr", "..rr", "..rr"}, 0},
		"with a third axis":    {"named", array("|u1", "1, 2, 1", []byte{0, 1}), tiny, []string{"..rr", "..rr", "..rr", "..rr"}, 0},
		"part":                 {"named", drawn("...1", "....", "....", "..11"), quarter, []string{"....", "....", "rrrr", "rrrr"}, 0},
		"all background":       {"named", drawn("..", ".."), tiny, nil, 0},
		"smaller than a pixel": {"named", drawn("111111111", "........."), Picture{Width: 2, Height: 2}, []string{"rr", ".."}, 0},
		"empty array":          {"named", array("|u1", "0, 0", []byte{}), tiny, nil, 0},
		"damaged":              {"named", bson.Binary{Data: []byte{1, 2, 3}}, tiny, nil, BadMask},
		"of one axis":          {"named", array("|u1", "2", []byte{0, 1}), tiny, nil, BadMask},
		"of four axes":         {"named", array("|u1", "1, 1, 1, 2", []byte{0, 1}), tiny, nil, BadMask},
		"too large a picture":  {"named", drawn("1"), Picture{Width: 1 << 14, Height: 1 << 14}, nil, BadMask},
	} {
		t.Run(name, func(t *testing.T) {
			got := one(t, Field{Path: c.field, Type: "Segmentation", Targets: fields[c.field]}, classes, OwnMasks, c.pic, bson.D{{Key: "mask", Value: c.mask}})
			assert.Equal(t, c.trouble, got.Trouble)
			if c.want == nil {
				assert.Empty(t, got.Masks)
				return
			}
			require.Len(t, got.Masks, 1)
			assert.Equal(t, c.want, lines(t, got.Masks[0].PNG, classes))
			assert.Empty(t, one(t, Field{Path: c.field, Type: "Segmentation", Targets: fields[c.field]}, classes, NoMasks, c.pic, bson.D{{Key: "mask", Value: c.mask}}).Masks)
		})
	}
}

// encoded is an image file of two pixels.
func encoded(t testing.TB, kind string) []byte {
	t.Helper()
	var out bytes.Buffer
	r := image.Rect(0, 0, 2, 1)
	var img image.Image
	switch kind {
	case "grey":
		img = &image.Gray{Pix: []byte{0, 1}, Stride: 2, Rect: r}
	case "grey of 16 bits":
		img = &image.Gray16{Pix: []byte{0, 0, 0, 1}, Stride: 4, Rect: r}
	case "palette":
		img = &image.Paletted{Pix: []byte{0, 1}, Stride: 2, Rect: r, Palette: color.Palette{color.Black, color.RGBA{0, 0, 255, 255}}}
	case "colours":
		rgb := image.NewNRGBA(r)
		rgb.Set(1, 0, color.NRGBA{0, 0, 255, 255})
		rgb.Set(0, 0, color.NRGBA{0, 0, 0, 255})
		img = rgb
	case "jpeg":
		require.NoError(t, jpeg.Encode(&out, image.NewGray(r), nil))
		return out.Bytes()
	}
	require.NoError(t, png.Encode(&out, img))
	return out.Bytes()
}

func TestMasksInFiles(t *testing.T) {
	all := targets(t, `{"named": {"1": "road"}, "colored": {"#0000ff": "blue"}}`)
	classes := NewClasses(ClassSpec{Targets: []*Targets{all.Of("named"), all.Of("colored")}, Seen: seen("cat")})
	for name, c := range map[string]struct {
		field, file string
		want        string
		trouble     Trouble
	}{
		"grey":               {"named", "grey", "..rr", 0},
		"grey of 16 bits":    {"named", "grey of 16 bits", "..rr", 0},
		"palette by index":   {"named", "palette", "..rr", 0},
		"palette by colour":  {"colored", "palette", "..bb", 0},
		"colours":            {"colored", "colours", "..bb", 0},
		"black jpeg":         {"named", "jpeg", "", 0},
		"no image":           {"named", "text", "", BadMask},
		"no file":            {"named", "", "", NoFile},
		"instance":           {"", "grey", "..cc", 0},
		"instance in colour": {"", "colours", "..cc", 0},
	} {
		t.Run(name, func(t *testing.T) {
			f, label := Field{Path: "f", Type: "Segmentation", Targets: all.Of(c.field)}, bson.D{{Key: "mask_path", Value: "m.png"}}
			if c.field == "" {
				f, label = Field{Path: "f", Type: "Detection"}, detection("cat", []float64{0, 0, 1, 1}, has("mask_path", "m.png"))
			}
			d := NewPlan([]Field{f}, classes, OwnMasks, 64).NewDrawer(func(path string, most int64) ([]byte, error) {
				assert.Equal(t, "m.png", path)
				switch c.file {
				case "":
					return noFiles(path, most)
				case "text":
					return []byte("text"), nil
				}
				return encoded(t, c.file), nil
			}, nil, MaxRaster)
			got := d.Draw(context.Background(), []bson.RawValue{raw(t, label)}, tiny)
			assert.Equal(t, c.trouble, got.Trouble)
			if c.want == "" {
				assert.Empty(t, got.Masks)
				return
			}
			assert.Equal(t, []string{c.want, c.want, c.want, c.want}, lines(t, got.Masks[0].PNG, classes))
		})
	}
}

func TestHeatmaps(t *testing.T) {
	bright, dark := color.RGBA{253, 231, 37, 255}, color.RGBA{68, 1, 84, 255}
	for name, c := range map[string]struct {
		label         bson.D
		pic           Picture
		width, height int
		left, right   color.RGBA
	}{
		"floats":            {bson.D{{Key: "map", Value: array("<f4", "1, 2", []float32{0, 1})}}, whole, 64, 32, dark, bright},
		"whole numbers":     {bson.D{{Key: "map", Value: array("|u1", "1, 2", []byte{255, 1})}}, whole, 64, 32, bright, dark},
		"range":             {bson.D{{Key: "map", Value: array("<f8", "1, 2", []float64{-5, 7})}, {Key: "range", Value: bson.A{-5, 7}}}, whole, 64, 32, dark, bright},
		"part":              {bson.D{{Key: "map", Value: array("<f4", "1, 4", []float32{1, 1, 0, 1})}}, half, 50, 50, dark, bright},
		"without picture":   {bson.D{{Key: "map", Value: array("<f4", "1, 2", []float32{0, 1})}}, Picture{}, 2, 1, dark, bright},
		"of a file":         {bson.D{{Key: "map_path", Value: "grey"}, {Key: "range", Value: bson.A{0, 1}}}, whole, 64, 32, dark, bright},
		"of a file, wide":   {bson.D{{Key: "map_path", Value: "grey of 16 bits"}}, whole, 64, 32, dark, dark},
		"of a coloured one": {bson.D{{Key: "map_path", Value: "colours"}, {Key: "range", Value: bson.A{0, 10}}}, whole, 64, 32, dark, bright},
	} {
		t.Run(name, func(t *testing.T) {
			d := NewPlan([]Field{{Path: "f", Type: "Heatmap"}}, catDog, NoMasks, 64).NewDrawer(func(path string, _ int64) ([]byte, error) { return encoded(t, path), nil }, nil, MaxRaster)
			got := d.Draw(context.Background(), []bson.RawValue{raw(t, c.label)}, c.pic)
			assert.Zero(t, got.Trouble&^(InPixels|OutOfPicture))
			require.Len(t, got.Heatmaps, 1)
			h := got.Heatmaps[0]
			assert.Equal(t, [2]int{c.width, c.height}, [2]int{h.Width, h.Height})
			if c.width < 8 {
				return // JPEG mixes the colours of neighbours
			}
			img, err := jpeg.Decode(bytes.NewReader(h.Bytes))
			require.NoError(t, err)
			for x, want := range map[int]color.RGBA{2: c.left, c.width - 3: c.right} {
				r, g, b, _ := img.At(x, 8).RGBA()
				assert.InDelta(t, want.R, r>>8, 12)
				assert.InDelta(t, want.G, g>>8, 12)
				assert.InDelta(t, want.B, b>>8, 12)
			}
		})
	}
	for name, label := range map[string]bson.D{
		"bad range": {{Key: "map", Value: array("<f4", "1, 2", []float32{0, 1})}, {Key: "range", Value: bson.A{1, 1}}},
		"damaged":   {{Key: "map", Value: bson.Binary{Data: []byte{1}}}},
		"no file":   {{Key: "map_path", Value: "x"}},
		"nothing":   {},
	} {
		got := one(t, Field{Path: "f", Type: "Heatmap"}, catDog, OwnMasks, whole, label)
		assert.Empty(t, got.Heatmaps, name)
		assert.Equal(t, name != "nothing", got.Trouble != 0, name)
	}
}

// TestMemoryIsUsedAgain draws a large mask, and then a small one of another kind.
func TestMemoryIsUsedAgain(t *testing.T) {
	all := targets(t, `{"default_mask_targets": {"1": "road"}}`)
	classes := NewClasses(ClassSpec{Targets: []*Targets{all.Of("f")}})
	d := NewPlan([]Field{{Path: "f", Type: "Segmentation", Targets: all.Of("f")}}, classes, OwnMasks, 64).NewDrawer(func(string, int64) ([]byte, error) { return encoded(t, "grey of 16 bits"), nil }, nil, MaxRaster)
	draw := func(label bson.D, pic Picture) []string {
		got := d.Draw(context.Background(), []bson.RawValue{raw(t, label)}, pic)
		require.Len(t, got.Masks, 1)
		return lines(t, got.Masks[0].PNG, classes)
	}
	draw(bson.D{{Key: "mask", Value: drawn("1")}}, Picture{Width: 40, Height: 40})
	assert.Equal(t, []string{".r"}, draw(bson.D{{Key: "mask_path", Value: "x"}}, Picture{Width: 2, Height: 1}))
	assert.Equal(t, []string{"r."}, draw(bson.D{{Key: "mask", Value: drawn("1.")}}, Picture{Width: 2, Height: 1}))
	assert.Equal(t, []string{".r"}, draw(bson.D{{Key: "mask", Value: array("<i4", "1, 2", []int32{0, 1})}}, Picture{Width: 2, Height: 1}))
}

// TestLargeMasksWait draws masks with a drawer for small ones, and with one for all.
func TestLargeMasksWait(t *testing.T) {
	all := targets(t, `{"default_mask_targets": {"1": "road"}}`)
	classes := NewClasses(ClassSpec{Targets: []*Targets{all.Of("f")}})
	plan := NewPlan([]Field{{Path: "f", Type: "Segmentation", Targets: all.Of("f")}}, classes, OwnMasks, 64)
	load := func(_ string, most int64) ([]byte, error) {
		if file := encoded(t, "grey of 16 bits"); int64(len(file)) <= most {
			return file, nil
		}
		return nil, ErrLarge
	}
	for name, label := range map[string]bson.D{
		"array":   {{Key: "mask", Value: array("|u1", "100, 100", bytes.Repeat([]byte{1}, 10000))}},
		"file":    {{Key: "mask_path", Value: "x"}},
		"numbers": {{Key: "mask", Value: array("<i8", "1, 2", []int64{0, 1})}},
	} {
		values := []bson.RawValue{raw(t, label)}
		small := plan.NewDrawer(load, nil, 10)
		assert.Empty(t, small.Draw(context.Background(), values, Picture{Width: 4, Height: 4}), name)
		assert.True(t, small.Crowded(), name)
		large := plan.NewDrawer(load, nil, MaxRaster)
		assert.Len(t, large.Draw(context.Background(), values, Picture{Width: 4, Height: 4}).Masks, 1, name)
		assert.False(t, large.Crowded(), name)
		assert.Len(t, small.Draw(context.Background(), []bson.RawValue{raw(t, bson.D{{Key: "mask", Value: drawn("1")}})}, Picture{Width: 4, Height: 4}).Masks, 1, name)
		assert.False(t, small.Crowded(), name)
	}
}

// FuzzDraw gives any bytes to all kinds of fields.
func FuzzDraw(f *testing.F) {
	for _, d := range []bson.D{
		detection("cat", []float64{0, 0, 1, 1}, has("mask", drawn("1.", ".1")), has("rotation", 3.5)),
		polyline("dog", true, true, 0, 0, 1, 0, 1, 0.5),
		{{Key: "keypoints", Value: bson.A{bson.D{{Key: "points", Value: bson.A{bson.A{0, 0}}}}}}},
		{{Key: "mask", Value: drawn("12")}, {Key: "map", Value: array("<f4", "1, 2", []float32{0, 1})}, {Key: "range", Value: bson.A{0, 1e300}}},
		detection("cat", []float64{-1e300, 1e300, 1e300, 1e-300}, has("mask", drawn("1"))),
	} {
		data, _ := bson.Marshal(d)
		f.Add(data, 0.0, 0.0, 1.0, 1.0)
		f.Add(data, 0.25, 0.5, 0.5, 0.25)
	}
	all, _ := ParseTargets(`{"named": {"1": "road"}}`)
	var fields []Field
	for _, kind := range []string{"Detection", "Detections", "Polyline", "Polylines", "Keypoint", "Keypoints", "Segmentation", "Heatmap", "Classification", "Classifications"} {
		fields = append(fields, Field{Path: kind, Type: kind})
	}
	fields = append(fields, Field{Path: "named", Type: "Segmentation", Targets: all.Of("named")})
	classes := NewClasses(ClassSpec{Targets: []*Targets{nil, all.Of("named")}, Seen: seen("cat", "dog", "")})
	file := []byte{}
	load := func(string, int64) ([]byte, error) { return file, nil }
	drawers := []*Drawer{NewPlan(fields, classes, OwnMasks, 32).NewDrawer(load, nil, MaxRaster), NewPlan(fields, classes, AllMasks, 32).NewDrawer(load, nil, MaxRaster), NewPlan(fields, classes, NoMasks, 32).NewDrawer(load, nil, MaxRaster)}
	f.Fuzz(func(t *testing.T, data []byte, x, y, w, h float64) {
		file = data
		value := bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: data}
		values := make([]bson.RawValue, len(fields))
		for i := range values {
			values[i] = value
		}
		part := thumb.Box{X: min(max(x, 0), 0.9), Y: min(max(y, 0), 0.9), Width: w, Height: h}
		for _, d := range drawers {
			got := d.Draw(context.Background(), values, Picture{Width: 9, Height: 7, Part: part})
			for _, layer := range got.Boxes {
				for _, b := range layer.Boxes {
					if !(0 <= b.MinX && b.MinX < b.MaxX && b.MaxX <= 1 && 0 <= b.MinY && b.MinY < b.MaxY && b.MaxY <= 1) || classes.names[b.ClassID] == "" {
						t.Fatalf("a box %+v", b)
					}
				}
			}
			for _, m := range got.Masks {
				for _, id := range m.ClassIDs {
					if classes.names[id] == "" {
						t.Fatalf("class %d in %s", id, m.Key)
					}
				}
			}
		}
	})
}

// FiftyOne shows a mask where the box is, and does not turn it.
func TestRotationsOfMasksDoNotCount(t *testing.T) {
	label := detection("cat", []float64{0.4, 0.3, 0.2, 0.2}, has("mask", drawn("1.", ".1")), has("rotation", 0.5))
	got := one(t, Field{Path: "f", Type: "Detection"}, catDog, AllMasks, whole, label)
	require.Len(t, got.Boxes, 1)
	assert.Equal(t, []table.Box{{MinX: 0.4, MaxX: 0.6, MinY: 0.3, MaxY: 0.5, ClassID: 1, Caption: "cat"}}, got.Boxes[0].Boxes)
	assert.Len(t, got.Masks, 1)
}
