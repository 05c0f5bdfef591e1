package tiff

import (
	"bytes"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pillowVariable names a directory of TIFFs that tests/test_decoders.py made, each with the pixels that
// Pillow sees in it: RGBA, 8 bits each.
const pillowVariable = "PILLOW_PICTURES"

// TestAsPillow compares what is decoded with what Pillow decodes. A file that is refused as of an unknown kind
// goes to another decoder, and is listed.
func TestAsPillow(t *testing.T) {
	dir := os.Getenv(pillowVariable)
	if dir == "" {
		t.Skip("run by tests/test_decoders.py")
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.tif"))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	var handed, equal []string
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		want, err := os.ReadFile(strings.TrimSuffix(name, ".tif") + ".rgba")
		require.NoError(t, err)
		m, f, err := decode(t.Context(), data)
		base := filepath.Base(name)
		if err != nil {
			assert.ErrorIs(t, err, ErrUnsupported, base)
			handed = append(handed, base)
			continue
		}
		equal = append(equal, base)
		require.Len(t, want, 4*f.Width*f.Height, base)
		worst := 0
		for i := range f.Width * f.Height {
			c := color.NRGBAModel.Convert(m.At(i%f.Width, i/f.Width)).(color.NRGBA)
			for j, v := range []byte{c.R, c.G, c.B, c.A} {
				d := int(v) - int(want[4*i+j])
				if c.A > 0 || j == 3 {
					worst = max(worst, d, -d)
				}
			}
		}
		assert.LessOrEqual(t, worst, 1, base)
	}
	var out bytes.Buffer
	out.WriteString("as Pillow: " + strings.Join(equal, " ") + "\n")
	out.WriteString("handed on: " + strings.Join(handed, " ") + "\n")
	t.Log(out.String())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "result.txt"), out.Bytes(), 0o600))
}
