package npy

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

var update = flag.Bool("update", false, "write the .npz files that testdata/make_arrays.py checks with NumPy")

func scratch(t testing.TB) io.ReadWriteSeeker {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "scratch"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

func newWriter(t testing.TB) *Writer { t.Helper(); return NewWriter(scratch(t), scratch(t)) }

func sampleID(i int) bson.ObjectID {
	return bson.ObjectID{0: 0x6b, 9: byte(i >> 16), 10: byte(i >> 8), 11: byte(i)}
}

func float32s(xs ...float64) Array {
	a := Array{DType: Float32, Shape: []int{len(xs)}}
	for _, x := range xs {
		a.Data = binary.LittleEndian.AppendUint32(a.Data, math.Float32bits(float32(x)))
	}
	return a
}

func float64s(xs ...float64) Array {
	a := Array{DType: Float64, Shape: []int{len(xs)}}
	for _, x := range xs {
		a.Data = binary.LittleEndian.AppendUint64(a.Data, math.Float64bits(x))
	}
	return a
}

// halves are floats of 16 bits, of numbers below 128 that end on .5.
func halves(xs ...float64) Array {
	a := Array{DType: Float16, Shape: []int{len(xs)}}
	for _, x := range xs {
		fraction, exponent := math.Frexp(x)
		a.Data = binary.LittleEndian.AppendUint16(a.Data, uint16(exponent+14)<<10|uint16(fraction*2048-1024))
	}
	return a
}

// archives are the goldens: the vector of row i, of five.
var archives = map[string]func(i int) Array{
	"float32": func(i int) Array { return float32s(row(i)...) },
	"lists":   func(i int) Array { return float64s(row(i)...) },
	"mixed": func(i int) Array {
		return []func(...float64) Array{float32s, float64s, halves}[i%3](row(i)...)
	},
	"half": func(i int) Array { return []func(...float64) Array{halves, float32s}[i%2](row(i)...) },
	"bools": func(i int) Array {
		return Array{DType: Bool, Shape: []int{3}, Data: []byte{byte(i*10) % 2, byte(i*10+1) % 2, byte(i*10+2) % 2}}
	},
	"planes": func(i int) Array {
		a := Array{DType: Int16, Shape: []int{2, 3}}
		for j := range 6 {
			a.Data = binary.LittleEndian.AppendUint16(a.Data, uint16(6*i+j))
		}
		return a
	},
	"empty": nil,
}

func row(i int) []float64 {
	x := float64(i)*10 + 0.5
	return []float64{x, x + 1, x + 2}
}

func TestArchive(t *testing.T) {
	for name, vector := range archives {
		t.Run(name, func(t *testing.T) {
			w := newWriter(t)
			if vector != nil {
				for i := range 5 {
					require.NoError(t, w.Add(sampleID(i), vector(i)))
				}
				assert.Equal(t, 5, w.Len())
			}
			var first, second bytes.Buffer
			require.NoError(t, w.Finish(&first))
			require.NoError(t, w.Finish(&second))
			assert.Equal(t, first.Bytes(), second.Bytes(), "the same bytes each time")
			path := filepath.Join("testdata", name+".npz")
			if *update {
				require.NoError(t, os.WriteFile(path, first.Bytes(), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, want, first.Bytes())
		})
	}
}

// contents reads an archive back: its ids and its numbers.
func contents(t *testing.T, archive []byte) (ids []string, h header, numbers []float64) {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	require.Len(t, r.File, 2)
	text := read(t, r, "sample_ids.npy")
	start := bytes.IndexByte(text, '\n') + 1
	require.Contains(t, string(text[:start]), "'<U24'")
	for at := start; at < len(text); at += 96 {
		var id []byte
		for i := range 24 {
			id = append(id, text[at+4*i])
			require.Equal(t, []byte{0, 0, 0}, text[at+4*i+1:at+4*i+4])
		}
		ids = append(ids, string(id))
	}
	vectors := bytes.NewReader(read(t, r, "embeddings.npy"))
	h, err = readHeader(vectors)
	require.NoError(t, err)
	data, err := io.ReadAll(vectors)
	require.NoError(t, err)
	require.EqualValues(t, h.size, len(data))
	return ids, h, Append(numbers, Array{DType: h.dtype, Data: data})
}

func read(t *testing.T, r *zip.Reader, name string) []byte {
	t.Helper()
	f, err := r.Open(name)
	require.NoError(t, err)
	data, err := io.ReadAll(f)
	require.NoError(t, err)
	return data
}

func TestManyVectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		n, size := 1+rng.IntN(3000), 1+rng.IntN(40)
		kinds := [][]func(...float64) Array{{float32s}, {float64s}, {float32s, float64s}}[rng.IntN(3)]
		w := newWriter(t)
		var wantIDs []string
		var want []float64
		for i := range n {
			xs := make([]float64, size)
			for j := range xs {
				xs[j] = float64(rng.Float32())
			}
			want = append(want, xs...)
			wantIDs = append(wantIDs, sampleID(i).Hex())
			require.NoError(t, w.Add(sampleID(i), kinds[rng.IntN(len(kinds))](xs...)))
		}
		var out bytes.Buffer
		require.NoError(t, w.Finish(&out))
		ids, h, numbers := contents(t, out.Bytes())
		require.Equal(t, wantIDs, ids)
		require.Equal(t, []int{n, size}, h.shape)
		require.Equal(t, want, numbers)
	}
}

// buffer is a file in memory.
type buffer struct {
	bytes.Buffer
	closed bool
}

// Close implements io.Closer.
func (b *buffer) Close() error { b.closed = true; return nil }

func TestPartsAreArchivesOfTheirOwn(t *testing.T) {
	w := newWriter(t)
	alone := map[int]*Writer{0: newWriter(t), 2: newWriter(t), 3: newWriter(t)}
	for i := range 12 {
		if i == 4 || i == 8 {
			w.Cut()
		}
		if i == 4 {
			w.Cut() // the part of the number 1 has no vectors
		}
		vector := float32s(row(i)...)
		if i == 9 {
			vector = float64s(row(i)...) // a part's type is its own
		}
		require.NoError(t, w.Add(sampleID(i), vector))
		require.NoError(t, alone[[]int{0, 2, 3}[i/4]].Add(sampleID(i), vector))
	}
	w.Cut()
	got := map[int]*buffer{}
	require.NoError(t, w.FinishParts(func(part int) (io.WriteCloser, error) {
		got[part] = new(buffer)
		return got[part], nil
	}))
	require.Len(t, got, len(alone))
	for part, one := range alone {
		var want bytes.Buffer
		require.NoError(t, one.Finish(&want))
		assert.Equal(t, want.Bytes(), got[part].Bytes(), "part %d", part)
		assert.True(t, got[part].closed)
	}
	var whole bytes.Buffer
	require.NoError(t, w.Finish(&whole))
	ids, h, _ := contents(t, whole.Bytes())
	assert.Len(t, ids, 12)
	assert.Equal(t, Float64, h.dtype)
	assert.Equal(t, 12, w.Len())

	full := errors.New("full")
	require.ErrorIs(t, w.FinishParts(func(int) (io.WriteCloser, error) { return nil, full }), full)
}

func TestVectorsOfAnotherLengthAreLeftOut(t *testing.T) {
	w := newWriter(t)
	require.NoError(t, w.Add(sampleID(1), float32s(1, 2, 3)))
	err := w.Add(sampleID(2), float64s(1, 2))
	var shape *ShapeError
	require.ErrorAs(t, err, &shape)
	assert.Equal(t, ShapeError{Sample: sampleID(2), Shape: []int{2}, Want: []int{3}}, *shape)
	assert.Equal(t, "sample "+sampleID(2).Hex()+" has a vector of 2 numbers, those before it have 3", err.Error())
	err = w.Add(sampleID(3), Array{DType: Float32, Shape: []int{1, 3}, Data: make([]byte, 12)})
	assert.Equal(t, "sample "+sampleID(3).Hex()+" has an array of shape [1 3], those before it have [3]", err.Error())
	require.NoError(t, w.Add(sampleID(4), float32s(4, 5, 6)))
	assert.Equal(t, 2, w.Len())

	var out bytes.Buffer
	require.NoError(t, w.Finish(&out))
	ids, h, numbers := contents(t, out.Bytes())
	assert.Equal(t, []string{sampleID(1).Hex(), sampleID(4).Hex()}, ids)
	assert.Equal(t, Float32, h.dtype, "what is left out does not change the type")
	assert.Equal(t, []float64{1, 2, 3, 4, 5, 6}, numbers)
}

func TestTypesOfMixedVectors(t *testing.T) {
	for _, c := range []struct{ a, b, want DType }{
		{Float16, Float16, Float16}, {Float16, Float32, Float32}, {Float32, Float64, Float64}, {Int64, Int64, Int64},
		{Int8, Float32, Float64}, {Uint8, Int8, Float64}, {Bool, Bool, Bool}, {Bool, Uint8, Float64},
	} {
		assert.Equal(t, c.want, common(c.a, c.b), "%s %s", c.a, c.b)
		assert.Equal(t, c.want, common(c.b, c.a), "%s %s", c.b, c.a)
	}
}

func TestAddKeepsNothingOfTheCallers(t *testing.T) {
	w := newWriter(t)
	a := float32s(1, 2)
	require.NoError(t, w.Add(sampleID(1), a))
	a.Shape[0], a.Data[0] = 99, 99
	require.NoError(t, w.Add(sampleID(2), float32s(3, 4)))
	var out bytes.Buffer
	require.NoError(t, w.Finish(&out))
	_, _, numbers := contents(t, out.Bytes())
	assert.Equal(t, []float64{1, 2, 3, 4}, numbers)
}

// failing is a scratch file or an output whose operations fail after some bytes.
type failing struct {
	io.ReadWriteSeeker
	writes, reads int
	seeks         bool
}

var errDisk = errors.New("the disk is full")

func (f *failing) Write(p []byte) (int, error) {
	if f.writes -= len(p); f.writes < 0 {
		return 0, errDisk
	}
	return f.ReadWriteSeeker.Write(p)
}

func (f *failing) Read(p []byte) (int, error) {
	if len(p) > f.reads {
		p = p[:f.reads]
	}
	if len(p) == 0 {
		return 0, errDisk
	}
	n, err := f.ReadWriteSeeker.Read(p)
	f.reads -= n
	return n, err
}

func (f *failing) Seek(offset int64, whence int) (int64, error) {
	if f.seeks {
		return 0, errDisk
	}
	return f.ReadWriteSeeker.Seek(offset, whence)
}

func TestFailingFiles(t *testing.T) {
	const much = 1 << 30
	run := func(ids, vectors, out *failing) error {
		for _, f := range []*failing{ids, vectors, out} {
			f.ReadWriteSeeker = scratch(t)
		}
		w := NewWriter(ids, vectors)
		for i := range 20_000 {
			if err := w.Add(sampleID(i), float32s(row(i)...)); err != nil {
				return err
			}
		}
		return w.Finish(out)
	}
	fine := func() *failing { return &failing{writes: much, reads: much} }
	out := fine()
	require.NoError(t, run(fine(), fine(), out))
	total := much - out.writes
	for i, bad := range []func() (ids, vectors, out *failing){
		func() (a, b, c *failing) { return &failing{reads: much}, fine(), fine() },
		func() (a, b, c *failing) { return fine(), &failing{reads: much}, fine() },
		func() (a, b, c *failing) { return fine(), &failing{writes: 250_000, reads: much}, fine() },
		func() (a, b, c *failing) { return &failing{writes: much}, fine(), fine() },
		func() (a, b, c *failing) { return &failing{writes: much, reads: 100_000}, fine(), fine() },
		func() (a, b, c *failing) { return fine(), &failing{writes: much}, fine() },
		func() (a, b, c *failing) { return fine(), &failing{writes: much, reads: 100_000}, fine() },
		func() (a, b, c *failing) { return &failing{writes: much, reads: much, seeks: true}, fine(), fine() },
		func() (a, b, c *failing) { return fine(), &failing{writes: much, reads: much, seeks: true}, fine() },
		func() (a, b, c *failing) { return fine(), fine(), &failing{} },
		func() (a, b, c *failing) { return fine(), fine(), &failing{writes: total / 2} },
		func() (a, b, c *failing) { return fine(), fine(), &failing{writes: total - 1000} },
		func() (a, b, c *failing) { return fine(), fine(), &failing{writes: total - 1} },
	} {
		assert.ErrorIs(t, run(bad()), errDisk, fmt.Sprint(i))
	}
}

func BenchmarkAddAndFinish(b *testing.B) {
	xs := make([]float64, 512)
	a := float32s(xs...)
	w := newWriter(b)
	b.SetBytes(int64(len(a.Data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Add(sampleID(1), a); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Finish(io.Discard); err != nil {
		b.Fatal(err)
	}
}

func TestTheShapeMayBeSetBeforeTheFirstVector(t *testing.T) {
	w := newWriter(t)
	w.SetShape([]int{2})
	var shape *ShapeError
	require.ErrorAs(t, w.Add(sampleID(1), float32s(1, 2, 3)), &shape)
	require.NoError(t, w.Add(sampleID(2), float32s(1, 2)))
	require.ErrorAs(t, w.Add(sampleID(3), float32s(1)), &shape)
	assert.Equal(t, 1, w.Len())
	assert.Equal(t, []int{2}, w.Shape())
	var with, without bytes.Buffer
	require.NoError(t, w.Finish(&with))
	plain := newWriter(t)
	require.NoError(t, plain.Add(sampleID(2), float32s(1, 2)))
	require.NoError(t, plain.Finish(&without))
	assert.Equal(t, without.Bytes(), with.Bytes())
}
