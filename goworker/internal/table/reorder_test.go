package table_test

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/table"
)

// kept is a part in memory.
type kept struct{ bytes.Buffer }

func (*kept) Close() error                     { return nil }
func (*kept) Park() error                      { return nil }
func (k *kept) Reopen() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(k.Bytes())), nil }

// The rows are in the new order, and all else of the file is as it was.
func TestReorder(t *testing.T) {
	file := &kept{}
	names := []string{"a]", "b"}
	w := table.NewWriter(names, func(int) (table.Part, error) { return file, nil })
	for _, text := range []string{"x", `q"]}`, `\\`, "日本"} {
		w.BeginRow()
		w.Text(text)
		w.StringList([]string{"[", text})
		require.NoError(t, w.EndRow())
	}
	_, err := w.Close()
	require.NoError(t, err)
	var out bytes.Buffer
	section := io.NewSectionReader(bytes.NewReader(file.Bytes()), 0, int64(file.Len()))
	require.NoError(t, table.Reorder(&out, section, names, []int{2, 0, 3, 1}))
	var before, after struct {
		Data  [][]any         `json:"data"`
		Types json.RawMessage `json:"column_types"`
		Rows  int             `json:"nrows"`
	}
	require.NoError(t, json.Unmarshal(file.Bytes(), &before))
	require.NoError(t, json.Unmarshal(out.Bytes(), &after))
	assert.Equal(t, [][]any{before.Data[2], before.Data[0], before.Data[3], before.Data[1]}, after.Data)
	assert.Equal(t, string(before.Types), string(after.Types))
	assert.Equal(t, before.Rows, after.Rows)
	assert.Equal(t, file.Len(), out.Len())
	assert.Error(t, table.Reorder(&out, section, names, []int{0, 1, 2, 3, 4}), "there are fewer rows")
}
