package table

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// memory is a part's file in memory that notes what happens to it.
type memory struct {
	bytes.Buffer
	parked, closed int
	onWrite        error
}

func (m *memory) Write(p []byte) (int, error) {
	if m.onWrite != nil {
		return 0, m.onWrite
	}
	return m.Buffer.Write(p)
}

func (m *memory) Reopen() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m.Bytes())), nil
}

func (m *memory) Park() error  { m.parked++; return nil }
func (m *memory) Close() error { m.closed++; return nil }

// partFiles collects the files of a table.
type partFiles []*memory

func (f *partFiles) open(part int) (Part, error) {
	m := new(memory)
	if part < len(*f) {
		(*f)[part] = m // the first file of this part is of no use any more
	} else {
		*f = append(*f, m)
	}
	return m, nil
}

// content is a table file, as readers see it.
type content struct {
	Type        string           `json:"_type"`
	LogMode     string           `json:"log_mode"`
	Columns     []string         `json:"columns"`
	Data        [][]any          `json:"data"`
	NCols       *int             `json:"ncols"`
	NRows       *int             `json:"nrows"`
	ColumnTypes *json.RawMessage `json:"column_types"`
}

func parse(t testing.TB, file []byte) content {
	t.Helper()
	var c content
	dec := json.NewDecoder(bytes.NewReader(file))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&c), "%s", file)
	require.False(t, dec.More(), "something stands behind the table")
	return c
}

// oneColumn writes a table of one column "c", a cell per call, and gives its file.
func oneColumn(t testing.TB, cells ...func(*Writer)) (content, Summary) {
	t.Helper()
	var files partFiles
	w := NewWriter([]string{"c"}, files.open)
	for _, cell := range cells {
		w.BeginRow()
		cell(w)
		require.NoError(t, w.EndRow())
	}
	sum, err := w.Close()
	require.NoError(t, err)
	require.Len(t, files, 1)
	return parse(t, files[0].Bytes()), sum
}

// typeOf is the type of column c without its "or none".
func typeOf(t testing.TB, c content) string {
	t.Helper()
	var types struct {
		Params struct {
			TypeMap map[string]struct {
				Type   string `json:"wb_type"`
				Params struct {
					Allowed []json.RawMessage `json:"allowed_types"`
				} `json:"params"`
			} `json:"type_map"`
		} `json:"params"`
	}
	require.NoError(t, json.Unmarshal(*c.ColumnTypes, &types))
	out := ""
	for _, a := range types.Params.TypeMap["c"].Params.Allowed {
		if string(a) == `{"wb_type":"none"}` {
			continue
		}
		if out != "" {
			out += " or "
		}
		out += string(a)
	}
	return out
}

// raw is v as a BSON value.
func raw(t testing.TB, v any) bson.RawValue {
	t.Helper()
	doc, err := bson.Marshal(bson.D{{Key: "v", Value: v}})
	require.NoError(t, err)
	return bson.Raw(doc).Lookup("v")
}

// readable checks a file as the official package does when it reads it: every cell must be
// assignable to the type of its column.
func readable(t testing.TB, file []byte) {
	t.Helper()
	for _, b := range file {
		require.Less(t, b, byte(utf8.RuneSelf), "not ASCII: %s", file)
	}
	c := parse(t, file)
	require.Equal(t, "table", c.Type)
	require.Equal(t, len(c.Columns), *c.NCols)
	require.Equal(t, len(c.Data), *c.NRows)
	var types map[string]any
	require.NoError(t, json.Unmarshal(*c.ColumnTypes, &types))
	checkTypeKeys(t, types)
	columns := types["params"].(map[string]any)["type_map"].(map[string]any)
	for name, typ := range columns {
		require.True(t, shown(typ.(map[string]any), true), "W&B's pages cannot rely on the type of %q: %v", name, typ)
	}
	for _, row := range c.Data {
		require.Len(t, row, len(c.Columns))
		for i, cell := range row {
			typ := columns[c.Columns[i]]
			require.True(t, assignable(typ.(map[string]any), cell), "%v does not fit %v", cell, typ)
		}
	}
}

// checkTypeKeys finds dicts that the official package would take for types.
func checkTypeKeys(t testing.TB, v any) {
	t.Helper()
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	if mark, ok := m["wb_type"]; ok {
		require.IsType(t, "", mark)
		require.LessOrEqual(t, len(m), 2)
	}
	for _, inner := range m {
		checkTypeKeys(t, inner)
	}
}

// shown reports whether W&B's pages can show a column by its type alone: it is one type, or that type and null.
func shown(typ map[string]any, top bool) bool {
	params, _ := typ["params"].(map[string]any)
	switch typ["wb_type"] {
	case "string", "number", "boolean":
		return true
	case "timestamp", "image-file", "unknown": // a column of nulls is "unknown" and null
		return top
	case "list":
		return shown(params["element_type"].(map[string]any), false)
	case "typedDict":
		for _, field := range params["type_map"].(map[string]any) {
			if !shown(field.(map[string]any), false) {
				return false
			}
		}
		return len(params["type_map"].(map[string]any)) > 0
	case "union":
		rest := slices.DeleteFunc(slices.Clone(params["allowed_types"].([]any)), func(a any) bool { return a.(map[string]any)["wb_type"] == "none" })
		return len(rest) == 1 && len(params["allowed_types"].([]any)) == 2 && shown(rest[0].(map[string]any), top)
	}
	return false
}

// assignable is the rule of wandb 0.31's _dtypes.py, for what JSON can hold.
func assignable(typ map[string]any, v any) bool {
	params, _ := typ["params"].(map[string]any)
	switch typ["wb_type"] {
	case "any", "unknown":
		return v != nil
	case "none":
		return v == nil
	case "string":
		s, ok := v.(string)
		return ok && !bytes.HasPrefix([]byte(s), []byte("wandb-artifact://"))
	case "number":
		_, ok := v.(json.Number)
		return ok
	case "boolean":
		_, ok := v.(bool)
		return ok
	case "timestamp": // a number that Python's datetime can hold, made a date before the check
		n, ok := v.(json.Number)
		ms, err := strconv.ParseInt(n.String(), 10, 64)
		return ok && err == nil && ms >= -62135596800000 && ms <= 253402300799999
	case "image-file":
		m, ok := v.(map[string]any)
		return ok && m["_type"] == "image-file"
	case "union":
		for _, a := range params["allowed_types"].([]any) {
			if assignable(a.(map[string]any), v) {
				return true
			}
		}
		return false
	case "list":
		list, ok := v.([]any)
		for _, elem := range list {
			ok = ok && assignable(params["element_type"].(map[string]any), elem)
		}
		return ok
	case "typedDict":
		m, ok := v.(map[string]any)
		types := params["type_map"].(map[string]any)
		for key := range m {
			ok = ok && types[key] != nil && key != "_type"
		}
		for key, typ := range types {
			ok = ok && assignable(typ.(map[string]any), m[key])
		}
		return ok
	}
	return false
}
