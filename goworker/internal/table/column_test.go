package table

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNamesOfColumnsDifferAndAreSafe(t *testing.T) {
	type column = Column[int]
	for name, c := range map[string]struct {
		columns []column
		want    []string
	}{
		"none":            {nil, []string{}},
		"all differ":      {[]column{{Name: "b"}, {Name: "a"}}, []string{"b", "a"}},
		"prefix":          {[]column{{Name: "a"}, {Name: "a", Prefix: "field_"}}, []string{"a", "field_a"}},
		"prefix again":    {[]column{{Name: "a"}, {Name: "field_a"}, {Name: "a", Prefix: "field_"}}, []string{"a", "field_a", "field_field_a"}},
		"prefix in front": {[]column{{Name: "a", Prefix: "field_"}, {Name: "a", Prefix: "media_"}}, []string{"a", "media_a"}},
		"numbers":         {[]column{{Name: "a"}, {Name: "a"}, {Name: "a_2"}, {Name: "a"}}, []string{"a", "a_2", "a_2_2", "a_3"}},
		"marks":           {[]column{{Name: "wb_type"}, {Name: "wb_type_"}, {Name: "_type"}}, []string{"wb_type__", "wb_type_", "_type_"}},
		"not UTF-8":       {[]column{{Name: "a\xff\""}, {Name: "a\xfe\"", Prefix: "x"}}, []string{"a\ufffd\"", "xa\ufffd\""}},
	} {
		assert.Equal(t, c.want, Names(c.columns), name)
	}
}

func TestARowHasACellOfEachColumn(t *testing.T) {
	columns := []Column[int]{
		{Name: "n", Cell: func(w *Writer, row int) { w.Int(int64(row)) }},
		{Name: "text", Cell: func(w *Writer, row int) { w.Text(strconv.Itoa(row)) }},
	}
	var files partFiles
	w := NewWriter(Names(columns), files.open)
	for row := range 2 {
		require.NoError(t, Add(w, columns, row))
	}
	_, err := w.Close()
	require.NoError(t, err)
	got := parse(t, files[0].Bytes())
	assert.Equal(t, []string{"n", "text"}, got.Columns)
	assert.Equal(t, [][]any{{json.Number("0"), "0"}, {json.Number("1"), "1"}}, got.Data)

	columns[1].Cell = func(*Writer, int) {}
	w = NewWriter(Names(columns), openDiscard)
	require.Error(t, Add(w, columns, 1), "a column that writes nothing")
	_, err = w.Close()
	require.Error(t, err)
}
