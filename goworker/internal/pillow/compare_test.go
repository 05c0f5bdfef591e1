package pillow_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"image"
	"image/color"
	_ "image/jpeg" // thumbnails are such files
	_ "image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pillow"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/thumb"
)

// What tests/test_decoders.py says: a directory of files, each with the pixels that Pillow sees in it (the width and the
// height of 32 bits, then RGBA of 8 bits each, in NAME.rgba), and the program that decodes what the worker does not.
const (
	picturesVariable = "PILLOW_PICTURES"
	programVariable  = "PILLOW_PROGRAM"
)

// Tolerances, of 255: of files without losses each sample, of others, whose decoders differ, all samples on average.
const (
	mostOff     = 1
	mostOffMean = 4.0
)

// TestAsPillow compares what the worker shows with what Pillow shows: decoded by itself, or handed on. It lists who
// decoded what.
func TestAsPillow(t *testing.T) {
	dir := os.Getenv(picturesVariable)
	if dir == "" {
		t.Skip("run by tests/test_decoders.py")
	}
	var program pillow.Program
	require.NoError(t, json.Unmarshal([]byte(os.Getenv(programVariable)), &program))
	d := pillow.New(program)
	defer d.Close()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	who := map[string]string{}
	for _, name := range names {
		if strings.HasSuffix(name, ".rgba") {
			continue
		}
		base := filepath.Base(name)
		file, err := os.ReadFile(name)
		require.NoError(t, err)
		want, err := os.ReadFile(name + ".rgba")
		require.NoError(t, err, base)
		img, by := shown(t, d, file, strings.Contains(base, "lossy"))
		who[base] = by
		if img == nil {
			continue
		}
		width, height := int(binary.LittleEndian.Uint32(want)), int(binary.LittleEndian.Uint32(want[4:]))
		if !assert.Equal(t, image.Pt(width, height), img.Bounds().Size(), base) {
			continue
		}
		worst, mean := difference(img, want[8:])
		if strings.Contains(base, "lossy") {
			assert.LessOrEqual(t, mean, mostOffMean, "%s by %s", base, by)
		} else {
			assert.LessOrEqual(t, worst, mostOff, "%s by %s", base, by)
		}
	}
	out, err := json.Marshal(who)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "result.json"), out, 0o600))
}

// shown is the picture of a file, and who decoded it; nobody, and nil, if nobody can.
func shown(t *testing.T, d *pillow.Decoder, file []byte, lossy bool) (image.Image, string) {
	img, err := thumb.Decode(t.Context(), file, thumb.Options{})
	if err == nil && lossy { // the ranges of video are a matter of thumbnails
		small, err := new(thumb.Thumbnailer).Make(t.Context(), file, thumb.Options{MaxSide: 1000, Quality: 100})
		require.NoError(t, err)
		img, _, err = image.Decode(bytes.NewReader(small.Bytes))
		require.NoError(t, err)
	}
	if err == nil {
		return img, "worker"
	}
	p, err := d.Decode(t.Context(), file, pillow.Limits{Pixels: 1 << 24, Bytes: 1 << 26})
	if err != nil {
		return nil, "nobody"
	}
	return p.Image, "Pillow"
}

// difference is by how much a picture's samples are off at most, and on average. The colour of what is transparent does not matter.
func difference(img image.Image, want []byte) (worst int, mean float64) {
	b := img.Bounds()
	sum := 0
	for i := range len(want) / 4 {
		c := color.NRGBAModel.Convert(img.At(b.Min.X+i%b.Dx(), b.Min.Y+i/b.Dx())).(color.NRGBA)
		for j, v := range []byte{c.R, c.G, c.B, c.A} {
			off := int(v) - int(want[4*i+j])
			if c.A > 0 || j == 3 {
				worst = max(worst, off, -off)
				sum += max(off, -off)
			}
		}
	}
	return worst, float64(sum) / float64(len(want))
}
