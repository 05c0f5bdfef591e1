package table_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
)

func TestReadHead(t *testing.T) {
	const ours = `{"_type":"table","log_mode":"IMMUTABLE","columns":["id","n"],"data":[["a",1],["b",null],["c",3]],"ncols":2,"nrows":3,"column_types":{"wb_type":"typedDict","params":{"type_map":{"n":{"wb_type":"number"}}}}}`
	for name, one := range map[string]struct {
		text    string
		columns []string
		rows    string
		more    bool
	}{
		"ours":           {ours, []string{"id", "n"}, `[["a" 1] ["b" null]]`, true},
		"just enough":    {`{"columns":["a"],"data":[[1],[2]]}`, []string{"a"}, `[[1] [2]]`, false},
		"no rows":        {`{"columns":["a"],"data":[]}`, []string{"a"}, `[]`, false},
		"columns last":   {`{"data":[[1],[2],[{"deep":[3]}]],"columns":["a"]}`, []string{"a"}, `[[1] [2]]`, true},
		"Python's":       {`{"columns": ["a", 7], "data": [[NaN, -Infinity], [Infinity, "NaN \" Infinity"]]}`, []string{"a", "7"}, `[[null null] [null "NaN \" Infinity"]]`, false},
		"ragged":         {`{"columns":["a","b"],"data":[[1],[1,2,3]]}`, []string{"a", "b"}, `[[1 null] [1 2]]`, false},
		"what is behind": {`{"columns":["a"],"data":[[1],[2],[3],not read`, []string{"a"}, `[[1] [2]]`, true},
	} {
		h, err := table.ReadHead(strings.NewReader(one.text), 2)
		require.NoError(t, err, name)
		assert.Equal(t, one.columns, h.Columns, name)
		assert.Equal(t, one.rows, fmt.Sprintf("%s", h.Rows), name)
		assert.Equal(t, one.more, h.More, name)
	}
	for _, text := range []string{"", "[]", "{}", `{"columns":["a"]}`, `{"columns":"a","data":[]}`, `{"columns":["a"],"data":[[1],`, `{"columns":["a"],"data":{}}`, `{"columns":["a"],"data":[7]}`, `{"data":[[1]]}`} {
		_, err := table.ReadHead(strings.NewReader(text), 2)
		assert.ErrorIs(t, err, table.ErrNotTable, text)
	}
}

// counting counts the bytes that were read, and fails at the end.
type counting struct {
	io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

func TestReadHeadIsBounded(t *testing.T) {
	rows := strings.Repeat(`["0123456789"],`, 1_000_000)
	in := &counting{Reader: strings.NewReader(`{"columns":["a"],"data":[` + rows)}
	h, err := table.ReadHead(in, 8)
	require.NoError(t, err)
	assert.Len(t, h.Rows, 8)
	assert.Less(t, in.n, 64<<10, "the rest is not read")

	long := `"` + strings.Repeat("x", table.MaxHead) + `"`
	_, err = table.ReadHead(strings.NewReader(`{"columns":["a"],"data":[[`+long+`]]}`), 8)
	require.ErrorIs(t, err, table.ErrLongRows)
	h, err = table.ReadHead(strings.NewReader(`{"columns":["a"],"data":[[1],[`+long+`]]}`), 8)
	require.NoError(t, err)
	assert.Len(t, h.Rows, 1)
	assert.True(t, h.More)

	broken := errors.New("the connection broke off")
	_, err = table.ReadHead(io.MultiReader(strings.NewReader(`{"columns":["a"],"data":[[1],`), failing{broken}), 8)
	assert.ErrorIs(t, err, broken)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestReadTail(t *testing.T) {
	types, rows := table.ReadTail([]byte(`le","column_types\":{"],["nrows","column_types"]],"ncols":2,"nrows": 300,"column_types": {"wb_type":"typedDict","params":{"type_map":{` +
		`"at":{"wb_type":"union","params":{"allowed_types":[{"wb_type":"none"},{"wb_type":"timestamp"}]}},"n":{"wb_type":"number"}}}}}`))
	assert.EqualValues(t, 300, rows)
	assert.True(t, table.IsTime(types["at"]))
	assert.False(t, table.IsTime(types["n"]))
	assert.False(t, table.IsTime(types["none"]))
	types, rows = table.ReadTail([]byte(`"],["no tail at all"`))
	assert.Nil(t, types)
	assert.EqualValues(t, -1, rows)
}

func FuzzReadHead(f *testing.F) {
	f.Add(`{"columns":["a"],"data":[[1],[NaN]],"nrows":2}`)
	f.Add(`{"data":[[-Infinity]],"columns":[{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		h, err := table.ReadHead(strings.NewReader(text), 3)
		if err != nil {
			return
		}
		for _, row := range h.Rows {
			assert.Len(t, row, len(h.Columns))
		}
		assert.LessOrEqual(t, len(h.Rows), 3)
	})
}
