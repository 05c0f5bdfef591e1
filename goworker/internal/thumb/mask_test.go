package thumb

import (
	"bytes"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// drawn makes a mask of lines of text: '.' is class 0 and other signs their digit.
func drawn(lines ...string) Mask {
	m := NewMask(len(lines[0]), len(lines))
	for i, c := range strings.Join(lines, "") {
		if c != '.' {
			m.Pix[i] = uint8(c - '0')
		}
	}
	return m
}

// text is what drawn makes a mask of.
func (m Mask) text() (lines []string) {
	for y := range m.Height {
		line := ""
		for _, v := range m.Pix[y*m.Width:][:m.Width] {
			line += string(".123456789"[v])
		}
		lines = append(lines, line)
	}
	return lines
}

func TestEncodeMask(t *testing.T) {
	var e MaskEncoder
	r := rand.New(rand.NewPCG(1, 1))
	for _, size := range [][2]int{{1, 1}, {256, 144}, {3, 500}} {
		m := NewMask(size[0], size[1])
		for i := range m.Pix {
			m.Pix[i] = uint8(r.IntN(256))
		}
		data, err := e.Encode(m)
		require.NoError(t, err)
		again, err := new(MaskEncoder).Encode(m)
		require.NoError(t, err)
		assert.Equal(t, again, data)
		back, err := png.Decode(bytes.NewReader(data))
		require.NoError(t, err)
		assert.Equal(t, m.Pix, back.(*image.Gray).Pix)
		assert.Equal(t, image.Rect(0, 0, size[0], size[1]), back.Bounds())
	}
	for _, bad := range []Mask{{}, {Pix: make([]uint8, 5), Width: 2, Height: 2}, {Width: -1, Height: 4}, {Width: math.MaxInt, Height: math.MaxInt}} {
		_, err := e.Encode(bad)
		assert.ErrorIs(t, err, ErrCorrupt)
		_, err = bad.Scale(1, 1)
		assert.ErrorIs(t, err, ErrCorrupt)
	}
}

func TestScaleMask(t *testing.T) {
	m := drawn("1122", "1122", "3344", "3344")
	for _, test := range []struct {
		width, height int
		want          []string
	}{
		{2, 2, []string{"12", "34"}},
		{4, 4, m.text()},
		{8, 2, []string{"11112222", "33334444"}},
		{1, 1, []string{"4"}},
		{3, 1, []string{"344"}},
	} {
		got, err := m.Scale(test.width, test.height)
		require.NoError(t, err)
		assert.Equal(t, test.want, got.text())
	}
	_, err := m.Scale(0, 2)
	assert.ErrorIs(t, err, ErrUnsupported)
}

func TestPaintInstance(t *testing.T) {
	tests := []struct {
		what   string
		object Mask
		box    Box
		want   []string
	}{
		{"pixel for pixel", drawn(".9", "99"), Box{0.25, 0.5, 0.5, 0.5}, []string{"2222", "2222", "2252", "2552"}},
		{"enlarged", drawn("9."), Box{0, 0, 1, 0.5}, []string{"5522", "5522", "2222", "2222"}},
		{"shrunk", drawn("9999....", "9999....", "9999....", "9999...."), Box{0.5, 0, 0.5, 0.25}, []string{"2252", "2222", "2222", "2222"}},
		{"beyond the edges", drawn("99", "99"), Box{0.5, -0.5, 1, 1}, []string{"2255", "2255", "2222", "2222"}},
		{"outside", drawn("99", "99"), Box{1, 1, 1, 1}, []string{"2222", "2222", "2222", "2222"}},
		{"between pixel centres", drawn("9"), Box{0.2, 0.2, 0.1, 0.1}, []string{"2222", "2222", "2222", "2222"}},
		{"no numbers", drawn("9"), Box{math.NaN(), 0, 1, math.NaN()}, []string{"2222", "2222", "2222", "2222"}},
		{"endless", drawn("9"), Box{math.Inf(-1), 0, math.Inf(1), 1}, []string{"2222", "2222", "2222", "2222"}},
		{"huge", drawn("9"), Box{-1e300, -1e300, 2e300, 2e300}, []string{"5555", "5555", "5555", "5555"}},
		{"backwards", drawn("9"), Box{1, 1, -1, -1}, []string{"2222", "2222", "2222", "2222"}},
	}
	for _, test := range tests {
		m := drawn("2222", "2222", "2222", "2222")
		require.NoError(t, m.PaintInstance(test.object, test.box, 5), test.what)
		assert.Equal(t, test.want, m.text(), test.what)
	}
	assert.ErrorIs(t, NewMask(4, 4).PaintInstance(Mask{Width: 3, Height: 3}, Box{0, 0, 1, 1}, 1), ErrCorrupt)
}

func TestFillPolygon(t *testing.T) {
	square := []Point{{0, 0}, {1, 0}, {1, 1}, {0, 1}}
	tests := []struct {
		what     string
		outlines [][]Point
		want     []string
	}{
		{"all", [][]Point{square}, []string{"33333", "33333", "33333", "33333", "33333"}},
		{"triangle", [][]Point{{{0, 0}, {1, 0}, {0, 1}}}, []string{"3333.", "333..", "33...", "3....", "....."}},
		{"hole", [][]Point{square, {{0.2, 0.2}, {0.8, 0.2}, {0.8, 0.8}, {0.2, 0.8}}}, []string{"33333", "3...3", "3...3", "3...3", "33333"}},
		{"two", [][]Point{{{0, 0}, {0.4, 0}, {0.4, 0.4}, {0, 0.4}}, {{0.6, 0.6}, {1, 0.6}, {1, 1}, {0.6, 1}}}, []string{"33...", "33...", ".....", "...33", "...33"}},
		{"beyond the edges", [][]Point{{{-3, 0.2}, {9, 0.2}, {9, 0.6}, {-3, 0.6}}}, []string{".....", "33333", "33333", ".....", "....."}},
		{"closed by hand", [][]Point{append(square[:4:4], square[0])}, []string{"33333", "33333", "33333", "33333", "33333"}},
		{"no numbers", [][]Point{append(square[:2:2], Point{math.NaN(), 0.5}, square[2], square[3], Point{math.Inf(1), 0})}, []string{"33333", "33333", "33333", "33333", "33333"}},
		{"line", [][]Point{{{0, 0}, {1, 1}}}, []string{".....", ".....", ".....", ".....", "....."}},
		{"nothing", [][]Point{{}, nil, {{0.5, 0.5}}}, []string{".....", ".....", ".....", ".....", "....."}},
	}
	for _, test := range tests {
		m := NewMask(5, 5)
		m.FillPolygon(test.outlines, 3)
		assert.Equal(t, test.want, m.text(), test.what)
	}
}

// TestFillPolygonEverywhere compares with the definition, pixel by pixel.
func TestFillPolygonEverywhere(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for range 50 {
		outlines := make([][]Point, 1+r.IntN(3))
		for i := range outlines {
			for range 3 + r.IntN(9) {
				outlines[i] = append(outlines[i], Point{r.Float64()*1.4 - 0.2, r.Float64()*1.4 - 0.2})
			}
		}
		m := NewMask(31, 23)
		m.FillPolygon(outlines, 1)
		for i, got := range m.Pix {
			x, y := (float64(i%31)+0.5)/31, (float64(i/31)+0.5)/23
			inside := uint8(0)
			for _, o := range outlines {
				for j, a := range o {
					b := o[(j+1)%len(o)]
					if (a.Y > y) != (b.Y > y) && x < a.X+(y-a.Y)/(b.Y-a.Y)*(b.X-a.X) {
						inside ^= 1
					}
				}
			}
			require.Equal(t, inside, got, "pixel %d, %d", i%31, i/31)
		}
	}
}

func TestHeatmap(t *testing.T) {
	var th Thumbnailer
	nan := float32(math.NaN())
	h := Heat{Values: []float32{0, 10, -5, 30, nan, 5}, Width: 2, Height: 3, High: 10}
	thumb, err := th.Heatmap(h, 160, 240, 95)
	require.NoError(t, err)
	m := decode(t, thumb)
	dark, middle, bright := viridis[0], viridis[8], viridis[16]
	for at, want := range map[image.Point][3]int{
		{10, 10}: dark, {150, 10}: bright, {10, 120}: dark, {150, 120}: bright, {10, 230}: dark, {150, 230}: middle,
	} {
		r, g, b, _ := m.At(at.X, at.Y).RGBA()
		for c, v := range []uint32{r, g, b} {
			assert.InDelta(t, want[c], v>>8, 14, "colour %d at %v", c, at)
		}
	}
	assert.Equal(t, [2]int{2, 3}, [2]int{thumb.SourceWidth, thumb.SourceHeight})
	again, err := new(Thumbnailer).Heatmap(h, 160, 240, 95)
	require.NoError(t, err)
	assert.Equal(t, again, thumb)
	for _, bad := range []Heat{{}, {Values: make([]float32, 5), Width: 2, Height: 2, High: 1}} {
		_, err := th.Heatmap(bad, 10, 10, 0)
		assert.ErrorIs(t, err, ErrCorrupt)
	}
	h.High = math.NaN()
	_, err = th.Heatmap(h, 10, 10, 0)
	assert.ErrorIs(t, err, ErrUnsupported)
}

func TestHeatColors(t *testing.T) {
	assert.Equal(t, [3]byte{68, 1, 84}, heatColor(0))
	assert.Equal(t, [3]byte{253, 231, 37}, heatColor(255))
	for v := range 256 {
		i, part := v*16/255, float64(v*16%255)/255
		for c, got := range heatColor(v) {
			next := viridis[min(i+1, 16)][c]
			assert.InDelta(t, float64(viridis[i][c])*(1-part)+float64(next)*part, got, 0.51)
		}
	}
}
