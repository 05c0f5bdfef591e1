package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// rows writes n rows of a number and a text, the latter null in all but the last row.
func rows(t *testing.T, n int, perPart int64) (partFiles, Summary) {
	t.Helper()
	var files partFiles
	w := NewWriter([]string{"n", "s"}, files.open)
	w.wholeRows, w.partRows = perPart, perPart
	for i := range n {
		w.BeginRow()
		w.Int(int64(i))
		if i == n-1 {
			w.Text("last")
		} else {
			w.Null()
		}
		require.NoError(t, w.EndRow())
	}
	sum, err := w.Close()
	require.NoError(t, err)
	return files, sum
}

func TestLongTablesHaveParts(t *testing.T) {
	for _, c := range []struct {
		rows  int
		parts []int64
	}{
		{0, []int64{0}}, {1, []int64{1}}, {3, []int64{3}}, {4, []int64{3, 1}}, {6, []int64{3, 3}}, {7, []int64{3, 3, 1}},
	} {
		t.Run(fmt.Sprint(c.rows), func(t *testing.T) {
			files, sum := rows(t, c.rows, 3)
			assert.Equal(t, int64(c.rows), sum.Rows)
			assert.Equal(t, c.parts, sum.Parts)
			assert.Equal(t, []string{"n", "s"}, sum.Columns)
			require.Len(t, files, len(c.parts))
			next := 0
			for i, file := range files {
				readable(t, file.Bytes())
				part := parse(t, file.Bytes())
				assert.Equal(t, sum.Columns, part.Columns)
				assert.JSONEq(t, string(sum.Types), string(*part.ColumnTypes), "the types of part %d", i)
				require.Len(t, part.Data, int(c.parts[i]))
				for _, row := range part.Data {
					assert.Equal(t, json.Number(fmt.Sprint(next)), row[0])
					next++
				}
				full := 0
				if c.parts[i] == 3 && len(c.parts) > 1 {
					full = 1
				}
				assert.Equal(t, full, file.parked, "a full part is put aside until the end")
				assert.Equal(t, 1, file.closed)
			}
			assert.Equal(t, c.rows, next)
		})
	}
}

func TestPartsHoldAsManyRowsAsTheOfficialPackageReads(t *testing.T) {
	for rows, want := range map[int][]int64{200_000: {200_000}, 200_001: {20_000, 20_000, 20_000, 20_000, 20_000, 20_000, 20_000, 20_000, 20_000, 20_000, 1}} {
		var files partFiles
		w := NewWriter(nil, files.open)
		for range rows {
			w.BeginRow()
			require.NoError(t, w.EndRow())
		}
		sum, err := w.Close()
		require.NoError(t, err)
		assert.Equal(t, want, sum.Parts)
	}
}

// TestALongTableIsCutAsIfItHadBeenFromTheBeginning: the first rows lie in one file until it is known that there are more.
func TestALongTableIsCutAsIfItHadBeenFromTheBeginning(t *testing.T) {
	value := func(w *Writer, i int, late bool) {
		switch {
		case late: // makes the column one of texts
			w.Text("late")
		case i%5 == 0:
			w.Null()
		default:
			w.Int(int64(i))
		}
	}
	write := func(rows, late int, whole int64) (partFiles, Summary) {
		var files partFiles
		w := NewWriter([]string{"n", "text"}, files.open)
		w.wholeRows, w.partRows = whole, 3
		for i := range rows {
			w.BeginRow()
			value(w, i, i == late)
			w.Text(strings.Repeat("x", i*9000%(3*flushSize))) // some are longer than what is gathered
			require.NoError(t, w.EndRow())
		}
		sum, err := w.Close()
		require.NoError(t, err)
		return files, sum
	}
	for rows := 10; rows < 22; rows++ {
		for _, late := range []int{-1, 1, 8, 9, rows - 1} {
			want, wantSum := write(rows, late, 0)
			got, gotSum := write(rows, late, 9)
			require.Equal(t, wantSum, gotSum)
			require.Len(t, got, len(want))
			for i := range want {
				require.Equal(t, want[i].String(), got[i].String(), "%d rows, part %d", rows, i)
				require.Equal(t, 1, got[i].closed)
			}
		}
	}
	one, sum := write(9, 7, 9)
	require.Len(t, one, 1)
	require.Equal(t, []int64{9}, sum.Parts)
}

func TestSameInputSameBytes(t *testing.T) {
	var keys bson.D
	for i := range 50 {
		keys = append(keys, bson.E{Key: fmt.Sprint("k", i), Value: i})
	}
	doc := raw(t, keys)
	write := func() []byte {
		var files partFiles
		w := NewWriter([]string{"a", "b"}, files.open)
		w.SetClasses([]string{"cat", "dog"})
		w.BeginRow()
		w.Image(overlay())
		require.Equal(t, NoTrouble, w.BSON(doc))
		require.NoError(t, w.EndRow())
		_, err := w.Close()
		require.NoError(t, err)
		return files[0].Bytes()
	}
	first := write()
	for range 20 {
		require.Equal(t, string(first), string(write()))
	}
}

func TestNumbersAndTimes(t *testing.T) {
	at := func(s string) cell {
		v, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		return func(w *Writer) { w.Time(v) }
	}
	stamp := `{"wb_type":"timestamp"}`
	integer := func(v int64) cell { return func(w *Writer) { w.Int(v) } }
	for _, c := range []struct {
		name  string
		cells []cell
		data  string
		typ   string
	}{
		{"integers that a float64 holds", []cell{integer(1 << 53), integer(-1 << 53)}, `[[9007199254740992],[-9007199254740992]]`, number},
		{"larger ones are texts", []cell{integer(1<<53 + 1), integer(-1 << 63)}, `[["9007199254740993"],["-9223372036854775808"]]`, str},
		{"both", []cell{integer(7), integer(1<<63 - 1)}, `[["7"],["9223372036854775807"]]`, str},
		{"a date in any zone", []cell{at("2024-01-02T05:04:05.678999+02:00")}, `[[1704164645678]]`, stamp},
		{"the years of Python", []cell{at("0001-01-01T00:00:00Z"), at("9999-12-31T23:59:59.999Z")}, `[[-62135596800000],[253402300799999]]`, stamp},
		{"years beyond", []cell{at("2024-01-02T03:04:05Z"), func(w *Writer) { assert.Equal(t, DateOutOfRange, w.Time(time.UnixMilli(maxMillis+1))) }},
			`[[1704164645000],[null]]`, stamp},
		{"dates among numbers", []cell{at("2024-01-02T03:04:05Z"), integer(1)}, `[["2024-01-02T03:04:05.000Z"],["1"]]`, str},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := oneColumn(t, c.cells...)
			data, err := json.Marshal(got.Data)
			require.NoError(t, err)
			assert.JSONEq(t, c.data, string(data))
			assert.Equal(t, c.typ, typeOf(t, got))
		})
	}
}

func TestFloats(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.0", 1: "1.0", -2.5: "-2.5", 0.1: "0.1", 1e15: "1000000000000000.0", 1e16: "1e+16", 1e-5: "0.00001", 1e-6: "1e-06",
		1.7976931348623157e308: "1.7976931348623157e+308", 5e-324: "5e-324",
	} {
		got, _ := appendFloat(nil, v)
		assert.Equal(t, want, string(got))
	}
	inf, _ := oneColumn(t, func(w *Writer) { w.Float(1 / zero) }, func(w *Writer) { w.Float(-1 / zero) }, func(w *Writer) { w.Float(zero / zero) })
	assert.Equal(t, [][]any{{nil}, {nil}, {nil}}, inf.Data)
}

var zero float64

// Texts that begin like a reference to an artifact are one for the official reader, which
// refuses them among texts: they get a blank.
func TestTextsLikeReferences(t *testing.T) {
	ref := "wandb-artifact://abc/x"
	for name, c := range map[string]cell{
		"Text":       text(ref),
		"TextBytes":  func(w *Writer) { w.TextBytes([]byte(ref)) },
		"StringList": func(w *Writer) { w.StringList([]string{"a", ref}) },
		"BSON":       value(t, ref),
	} {
		got, _ := oneColumn(t, c)
		data, err := json.Marshal(got.Data[0][0])
		require.NoError(t, err)
		assert.Contains(t, string(data), `" wandb-artifact://abc/x"`, name)
	}
}

func TestNamesThatReadersWouldMistake(t *testing.T) {
	var files partFiles
	w := NewWriter(Names([]Column[any]{{Name: "wb_type"}, {Name: "wb_type_"}, {Name: "_type"}, {Name: "a\xff\""}}), files.open)
	w.BeginRow()
	for range 4 {
		w.Null()
	}
	require.NoError(t, w.EndRow())
	sum, err := w.Close()
	require.NoError(t, err)
	assert.Equal(t, []string{"wb_type__", "wb_type_", "_type_", "a\ufffd\""}, sum.Columns)
	assert.Equal(t, sum.Columns, parse(t, files[0].Bytes()).Columns)
	readable(t, files[0].Bytes())
}

func TestMisuseIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		columns []string
		do      func(w *Writer)
		want    string
	}{
		"equal names":  {[]string{"a", "a"}, func(w *Writer) {}, `two columns are named "a"`},
		"few cells":    {[]string{"a", "b"}, func(w *Writer) { w.BeginRow(); w.Null(); _ = w.EndRow() }, "must have 2 cells"},
		"many cells":   {[]string{"a"}, func(w *Writer) { w.BeginRow(); w.Null(); w.Null(); _ = w.EndRow() }, "more than 1 cells"},
		"no row":       {[]string{"a"}, func(w *Writer) { w.Int(1) }, "outside of a row"},
		"row in row":   {[]string{"a"}, func(w *Writer) { w.BeginRow(); w.BeginRow() }, "inside another"},
		"end twice":    {[]string{"a"}, func(w *Writer) { w.BeginRow(); w.Null(); _ = w.EndRow(); _ = w.EndRow() }, "must have 1 cells"},
		"open row":     {[]string{"a"}, func(w *Writer) { w.BeginRow(); w.Null(); _, _ = w.Close() }, "closed inside a row"},
		"no classes":   {[]string{"a"}, func(w *Writer) { w.BeginRow(); w.Image(Image{Path: "p", Boxes: make([]BoxLayer, 1)}) }, "no classes"},
		"closed twice": {[]string{"a"}, func(w *Writer) { _, _ = w.Close() }, "after Close"},
	} {
		t.Run(name, func(t *testing.T) {
			var files partFiles
			w := NewWriter(c.columns, files.open)
			c.do(w)
			w.BeginRow()
			w.Text("x")
			w.StringList([]string{"x"})
			require.ErrorContains(t, w.EndRow(), c.want)
			sum, err := w.Close()
			require.ErrorContains(t, err, c.want)
			assert.Zero(t, sum)
			for _, f := range files {
				assert.Equal(t, 1, f.closed)
			}
		})
	}
}

func TestErrorsOfTheFilesAreKept(t *testing.T) {
	full := errors.New("no space left on device")
	t.Run("open", func(t *testing.T) {
		w := NewWriter([]string{"a"}, func(int) (Part, error) { return nil, full })
		w.BeginRow()
		w.Null()
		require.ErrorIs(t, w.EndRow(), full)
		_, err := w.Close()
		require.ErrorIs(t, err, full)
	})
	t.Run("write", func(t *testing.T) {
		first, second := &memory{}, &memory{onWrite: full}
		w := NewWriter([]string{"a"}, func(part int) (Part, error) { return []Part{first, second}[part], nil })
		w.wholeRows, w.partRows = 0, 1
		var err error
		for range 2 {
			w.BeginRow()
			w.Text(strings.Repeat("x", flushSize))
			err = w.EndRow()
		}
		require.ErrorIs(t, err, full)
		require.ErrorContains(t, err, "part 1")
		_, err = w.Close()
		require.ErrorIs(t, err, full)
		assert.Equal(t, 1, first.closed)
		assert.Equal(t, 1, second.closed)
	})
	t.Run("footer", func(t *testing.T) {
		file := &memory{onWrite: full}
		w := NewWriter([]string{"a"}, func(int) (Part, error) { return file, nil })
		_, err := w.Close()
		require.ErrorIs(t, err, full)
		assert.Equal(t, 1, file.closed)
	})
}

func TestLayout(t *testing.T) {
	path, parts := Layout("samples", 1)
	assert.Equal(t, "samples.table.json", path)
	assert.Equal(t, []string{path}, parts)

	path, parts = Layout("samples", 3)
	assert.Equal(t, "samples.partitioned-table.json", path)
	assert.Equal(t, []string{
		"samples_parts/part-0000.table.json", "samples_parts/part-0001.table.json", "samples_parts/part-0002.table.json",
	}, parts)
	assert.JSONEq(t, `{"_type":"partitioned-table","parts_path":"samples_parts"}`, string(PartitionedJSON("samples")))

	_, parts = Layout("s", 10_001)
	assert.IsIncreasing(t, parts)
}

// Nothing is allocated for a row once the buffer has grown.
func TestRowsAllocateNothing(t *testing.T) {
	w := NewWriter(make5(), openDiscard)
	id := []byte("64b0c0ffee64b0c0ffee64b0")
	doc := raw(t, map[string]any{"a": []string{"x"}})
	row := func() {
		w.BeginRow()
		w.TextBytes(id)
		w.Text("/data/images/000001.jpg")
		w.Float(0.25)
		w.Int(3)
		w.BSON(doc)
		_ = w.EndRow()
	}
	for range 2000 {
		row()
	}
	assert.Zero(t, testing.AllocsPerRun(2000, row))
}

// discard is a part that nobody reads.
type discard struct{ memory }

func (*discard) Write(p []byte) (int, error) { return len(p), nil }

func openDiscard(int) (Part, error) { return new(discard), nil }

func make5() []string { return []string{"sample_id", "filepath", "tags", "label_a", "label_b"} }

func BenchmarkRowOf5Texts(b *testing.B) {
	w := NewWriter(make5(), openDiscard)
	w.wholeRows = 1 << 62
	cells := [][]byte{
		[]byte("64b0c0ffee64b0c0ffee64b0"), []byte("/data/images/train/000001.jpg"), []byte("train, good"),
		[]byte("10 detections: cat(4), dog(3), person(3)"), []byte("9 detections: cat(4), dog(2), person(3)"),
	}
	b.SetBytes(int64(len(bytes.Join(cells, nil))))
	b.ReportAllocs()
	for b.Loop() {
		w.BeginRow()
		for _, c := range cells {
			w.TextBytes(c)
		}
		_ = w.EndRow()
	}
}

func BenchmarkRowOfImageWith10Boxes(b *testing.B) {
	w := NewWriter([]string{"image"}, openDiscard)
	w.wholeRows = 1 << 62
	img := overlay()
	for len(img.Boxes[0].Boxes) < 10 {
		img.Boxes[0].Boxes = append(img.Boxes[0].Boxes, img.Boxes[0].Boxes[0])
	}
	b.ReportAllocs()
	for b.Loop() {
		w.BeginRow()
		w.Image(img)
		_ = w.EndRow()
	}
}
