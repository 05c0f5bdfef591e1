package table

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// The tables in testdata/ours are what `official.py read` tries to read with the official
// package; write them again with `go test -update`.
var update = flag.Bool("update", false, "write testdata/ours again")

func TestOurTablesStayAsTheOfficialPackageReadThem(t *testing.T) {
	dir := t.TempDir()
	if *update {
		dir = "testdata/ours"
	}
	writeTable(t, dir, "kinds", kindsColumns(t))
	writeTable(t, dir, "images", []testColumn{
		{"id", []cell{text("x"), text("y"), text("z")}},
		{"image", []cell{
			func(w *Writer) { w.SetClasses([]string{"cat", "dog"}); w.Image(overlay()) },
			null,
			func(w *Writer) {
				w.Image(Image{Path: picturePath, SHA256: pictureHash, Format: "png", Caption: "no \"size\""})
			},
		}},
	})
	long := testColumn{"n", nil}
	mixed := testColumn{"sometimes", nil}
	for i := range 10 {
		long.cells = append(long.cells, value(t, i))
		mixed.cells = append(mixed.cells, null)
	}
	mixed.cells[9] = text("only the last part has one")
	writeTable(t, dir, "long", []testColumn{long, mixed})
	if *update {
		return
	}
	names, err := filepath.Glob("testdata/ours/*.json")
	require.NoError(t, err)
	parts, err := filepath.Glob("testdata/ours/*_parts/*.json")
	require.NoError(t, err)
	require.Len(t, append(names, parts...), 6)
	for _, name := range append(names, parts...) {
		rel, err := filepath.Rel("testdata/ours", name)
		require.NoError(t, err)
		want, err := os.ReadFile(name)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(dir, rel))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), rel)
	}
}

type testColumn struct {
	name  string
	cells []cell
}

// kindsColumns has every kind of column, three rows each.
func kindsColumns(t *testing.T) []testColumn {
	v := func(x any) cell {
		r := raw(t, x)
		return func(w *Writer) { w.BSON(r) }
	}
	var deep any = "bottom"
	for range maxDepth / 2 {
		deep = bson.M{"k": bson.A{deep}}
	}
	return []testColumn{
		{"text", []cell{text("\xff\"\\\n\x00é世😀\u2028</script>"), null, text("")}},
		{"reference", []cell{text("wandb-artifact://a/b"), text("x"), null}},
		{"int", []cell{v(1), v(int64(-1 << 53)), null}},
		{"large int", []cell{v(1), v(int64(math.MaxInt64)), null}},
		{"float", []cell{v(1.0), v(1e-300), v(math.NaN())}},
		{"bool", []cell{v(true), null, v(false)}},
		{"date", []cell{v(bson.DateTime(minMillis)), v(bson.DateTime(maxMillis)), v(bson.DateTime(1704164645678))}},
		{"date or not", []cell{v(bson.DateTime(0)), v(bson.DateTime(math.MaxInt64)), null}},
		{"date and number", []cell{v(time.Unix(1, 0)), v(1), null}},
		{"ids", []cell{func(w *Writer) { w.StringList([]string{"a", "b"}) }, v(bson.A{}), null}},
		{"embedding", []cell{v(bson.A{0.5, 1.0, 2}), v(bson.A{int64(1 << 60)}), v(bson.A{nil})}},
		{"nested", []cell{v(bson.A{bson.A{1}, bson.A{}}), v(bson.A{bson.A{nil}, nil}), v(bson.A{bson.A{"a"}})}},
		{"mixed list", []cell{v(bson.A{1, "a", true, nil}), v(bson.A{bson.M{"x": 1}}), null}},
		{"dict", []cell{v(bson.M{"a": 1}), v(bson.D{{Key: "b", Value: bson.A{"x"}}, {Key: "_type", Value: "artifactVersion"}}), v(bson.M{"a": nil})}},
		{"dict of dates", []cell{v(bson.D{{Key: "d", Value: time.Unix(1, 0)}, {Key: "wb_type", Value: "x"}}), v(bson.M{}), v(bson.M{"d": bson.DateTime(math.MinInt64)})}},
		{"deep", []cell{v(deep), v(bson.M{"k": nil}), null}},
		{"anything", []cell{v(1), v("a"), v(bson.M{"x": bson.A{1, "b", nil}})}},
		{"sometimes a text", []cell{v(time.Unix(1, 0)), v(bson.A{"é\"\n", true}), v("wandb-artifact://é")}},
		{"empty", []cell{v(bson.A{}), null, v(bson.A{})}},
		{"no keys", []cell{v(bson.M{}), null, v(bson.M{})}},
		{"nulls inside", []cell{v(bson.D{{Key: "a", Value: nil}, {Key: "b", Value: bson.A{nil}}}), null, v(bson.M{"a": nil})}},
		{"nothing", []cell{null, null, null}},
		{"wb_type", []cell{v(1), v(2), v(3)}},
		{"_type", []cell{text("image-file"), null, null}},
	}
}

// writeTable writes a table under dir, in parts of four rows.
func writeTable(t *testing.T, dir, key string, columns []testColumn) {
	t.Helper()
	var list []Column[int]
	for _, c := range columns {
		list = append(list, Column[int]{Name: c.name, Cell: func(w *Writer, row int) { c.cells[row](w) }})
	}
	var files partFiles
	w := NewWriter(Names(list), files.open)
	w.wholeRows, w.partRows = 4, 4
	for row := range columns[0].cells {
		require.NoError(t, Add(w, list, row))
	}
	sum, err := w.Close()
	require.NoError(t, err)
	path, parts := Layout(key, len(sum.Parts))
	if len(parts) > 1 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, path), PartitionedJSON(key), 0o600))
	}
	for i, part := range parts {
		b := files[i].Bytes()
		readable(t, b)
		to := filepath.Join(dir, filepath.FromSlash(part))
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o700))
		require.NoError(t, os.WriteFile(to, b, 0o600))
	}
}
