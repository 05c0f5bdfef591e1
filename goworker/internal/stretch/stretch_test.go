package stretch

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// values gives n values, evenly spread from low to high.
func values(low, high float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = low + (high-low)*float64(i)/float64(n-1)
	}
	return out
}

// with repeats a value and adds it to others.
func with(v float64, n int, others []float64) []float64 {
	return append(slices.Repeat([]float64{v}, n), others...)
}

func wide(v []float64) *image.Gray16 {
	m := image.NewGray16(image.Rect(0, 0, len(v), 1))
	for i, one := range v {
		m.SetGray16(i, 0, color.Gray16{Y: uint16(math.Round(one))})
	}
	return m
}

func floats(v []float64) *Floats {
	m := NewFloats(image.Rect(0, 0, len(v), 1))
	for i := range v {
		m.Pix[i] = float32(v[i])
	}
	return m
}

func TestWide(t *testing.T) {
	for name, c := range map[string]struct {
		values    []float64
		black     float64 // the last value that is black
		white     float64 // the first that is white
		stretched bool
	}{
		"thermal":                       {values(7000, 9000, 2001), 7020, 8980, true},
		"depth":                         {values(0, 10000, 10001), 100, 9900, true},
		"depth with holes":              {with(0, 500, values(4000, 6000, 1001)), 4010, 5990, true},
		"holes near the depths":         {with(0, 500, values(1000, 6000, 1001)), 0, 5950, true},
		"saturated":                     {with(65535, 50, values(4000, 6000, 1001)), 4010, 5990, true},
		"holes and saturated":           {with(0, 50, with(65535, 50, values(4000, 6000, 1001))), 4010, 5990, true},
		"a few echoes":                  {with(0, 100_000, values(100, 5000, 491)), 148, 4952, true},
		"two kinds":                     {with(0, 50, with(300, 50, nil)), 0, 300, true},
		"numbers of classes":            {with(0, 50, with(1, 50, with(2, 50, with(3, 50, nil)))), 0, 3, true},
		"the whole type":                {values(0, 65535, 1000), 0, 65535, false},
		"a photograph of high contrast": {values(2000, 30000, 1000), 0, 65535, false},
		"black and white":               {with(0, 50, with(65535, 50, nil)), 0, 65535, false},
		"one value":                     {with(5000, 50, nil), 0, 65535, false},
	} {
		var w Wide
		levels, stretched := w.Levels(wide(c.values), Range{})
		assert.Equal(t, c.stretched, stretched, name)
		assert.Zero(t, levels[int(c.black)], name)
		assert.EqualValues(t, 255, levels[int(c.white)], name)
		middle := math.Floor((c.black + c.white) / 2)
		assert.InDelta(t, (middle-c.black)/(c.white-c.black)*255, float64(levels[int(middle)]), 2, name)
		assert.Positive(t, levels[int(c.black+(c.white-c.black)*0.02)+1], name)
		assert.Less(t, levels[int(c.white-(c.white-c.black)*0.02)-1], byte(255), name)

		fixed, stretched := w.Levels(wide(c.values), Range{1000, 2000})
		assert.False(t, stretched, name)
		assert.Equal(t, [4]byte{0, 128, 255, 255}, [4]byte{fixed[1000], fixed[1500], fixed[2000], fixed[60000]}, name)
	}
}

func TestFloats(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]struct {
		values    []float64
		want      Range
		stretched bool
	}{
		"shares":             {values(0, 1, 1001), Range{0, 1}, false},
		"shares of a part":   {values(0.5, 0.6, 1001), Range{0.501, 0.599}, true},
		"metres":             {values(-50, 150, 2001), Range{-48, 148}, true},
		"-9999 means none":   {with(-9999, 300, values(200, 400, 1001)), Range{202, 398}, true},
		"1e20 means none":    {with(1e20, 300, values(200, 400, 1001)), Range{202, 398}, true},
		"the lowest float":   {with(-math.MaxFloat32, 300, values(200, 400, 1001)), Range{202, 398}, true},
		"not finite":         {with(nan, 100, with(inf, 100, with(-inf, 100, values(200, 400, 1001)))), Range{202, 398}, true},
		"the largest floats": {values(-math.MaxFloat32, math.MaxFloat32, 1001), Range{-0.98 * math.MaxFloat32, 0.98 * math.MaxFloat32}, true},
	} {
		got, stretched := floats(c.values).Range()
		assert.Equal(t, c.stretched, stretched, name)
		near := (c.want.High/1000 - c.want.Low/1000)
		assert.InDelta(t, c.want.Low, got.Low, near, name)
		assert.InDelta(t, c.want.High, got.High, near, name)
		assert.Equal(t, [4]byte{0, 255, 0, 0}, [4]byte{got.Level(got.Low), got.Level(got.High), got.Level(nan), got.Level(-inf)}, name)
		assert.InDelta(t, 127.5, float64(got.Level(got.Low/2+got.High/2)), 1, name)
	}
	for name, v := range map[string][]float64{"nothing": {nan, nan, inf}, "one value": {7, 7, 7, nan}, "none": nil} {
		r, stretched := floats(v).Range()
		assert.False(t, stretched, name)
		for _, one := range v {
			assert.True(t, r.Level(one) == 0 || math.IsInf(one, 0), name)
		}
	}
	m := floats(with(-1, 300, values(0, 4, 401)))
	none := float32(-1)
	m.NoData = &none
	r, _ := m.Range()
	assert.InDelta(t, 0.04, r.Low, 0.001)
	row := make([]byte, len(m.Pix))
	m.Row(row, 0, Range{-3, 5})
	assert.Zero(t, row[0], "no data is black")
	assert.NotZero(t, row[300])
}

// TestColors checks that one range holds for all colours, and that what cannot be seen has no part in it.
func TestColors(t *testing.T) {
	plain, multiplied := image.NewNRGBA64(image.Rect(3, 2, 103, 12)), image.NewRGBA64(image.Rect(3, 2, 103, 12))
	for y := range 10 {
		for x := range 100 {
			c := color.NRGBA64{R: uint16(1000 + 10*x), G: uint16(2000 + 10*y), B: 1500, A: 65535}
			switch y {
			case 0:
				c = color.NRGBA64{R: 60000, G: 60000, B: 60000, A: 0}
			case 1:
				c.A = 30000
			}
			plain.SetNRGBA64(3+x, 2+y, c)
			multiplied.Set(3+x, 2+y, c)
		}
	}
	for _, m := range []image.Image{plain, multiplied} {
		var w Wide
		levels, stretched := w.Levels(m, Range{})
		require.True(t, stretched)
		assert.InDelta(t, 0, float64(levels[1000]), 2)
		assert.InDelta(t, 255, float64(levels[2100]), 3)
	}
}

// TestPercentilesOfLargePictures compares with all samples sorted, for what is read in full and for what is not.
func TestPercentilesOfLargePictures(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	m := NewFloats(image.Rect(0, 0, 1024, 512)) // columns differ, and their number is a power of two
	w := image.NewGray16(m.Rect)
	var all []float64
	for i := range m.Pix {
		v := 20000 + 3000*math.Sin(float64(i%1024)/200) + 500*random.NormFloat64()
		m.Pix[i] = float32(v)
		w.SetGray16(i%1024, i/1024, color.Gray16{Y: uint16(v)})
		all = append(all, v)
	}
	slices.Sort(all)
	low, high := all[len(all)/100], all[len(all)*99/100]
	r, stretched := m.Range()
	require.True(t, stretched)
	assert.InDelta(t, low, r.Low, 30)
	assert.InDelta(t, high, r.High, 30)
	again, _ := m.Range()
	assert.Equal(t, r, again)
	var wide Wide
	levels, _ := wide.Levels(w, Range{})
	assert.InDelta(t, low, float64(slices.Index(levels[:], 1)), 30)
	assert.InDelta(t, high, float64(slices.Index(levels[:], 255)), 30)
}

// FuzzRange has any samples: the range is one, of finite numbers, and levels rise with samples.
func FuzzRange(f *testing.F) {
	f.Add([]byte("some samples of four bytes each"), false)
	f.Add([]byte{0, 0, 0x80, 0x7F, 0, 0, 0x80, 0xFF, 1, 0, 0, 0, 0xFF, 0xFF, 0x7F, 0x7F, 0xFF, 0xFF, 0x7F, 0xFF}, true)
	f.Fuzz(func(t *testing.T, b []byte, short bool) {
		var v []float64
		for ; len(b) >= 4; b = b[4:] {
			bits := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
			if short {
				v = append(v, float64(bits&0xFFFF))
			} else {
				v = append(v, float64(math.Float32frombits(bits)))
			}
		}
		if short {
			var w Wide
			levels, _ := w.Levels(wide(v), Range{})
			require.True(t, slices.IsSorted(levels[:]))
			require.EqualValues(t, 255, levels[65535])
			require.Zero(t, levels[0])
			return
		}
		r, _ := floats(v).Range()
		require.True(t, r.IsSet() && !math.IsInf(r.Low, 0) && !math.IsInf(r.High, 0), "%v", r)
		slices.Sort(v)
		last := byte(0)
		for _, one := range v {
			level := r.Level(one)
			require.GreaterOrEqual(t, level, last)
			last = level
		}
	})
}
