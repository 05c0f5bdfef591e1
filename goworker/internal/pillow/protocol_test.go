package pillow

import (
	"bytes"
	"encoding/binary"
	"image"
	"io"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// answerOf writes an answer as decoder.py does.
func answerOf(status, mode, turn byte, width, height uint32, length uint64, palette, text uint32, rest ...byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, magic)
	b = append(b, status, mode, turn, 0)
	b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, width), height)
	b = binary.LittleEndian.AppendUint64(b, length)
	b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, palette), text)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(math.NaN()))
	return append(b, rest...)
}

func TestAnswers(t *testing.T) {
	asked := request{op: decode, limits: Limits{Pixels: 6, Bytes: 24}}
	a, err := readAnswer(bytes.NewReader(answerOf(statusOK, modeRGB, 3, 2, 1, 8, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0)), asked)
	require.NoError(t, err)
	assert.Equal(t, []byte{1, 2, 3, 255, 4, 5, 6, 255}, a.image.(*image.RGBA).Pix)
	assert.Equal(t, 3, a.turn)
	a, err = readAnswer(bytes.NewReader(answerOf(statusDamaged, 0, 0, 0, 0, 0, 0, 3, []byte("why")...)), asked)
	require.NoError(t, err)
	assert.ErrorContains(t, a.failure(), "why")
	assert.ErrorIs(t, a.failure(), ErrCorrupt)

	for name, wrong := range map[string][]byte{
		"status":               answerOf(9, modeGray, 1, 1, 1, 1, 0, 0, 0),
		"mode":                 answerOf(statusOK, 0, 1, 1, 1, 1, 0, 0, 0),
		"another mode":         answerOf(statusOK, modeRGB16+1, 1, 1, 1, 1, 0, 0, 0),
		"orientation":          answerOf(statusOK, modeGray, 9, 1, 1, 1, 0, 0, 0),
		"no width":             answerOf(statusOK, modeGray, 1, 0, 1, 0, 0, 0),
		"too many pixels":      answerOf(statusOK, modeGray, 1, 7, 1, 7, 0, 0, make([]byte, 7)...),
		"too many bytes":       answerOf(statusOK, modeRGB16, 1, 2, 2, 32, 0, 0, make([]byte, 32)...),
		"a product":            answerOf(statusOK, modeGray, 1, 1<<31, 1<<31, 1<<62, 0, 0),
		"another length":       answerOf(statusOK, modeGray, 1, 2, 1, 3, 0, 0, 0, 0, 0),
		"a large palette":      answerOf(statusOK, modePalette, 1, 1, 1, 1, 1028, 0, make([]byte, 1029)...),
		"a needless one":       answerOf(statusOK, modeGray, 1, 1, 1, 1, 4, 0, make([]byte, 5)...),
		"a long text":          answerOf(statusDamaged, 0, 0, 0, 0, 0, 0, 301, make([]byte, 301)...),
		"a text and a picture": answerOf(statusOK, modeGray, 1, 1, 1, 1, 0, 1, 0, 0),
		"another magic":        append([]byte("x"), answerOf(statusOK, modeGray, 1, 1, 1, 1, 0, 0, 0)[1:]...),
	} {
		_, err := readAnswer(bytes.NewReader(wrong), asked)
		assert.ErrorIs(t, err, errProtocol, name)
	}
	whole := answerOf(statusOK, modePalette, 1, 2, 1, 2, 4, 0, 1, 2, 3, 4, 0, 0)
	for n := range whole {
		_, err := readAnswer(bytes.NewReader(whole[:n]), asked)
		assert.Error(t, err, n)
	}
}

// FuzzAnswer reads answers that a decoder wrote which a hostile picture has taken over.
func FuzzAnswer(f *testing.F) {
	for mode := byte(modeGray); mode <= modeRGB16; mode++ {
		size := uint64(pixelSizes[mode]) //nolint:gosec // small
		f.Add(answerOf(statusOK, mode, 1, 2, 3, 6*size, 0, 0, make([]byte, 6*size)...), true)
		f.Add(answerOf(statusOK, mode, 1, 2, 3, 6*size, 0, 0), false)
	}
	f.Add(answerOf(statusOK, modePalette, 1, 2, 3, 6, 8, 0, make([]byte, 14)...), true)
	f.Add(answerOf(statusTooLarge, 0, 0, 0, 0, 0, 0, 2, 'n', 'o'), true)
	f.Fuzz(func(t *testing.T, b []byte, pixels bool) {
		asked := request{op: describe, limits: Limits{Pixels: 1 << 12, Bytes: 1 << 13}}
		if pixels {
			asked.op = decode
		}
		r := bytes.NewReader(b)
		a, err := readAnswer(r, asked)
		if err != nil || a.failure() != nil {
			return
		}
		c := a.config()
		if c.Width < 1 || c.Height < 1 || int64(c.Width)*int64(c.Height) > asked.limits.Pixels || a.length > asked.limits.Bytes || c.ColorModel == nil {
			t.Fatalf("%d x %d, %d bytes", c.Width, c.Height, a.length)
		}
		if (a.image != nil) != pixels {
			t.Fatal("a picture, or none")
		}
		if a.image != nil && a.image.Bounds() != image.Rect(0, 0, c.Width, c.Height) {
			t.Fatal(a.image.Bounds())
		}
	})
}

func TestRequestsAreAsLongAsTheySay(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, request{decode, []byte("file"), Limits{-1, 5}}.write(&b, MaxTime))
	assert.Equal(t, requestSize+4, b.Len())
	assert.Error(t, request{decode, []byte("file"), limits}.write(failing{}, MaxTime))
}

type failing struct{}

// Write implements io.Writer.
func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
