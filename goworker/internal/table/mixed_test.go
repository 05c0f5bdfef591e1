package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// writeRows writes a table with a column for each entry of a row, in parts of perPart rows.
func writeRows(t testing.TB, rows [][]bson.RawValue, perPart int64) (partFiles, Summary) {
	t.Helper()
	var names []string
	for i := range rows[0] {
		names = append(names, fmt.Sprint("c", i))
	}
	var files partFiles
	w := NewWriter(names, files.open)
	w.wholeRows, w.partRows = perPart, perPart
	for _, row := range rows {
		w.BeginRow()
		for _, v := range row {
			w.BSON(v)
		}
		require.NoError(t, w.EndRow())
	}
	sum, err := w.Close()
	require.NoError(t, err)
	return files, sum
}

// cellsOf are the cells of a table, row by row, as JSON.
func cellsOf(t testing.TB, files partFiles) (rows [][]string) {
	t.Helper()
	for _, file := range files {
		var part struct {
			Data [][]json.RawMessage `json:"data"`
		}
		require.NoError(t, json.Unmarshal(file.Bytes(), &part))
		for _, row := range part.Data {
			var cells []string
			for _, cell := range row {
				cells = append(cells, string(cell))
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

// A value of another kind makes texts of a column's cells, wherever it comes: in the first row, in a later
// part, in the last row.
func TestLaterRowsChangeTheCellsBeforeThem(t *testing.T) {
	const n = 10
	for _, c := range []struct {
		name          string
		usual, odd    any
		texts, oddOne string
	}{
		{"numbers", 1.5, "x", `"1.5"`, `"x"`},
		{"numbers and truth", 7, true, `"7"`, `"true"`},
		{"moments", time.Unix(1, 0), 5, `"1970-01-01T00:00:01.000Z"`, `"5"`},
		{"texts", "é,\"]", time.Unix(1, 0), `"\u00e9,\"]"`, `"1970-01-01T00:00:01.000Z"`},
		{"lists", bson.A{"a,]\\", "日", 1 << 20}, 1, `"[\"a,]\\\\\",\"\u65e5\",1048576]"`, `"1"`},
		{"lists of one kind", bson.A{"\x01é\""}, bson.A{1}, `"[\"\\u0001\u00e9\\\"\"]"`, `"[1]"`},
		{"dicts", bson.D{{Key: "k}", Value: bson.A{"{"}}}, bson.D{{Key: "k}", Value: 1}}, `"{\"k}\":[\"{\"]}"`, `"{\"k}\":1}"`},
		{"large numbers", 1, int64(1 << 60), `"1"`, `"1152921504606846976"`},
	} {
		for at := range n {
			t.Run(fmt.Sprintf("%s %d", c.name, at), func(t *testing.T) {
				var rows [][]bson.RawValue
				want := make([][]string, n)
				for i := range n {
					row := []bson.RawValue{raw(t, i), raw(t, c.usual), raw(t, c.usual), raw(t, nil)}
					want[i] = []string{fmt.Sprint(i), c.texts, "", "null"}
					if i == at {
						row[1], want[i][1] = raw(t, c.odd), c.oddOne
					}
					rows = append(rows, row)
				}
				files, sum := writeRows(t, rows, 4)
				assert.Len(t, files, 3)
				assert.Contains(t, sum.Texts, "c1")
				got := cellsOf(t, files)
				for i, row := range got {
					want[i][2] = got[0][2] // as it would be without the odd one
					assert.Equal(t, want[i], row)
				}
				for _, f := range files {
					readable(t, f.Bytes())
					assert.Equal(t, 1, f.closed)
				}
			})
		}
	}
}

func TestTablesThatAreRewrittenKeepErrors(t *testing.T) {
	broken := errors.New("disk")
	for name, open := range map[string]func(part int) (Part, error){
		"reopen": func(int) (Part, error) { return &unreadable{memory{}, broken}, nil },
		"open":   opensOnce(broken),
		"write":  secondIs(&memory{onWrite: broken}),
	} {
		t.Run(name, func(t *testing.T) {
			w := NewWriter([]string{"a"}, open)
			for _, cell := range []cell{func(w *Writer) { w.Int(1) }, text("x")} {
				w.BeginRow()
				cell(w)
				require.NoError(t, w.EndRow())
			}
			_, err := w.Close()
			require.ErrorIs(t, err, broken)
			require.ErrorContains(t, err, "part 0")
		})
	}
}

type unreadable struct {
	memory
	err error
}

func (u *unreadable) Reopen() (io.ReadCloser, error) { return nil, u.err }

func opensOnce(err error) func(int) (Part, error) {
	opened := false
	return func(int) (Part, error) {
		if opened {
			return nil, err
		}
		opened = true
		return new(memory), nil
	}
}

func secondIs(second Part) func(int) (Part, error) {
	files := []Part{new(memory), second}
	return func(int) (Part, error) {
		f := files[0]
		files = files[1:]
		return f, nil
	}
}

func TestPicturesAmongOtherCellsAreAnError(t *testing.T) {
	for name, cells := range map[string][]cell{
		"after":  {text("x"), func(w *Writer) { w.Image(Image{Path: "p"}) }},
		"before": {func(w *Writer) { w.Image(Image{Path: "p"}) }, text("x")},
		"texts":  {text("x"), func(w *Writer) { w.Int(1) }, func(w *Writer) { w.Image(Image{Path: "p"}) }},
	} {
		var files partFiles
		w := NewWriter([]string{"a"}, files.open)
		for _, c := range cells {
			w.BeginRow()
			c(w)
			_ = w.EndRow()
		}
		_, err := w.Close()
		require.ErrorContains(t, err, "column of pictures", name)
	}
}

// randomValue is any value that a field of FiftyOne can hold.
func randomValue(r *rand.Rand, depth int) any {
	texts := []string{"", "a", "é\"\\\n\x00", "wandb-artifact://x", "日本😀", strings.Repeat("x", 300), "null", "[1]"}
	switch n := r.IntN(17); {
	case n == 0:
		return nil
	case n == 1:
		return r.IntN(1000) - 500
	case n == 2:
		return int64(r.Uint64())
	case n == 3:
		return []float64{r.NormFloat64(), math.NaN(), math.Inf(-1), 1e300, 0, math.Copysign(0, -1)}[r.IntN(6)]
	case n == 4:
		return r.IntN(2) == 0
	case n == 5:
		return bson.DateTime(int64(r.Uint64()) >> r.IntN(40))
	case n == 6:
		return bson.ObjectID{byte(r.Uint32())}
	case n == 7:
		return bson.Binary{Subtype: byte(r.IntN(6)), Data: make([]byte, r.IntN(20))}
	case n == 8:
		d, _ := bson.ParseDecimal128([]string{"1.5", "0.1234567890123456789", "NaN", "1E+6000"}[r.IntN(4)])
		return d
	case n < 11 && depth < 6:
		list := bson.A{}
		for range r.IntN(4) {
			list = append(list, randomValue(r, depth+1))
		}
		return list
	case n < 14 && depth < 6:
		dict := bson.D{}
		for range r.IntN(4) {
			dict = append(dict, bson.E{Key: []string{"a", "b", "_type", "wb_type", "", "é", fmt.Sprint("k", r.IntN(300))}[r.IntN(7)], Value: randomValue(r, depth+1)})
		}
		return dict
	default:
		return texts[r.IntN(len(texts))]
	}
}

// randomColumn is a source of values that mostly look alike.
func randomColumn(r *rand.Rand) func() any {
	if r.IntN(4) == 0 {
		return func() any { return randomValue(r, 0) }
	}
	usual := randomValue(r, 2)
	odd := r.IntN(3) == 0
	return func() any {
		switch n := r.IntN(40); {
		case odd && n == 0:
			return randomValue(r, 0)
		case n < 4:
			return nil
		}
		return usual
	}
}

// Whatever documents hold: every part can be read, no column's type leaves anything to guess, and a cell depends
// neither on the order of the rows nor on where a part ends.
func FuzzColumns(f *testing.F) {
	for seed := range uint64(60) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		columns := make([]func() any, 1+r.IntN(5))
		for i := range columns {
			columns[i] = randomColumn(r)
		}
		rows := make([][]bson.RawValue, 1+r.IntN(60))
		for i := range rows {
			for _, next := range columns {
				rows[i] = append(rows[i], raw(t, next()))
			}
		}
		files, sum := writeRows(t, rows, int64(1+r.IntN(30)))
		for _, file := range files {
			readable(t, file.Bytes())
		}
		cells := cellsOf(t, files)
		again, _ := writeRows(t, rows, 7)
		require.Equal(t, cells, cellsOf(t, again))

		order := r.Perm(len(rows))
		shuffled := make([][]bson.RawValue, len(rows))
		for to, from := range order {
			shuffled[to] = rows[from]
		}
		files, other := writeRows(t, shuffled, 11)
		require.Equal(t, sum.Texts, other.Texts)
		for to, row := range cellsOf(t, files) {
			require.Equal(t, cells[order[to]], row)
		}
		for i, name := range sum.Columns {
			if slices.Contains(sum.Texts, name) {
				checkTexts(t, cells, rows, i)
			}
		}
	})
}

// checkTexts checks that the cells of a column of texts say what the values are.
func checkTexts(t testing.TB, cells [][]string, rows [][]bson.RawValue, column int) {
	t.Helper()
	for i, row := range cells {
		files, sum := writeRows(t, [][]bson.RawValue{{rows[i][column]}}, 1)
		alone := cellsOf(t, files)[0][0]
		v := rows[i][column]
		switch {
		case alone == "null" || alone[0] == '"':
			require.Equal(t, alone, row[column])
		case v.Type == bson.TypeDateTime:
			require.JSONEq(t, `"`+v.Time().UTC().Format("2006-01-02T15:04:05.000Z")+`"`, row[column])
		default:
			require.Empty(t, sum.Texts)
			var text string
			require.NoError(t, json.Unmarshal([]byte(row[column]), &text))
			require.True(t, bytes.Equal(compact(t, alone), compact(t, text)), "%s is not %s", text, alone)
		}
	}
}

// compact is JSON with all characters as they are.
func compact(t testing.TB, text string) []byte {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	require.NoError(t, dec.Decode(&v), text)
	out, err := json.Marshal(v)
	require.NoError(t, err)
	return out
}
