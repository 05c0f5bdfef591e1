package table

import (
	"crypto/md5"
	"encoding"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// randomCells are cells of one column: values of a kind or two, with nulls, and a rare one that changes the column's type.
func randomCells(rng *rand.Rand, rows int) []func(*Writer) {
	kinds := []func() any{
		func() any { return rng.IntN(1000) },
		func() any { return rng.Float64() },
		func() any { return int64(1)<<60 + rng.Int64N(9) },
		func() any { return fmt.Sprintf("text %d é\"\\", rng.IntN(9)) },
		func() any { return rng.IntN(2) == 1 },
		func() any { return bson.DateTime(rng.Int64N(1e12)) },
		func() any { return bson.A{} },
		func() any { return bson.A{rng.IntN(9), nil} },
		func() any { return bson.A{"a", bson.A{"b"}} },
		func() any { return bson.A{bson.A{bson.A{bson.A{bson.A{1}}}}} },
		func() any { return bson.D{} },
		func() any { return bson.D{{Key: "x", Value: rng.IntN(9)}} },
		func() any {
			return bson.D{{Key: "x", Value: nil}, {Key: fmt.Sprint("k", rng.IntN(3)), Value: bson.A{bson.D{{Key: "y", Value: "z"}}}}}
		},
		func() any { return bson.D{{Key: fmt.Sprint("key", rng.IntN(150)), Value: 1}} },
		func() any { return bson.D{{Key: "bad\xff", Value: 1}} },
	}
	common, rare := kinds[rng.IntN(len(kinds))], kinds[rng.IntN(len(kinds))]
	odds := []int{0, 0, 1, 20}[rng.IntN(4)]
	nulls := rng.IntN(3)
	picture := rng.IntN(6) == 0
	cells := make([]func(*Writer), rows)
	for i := range cells {
		var v any
		switch {
		case rng.IntN(10) < nulls:
		case rng.IntN(100) < odds:
			v = rare()
		default:
			v = common()
		}
		t, value, _ := bson.MarshalValue(v)
		cells[i] = func(w *Writer) { w.BSON(bson.RawValue{Type: t, Value: value}) }
		if picture {
			n := rng.IntN(20)
			cells[i] = func(w *Writer) { randomPicture(w, n) }
		}
	}
	return cells
}

// randomPicture writes one of some pictures, or none.
func randomPicture(w *Writer, n int) {
	if n == 0 {
		w.Null()
		return
	}
	img := Image{Path: fmt.Sprint("media/", n), SHA256: "s", Format: "jpg", Width: n, Height: n}
	if n%3 == 0 {
		img.Classes = &ClassesFile{Path: "classes", Digest: "d"}
		img.Boxes = []BoxLayer{{Key: fmt.Sprint("layer", n%4), Boxes: []Box{{MaxX: 1, MaxY: 1, ClassID: n % 5, Scores: []Score{{fmt.Sprint("score", n%2), 1}}}}}}
		img.Masks = []MaskLayer{{Key: "_type", Path: "mask", SHA256: "s", ClassIDs: []int{n % 5, 1}}}
	}
	w.Image(img)
}

// bodies writes rows as shards of so many do, each by a writer of its own, those again that do not fit the others.
func bodies(t *testing.T, columns []string, cells [][]func(*Writer), size int) (parts []*memory, states []Body, texts []int) {
	t.Helper()
	rows := len(cells[0])
	write := func(n int) {
		var files partFiles
		w := NewWriter(columns, files.open)
		w.SetTexts(texts)
		for i := n * size; i < min(rows, (n+1)*size); i++ {
			w.BeginRow()
			for _, column := range cells {
				column[i](w)
			}
			require.NoError(t, w.EndRow())
		}
		body, err := w.CloseRows()
		require.NoError(t, err)
		require.Len(t, body.Parts, 1)
		raw, err := json.Marshal(body) // as it is stored
		require.NoError(t, err)
		var back Body
		require.NoError(t, json.Unmarshal(raw, &back))
		again, err := json.Marshal(back)
		require.NoError(t, err)
		require.JSONEq(t, string(raw), string(again))
		parts[n], states[n] = files[0], back
		require.Zero(t, files[0].closed)
	}
	parts, states = make([]*memory, (rows+size-1)/size), make([]Body, (rows+size-1)/size)
	for n := range parts {
		write(n)
	}
	var all Types
	for _, one := range states {
		require.NoError(t, all.Merge(one.Types))
	}
	texts = all.Texts()
	for n := range parts {
		if !states[n].Types.Fit(texts) {
			write(n)
			require.True(t, states[n].Types.Fit(texts))
		}
	}
	return parts, states, texts
}

// TestTypesOfSeveralWritersAreThoseOfOne holds that parts which several writers make are those of one writer, to the byte.
func TestTypesOfSeveralWritersAreThoseOfOne(t *testing.T) {
	const columns, seeds = 12, 60
	rewritten := 0
	for seed := range uint64(seeds) {
		rng := rand.New(rand.NewPCG(seed, 1))
		rows, size := 1+rng.IntN(300), 1+rng.IntN(80)
		var names []string
		var cells [][]func(*Writer)
		for i := range columns {
			names = append(names, fmt.Sprint("column ", i))
			cells = append(cells, randomCells(rng, rows))
		}
		classes := []string{"zero", "one", "two", "", "four"}

		var files partFiles
		one := NewWriter(names, files.open)
		one.SetLimits(int64(size), int64(size))
		one.SetClasses(classes)
		for i := range rows {
			one.BeginRow()
			for _, column := range cells {
				column[i](one)
			}
			require.NoError(t, one.EndRow())
		}
		want, err := one.Close()
		require.NoError(t, err)

		parts, states, texts := bodies(t, names, cells, size)
		rewritten += len(texts)
		var all Types
		for _, state := range states {
			require.NoError(t, all.Merge(state.Types))
		}
		types := all.JSON(names, classes)
		require.JSONEq(t, string(want.Types), string(types), "seed %d", seed)
		require.Len(t, parts, len(files))
		for n, part := range parts {
			sum := md5.New()
			_, _ = sum.Write(part.Bytes())
			state, err := sum.(encoding.BinaryMarshaler).MarshalBinary()
			require.NoError(t, err)
			rest := md5.New()
			require.NoError(t, rest.(encoding.BinaryUnmarshaler).UnmarshalBinary(state))
			footer := Footer(columns, states[n].Parts[0], types)
			_, _ = rest.Write(footer)
			_, _ = part.Write(footer)
			require.Equal(t, files[n].String(), part.String(), "seed %d, part %d", seed, n)
			whole := md5.Sum(files[n].Bytes())
			require.Equal(t, whole[:], rest.Sum(nil), "the MD5 of a part goes on from that of its rows")
		}
	}
	assert.Greater(t, rewritten, 20, "no column became one of texts")
}

func TestPicturesBesideOtherValuesOfAnotherWriter(t *testing.T) {
	write := func(cell func(*Writer)) Types {
		var files partFiles
		w := NewWriter([]string{"c"}, files.open)
		w.BeginRow()
		cell(w)
		require.NoError(t, w.EndRow())
		body, err := w.CloseRows()
		require.NoError(t, err)
		return body.Types
	}
	var all Types
	require.NoError(t, all.Merge(write(func(w *Writer) { randomPicture(w, 3) })))
	require.NoError(t, all.Merge(write((*Writer).Null)))
	require.Error(t, all.Merge(write(func(w *Writer) { w.Text("no picture") })))
	var other Types
	require.NoError(t, other.Merge(write((*Writer).Null)))
	require.NoError(t, other.Merge(write(func(w *Writer) { w.Bool(true) })))
	require.Error(t, other.Merge(write(func(w *Writer) { randomPicture(w, 1) })))
}

func TestAWriterAfterCloseRows(t *testing.T) {
	var files partFiles
	w := NewWriter([]string{"c"}, files.open)
	body, err := w.CloseRows()
	require.NoError(t, err)
	assert.Equal(t, []int64{0}, body.Parts, "a table without rows has one part, too")
	w.BeginRow()
	require.Error(t, w.EndRow())
	_, err = w.CloseRows()
	require.Error(t, err)
}
