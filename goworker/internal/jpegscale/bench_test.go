package jpegscale

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// benchPicture makes a JPEG of 1280 x 720 with about as many bits a pixel as a
// photograph has. The ratio to Pillow on photographs is measured by bench/thumbs.py.
func benchPicture(b *testing.B) []byte {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	m := image.NewRGBA(image.Rect(0, 0, 1280, 720))
	for y := range 720 {
		for x := range 1280 {
			fx, fy := float64(x), float64(y)
			v := 128 + 60*math.Sin(fx/50)*math.Cos(fy/37) + 25*math.Sin(fx*fy/4000) + r.NormFloat64()*6*float64(x)/1280
			c := 20 * math.Sin((fx+fy)/90)
			m.SetRGBA(x, y, color.RGBA{bound(v + c), bound(v), bound(v - c), 255})
		}
	}
	var out bytes.Buffer
	require.NoError(b, jpeg.Encode(&out, m, &jpeg.Options{Quality: 88}))
	return out.Bytes()
}

func bound(v float64) uint8 { return uint8(min(max(v, 0), 255)) }

func BenchmarkDecode(b *testing.B) {
	data := benchPicture(b)
	for _, scale := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprintf("1of%d", scale), func(b *testing.B) {
			var d Decoder
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				_, err := d.Decode(context.Background(), data, Options{Scale: scale, HalfChroma: true})
				require.NoError(b, err)
			}
		})
	}
	b.Run("standard library", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			_, err := jpeg.Decode(bytes.NewReader(data))
			require.NoError(b, err)
		}
	})
}
