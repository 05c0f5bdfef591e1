package overlay

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
)

// raw is a value as BSON.
func raw(t testing.TB, v any) bson.RawValue {
	t.Helper()
	if v == nil {
		return bson.RawValue{}
	}
	kind, data, err := bson.MarshalValue(v)
	require.NoError(t, err)
	return bson.RawValue{Type: kind, Value: data}
}

// array is an array as FiftyOne stores it.
func array(dtype string, shape string, data any) bson.Binary {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", dtype, shape)
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	_, _ = z.Write([]byte("\x93NUMPY\x01\x00"))
	_ = binary.Write(z, binary.LittleEndian, uint16(len(header)))
	_, _ = z.Write([]byte(header))
	_ = binary.Write(z, binary.LittleEndian, data)
	_ = z.Close()
	return bson.Binary{Data: out.Bytes()}
}

// drawn is a mask of text: '.' is 0, other signs are their digit.
func drawn(lines ...string) bson.Binary {
	var data []byte
	for _, c := range strings.Join(lines, "") {
		if c == '.' {
			c = '0'
		}
		data = append(data, byte(c-'0'))
	}
	return array("|u1", fmt.Sprintf("%d, %d", len(lines), len(lines[0])), data)
}

// lines is a mask's file as text, in which classes are the names' first letters.
func lines(t testing.TB, file []byte, c *Classes) (out []string) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(file))
	require.NoError(t, err)
	grey := img.(*image.Gray)
	for y := range grey.Rect.Dy() {
		line := ""
		for _, v := range grey.Pix[y*grey.Stride:][:grey.Rect.Dx()] {
			switch {
			case v == 0:
				line += "."
			case int(v) < len(c.names) && c.names[v] != "":
				line += c.names[v][:1]
			default:
				line += "!"
			}
		}
		out = append(out, line)
	}
	return out
}

func noFiles(string, int64) ([]byte, error) { return nil, fs.ErrNotExist }

// one draws one field of a row.
func one(t testing.TB, f Field, classes *Classes, mode MaskMode, pic Picture, label any) Layers {
	t.Helper()
	return NewPlan([]Field{f}, classes, mode, 64).NewDrawer(noFiles, nil, MaxRaster).Draw(context.Background(), []bson.RawValue{raw(t, label)}, pic)
}

func detection(label string, box []float64, more ...bson.E) bson.D {
	d := bson.D{{Key: "_cls", Value: "Detection"}, {Key: "bounding_box", Value: box}}
	if label != "" {
		d = append(d, bson.E{Key: "label", Value: label})
	}
	return append(d, more...)
}

func detections(all ...bson.D) bson.D {
	return bson.D{{Key: "_cls", Value: "Detections"}, {Key: "detections", Value: all}}
}

func polyline(label string, closed, filled bool, points ...float64) bson.D {
	var line [][]float64
	for i := 0; i+1 < len(points); i += 2 {
		line = append(line, points[i:i+2])
	}
	return bson.D{{Key: "_cls", Value: "Polyline"}, {Key: "label", Value: label}, {Key: "closed", Value: closed}, {Key: "filled", Value: filled}, {Key: "points", Value: [][][]float64{line}}}
}

func has(key string, value any) bson.E { return bson.E{Key: key, Value: value} }

// seen are classes that occur with masks.
func seen(names ...string) (out []Seen) {
	for _, name := range names {
		out = append(out, Seen{Name: name, Rows: 1, Masks: 1})
	}
	return out
}

var (
	nan   = math.NaN()
	whole = Picture{Width: 100, Height: 50}
	half  = Picture{Width: 50, Height: 50, Part: thumb.Box{X: 0.5, Y: 0, Width: 0.5, Height: 1}}
)
