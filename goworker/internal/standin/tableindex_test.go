package standin

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func tempFile(t testing.TB, text string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "table")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	file, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func TestTableIndex(t *testing.T) {
	var rows []string
	for i := range 1000 {
		rows = append(rows, fmt.Sprintf(` [ %d , "text %d ]}\", \\" , {"a":[1,{"b":"]"}]}, NaN, -Infinity, true ] `, i, i))
	}
	text := `{"column_types":{"wb_type":"typedDict","params":{"type_map":{"n":{"wb_type":"number"}}}},` +
		`"data":[` + strings.Join(rows, ",\n") + `], "nrows": 1000, "columns":["n","t","d","x","y","z"]}`
	file := tempFile(t, text)
	index, err := indexTable(file)
	require.NoError(t, err)
	assert.Equal(t, 1000, index.Rows)
	assert.Equal(t, []string{"n", "t", "d", "x", "y", "z"}, index.Columns)
	assert.JSONEq(t, `{"wb_type":"number"}`, string(index.Types["n"]))
	for _, span := range [][2]int{{0, 1}, {0, 50}, {63, 65}, {64, 65}, {100, 128}, {990, 2000}, {999, 1000}, {500, 500}, {1000, 1001}} {
		got, err := index.rows(file, span[0], span[1])
		require.NoError(t, err)
		require.Len(t, got, max(0, min(span[1], 1000)-span[0]), span)
		for i, row := range got {
			n := span[0] + i
			assert.Equal(t, json.Number(fmt.Sprint(n)), row[0])
			assert.Equal(t, fmt.Sprintf(`text %d ]}", \`, n), row[1])
			assert.Nil(t, row[3], "NaN is not JSON")
			assert.Nil(t, row[4])
			assert.Equal(t, true, row[5])
		}
	}
}

func TestTableIndexOfOddFiles(t *testing.T) {
	for _, text := range []string{`{}`, `{"data":[],"columns":[]}`, ` { "data" : [ ] } `} {
		index, err := indexTable(strings.NewReader(text))
		require.NoError(t, err, text)
		assert.Zero(t, index.Rows)
	}
	for _, text := range []string{``, `[]`, `{"data":[[1]`, `{"data":{}}`, `{"data":[[1] [2]]}`, `{"columns":[1]}`, `{"data"`, `{"data":["x`, `nonsense`} {
		_, err := indexTable(strings.NewReader(text))
		assert.Error(t, err, text)
	}
}

// FuzzTableIndex compares with Go's own reader: the values of a list are the same one by one.
func FuzzTableIndex(f *testing.F) {
	for _, text := range []string{`[[1],["x\"]"],[{"b":[null]}]]`, `[]`, `[[],[],[[]]]`, "[\n[1.5e3]\t]", `[[""],["\\"],[{}]]`, `[[1] [2]]`, `[`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, list string) {
		table := `{"columns":["a"],"data":` + list + `,"nrows":1}`
		index, err := indexTable(strings.NewReader(table))
		var want [][]any
		decoder := json.NewDecoder(strings.NewReader(list))
		decoder.UseNumber()
		if !json.Valid([]byte(list)) || decoder.Decode(&want) != nil || want == nil {
			return // it must only not hang or panic
		}
		require.NoError(t, err)
		require.Equal(t, len(want), index.Rows)
		rows, err := index.rows(tempFile(t, table), 0, index.Rows)
		require.NoError(t, err)
		for i := range want {
			assert.Equal(t, want[i], rows[i])
		}
	})
}
