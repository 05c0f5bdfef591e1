package standin

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// rowsPerPage is how many rows of a table a page shows.
const rowsPerPage = 50

type tablePage struct {
	Name, Raw string
	Columns   []column
	Rows      [][]cell
	Pager     pager
	Parts     int
	Layers    []string // what is drawn over the pictures, and how
}

type column struct{ Name, Type string }

// cell is a value as it is shown. Kind is null, text, number, bool, list, json or picture.
type cell struct {
	Kind, Text string
	Items      []string
	Picture    *picture
}

// tablePart is a file of a table's rows.
type tablePart struct {
	digest string
	index  *tableIndex
}

// table shows a page of the rows of a table, which may have parts.
func (p *pages) table(r *http.Request, name string) (string, *page, error) {
	content := tablePage{Name: name, Raw: strings.Replace(r.URL.EscapedPath(), "/files/", "/raw/", 1)}
	parts, err := p.tableParts(r, name)
	if err != nil {
		return "", nil, err
	}
	total := 0
	for _, part := range parts {
		total += part.index.Rows
	}
	content.Parts = len(parts)
	content.Pager = newPager(r, total, rowsPerPage)
	rows, err := p.readRows(parts, max(content.Pager.First-1, 0), content.Pager.Last)
	if err != nil {
		return "", nil, err
	}
	if len(parts) > 0 {
		err = p.inVersion(r, func(d *data, a *artifact) error {
			// A table's paths are those of the artifact that holds it, which this one may only refer to.
			if holder, _ := d.locate(a, name); holder != nil {
				a = holder
			}
			content.fill(parts[0].index, rows, func(name string) string {
				if d.stored(a, name) == "" {
					return ""
				}
				return d.Collections[a.Collection].href(a.version()) + "/%s/" + filePath(name)
			})
			return nil
		})
	}
	return "table", &page{Title: path.Base(name), Trail: versionTrail(r, name), Data: content}, err
}

// tableParts finds and indexes the files of a table's rows.
func (p *pages) tableParts(r *http.Request, name string) ([]tablePart, error) {
	prefix, err := "", error(nil)
	if isPartitioned(name) {
		if prefix, err = p.partsPath(r, name); err != nil {
			return nil, err
		}
	}
	var digests []string
	err = p.inVersion(r, func(d *data, a *artifact) error {
		names := []string{name}
		if prefix != "" {
			names = slices.DeleteFunc(slices.Clone(a.names), func(n string) bool {
				return !strings.HasPrefix(n, prefix+"/") || !strings.HasSuffix(n, ".table.json")
			})
		}
		for _, n := range names {
			digest := d.stored(a, n)
			if digest == "" {
				return notFound("The version has no file " + n + " in this storage.")
			}
			digests = append(digests, digest)
		}
		return nil
	})
	var parts []tablePart
	for _, digest := range digests {
		index, indexErr := p.tables.get(p.server.blobs, digest)
		if indexErr != nil {
			return nil, badRequest(indexErr.Error())
		}
		parts = append(parts, tablePart{digest, index})
	}
	return parts, err
}

// partsPath reads where the parts of a partitioned table are.
func (p *pages) partsPath(r *http.Request, name string) (string, error) {
	var whole struct {
		PartsPath string `json:"parts_path"`
	}
	err := p.inVersion(r, func(d *data, a *artifact) error {
		file, err := p.server.blobs.open(d.stored(a, name))
		if err != nil {
			return notFound("The version has no file " + name + " in this storage.")
		}
		defer func() { _ = file.Close() }()
		return json.NewDecoder(io.LimitReader(file, textMax)).Decode(&whole)
	})
	return strings.TrimSuffix(whole.PartsPath, "/"), err
}

// readRows reads rows [from, to) of a table's parts together.
func (p *pages) readRows(parts []tablePart, from, to int) ([][]any, error) {
	var out [][]any
	for _, part := range parts {
		if n := part.index.Rows; from < n && to > 0 {
			file, err := p.server.blobs.open(part.digest)
			if err != nil {
				return nil, err
			}
			rows, err := part.index.rows(file, max(from, 0), to)
			_ = file.Close()
			if err != nil {
				return nil, err
			}
			out = append(out, rows...)
		}
		from, to = from-part.index.Rows, to-part.index.Rows
	}
	return out, nil
}

// fill makes the cells. Href gives the path of a file of the version, with %s where raw or mask
// is to stand, and is empty if there is no such file.
func (t *tablePage) fill(index *tableIndex, rows [][]any, href func(name string) string) {
	types := make([]columnType, len(index.Columns))
	for i, name := range index.Columns {
		types[i] = readColumnType(index.Types[name])
		t.Columns = append(t.Columns, column{name, types[i].name})
		t.Layers = append(t.Layers, types[i].legend()...)
	}
	for _, row := range rows {
		cells := make([]cell, 0, len(row))
		for i, value := range row {
			kind := columnType{}
			if i < len(types) {
				kind = types[i]
			}
			cells = append(cells, newCell(value, kind, href))
		}
		t.Rows = append(t.Rows, cells)
	}
}

func newCell(value any, kind columnType, href func(string) string) cell {
	switch value := value.(type) {
	case nil:
		return cell{Kind: "null"}
	case string:
		return cell{Kind: "text", Text: value}
	case bool:
		return cell{Kind: "bool", Text: fmt.Sprint(value)}
	case json.Number:
		if kind.name == "timestamp" {
			if ms, err := value.Int64(); err == nil {
				return cell{Kind: "text", Text: time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.000")}
			}
		}
		return cell{Kind: "number", Text: value.String()}
	case []any:
		if items, ok := texts(value); ok {
			return cell{Kind: "list", Items: items}
		}
	case map[string]any:
		if value["_type"] == "image-file" {
			return cell{Kind: "picture", Picture: newPicture(value, kind, href)}
		}
	}
	text, _ := json.Marshal(value)
	return cell{Kind: "json", Text: string(text)}
}

func texts(list []any) ([]string, bool) {
	out := make([]string, len(list))
	for i, item := range list {
		text, ok := item.(string)
		if !ok {
			return nil, false
		}
		out[i] = text
	}
	return out, true
}

// columnType is what the table says about a column: its name, and for pictures the names of the
// classes by layer, with those for all layers under "".
type columnType struct {
	name                  string
	boxLayers, maskLayers []string
	classes               map[string]map[string]string
}

// typeConstant is a value within a type.
type typeConstant struct {
	Params struct {
		Val json.RawMessage `json:"val"`
	} `json:"params"`
}

// readColumnType reads a column's type: of a union, the member that is not none.
func readColumnType(text json.RawMessage) columnType {
	var t struct {
		Name   string `json:"wb_type"`
		Params struct {
			Allowed     []json.RawMessage `json:"allowed_types"`
			BoxLayers   typeConstant      `json:"box_layers"`
			MaskLayers  typeConstant      `json:"mask_layers"`
			BoxClasses  typeConstant      `json:"box_class_maps"`
			MaskClasses typeConstant      `json:"mask_class_maps"`
			Classes     typeConstant      `json:"class_map"`
		} `json:"params"`
	}
	_ = json.Unmarshal(text, &t) // a type that cannot be read is not shown
	if t.Name == "union" {
		var names []string
		var found columnType
		for _, allowed := range t.Params.Allowed {
			if member := readColumnType(allowed); member.name != "none" {
				names = append(names, member.name)
				found = member
			}
		}
		found.name = strings.Join(names, " or ")
		return found
	}
	out := columnType{name: t.Name, classes: map[string]map[string]string{}}
	out.boxLayers = out.read(t.Params.BoxLayers, t.Params.BoxClasses)
	out.maskLayers = out.read(t.Params.MaskLayers, t.Params.MaskClasses)
	var all map[string]string
	if json.Unmarshal(t.Params.Classes.Params.Val, &all) == nil {
		out.classes[""] = all
	}
	return out
}

// read takes the class names of layers in and gives the layers.
func (t *columnType) read(layers, classes typeConstant) []string {
	var numbers map[string]json.RawMessage
	var names map[string]map[string]string
	_ = json.Unmarshal(layers.Params.Val, &numbers) // what is not there is empty
	_ = json.Unmarshal(classes.Params.Val, &names)
	if numbers == nil {
		numbers = map[string]json.RawMessage{}
	}
	for layer, classes := range names {
		t.classes[layer] = classes
		numbers[layer] = nil
	}
	return slices.Sorted(maps.Keys(numbers))
}

// legend says what is drawn over the pictures of a column.
func (t columnType) legend() []string {
	var out []string
	for i, layer := range t.boxLayers {
		if i == 0 {
			out = append(out, layer+" (full lines)")
		} else {
			out = append(out, layer+" (dashed)")
		}
	}
	for _, layer := range t.maskLayers {
		out = append(out, layer+" (areas)")
	}
	return out
}

// class is the name of a class in a layer; the number itself if it has none.
func (t columnType) class(layer, id string) string {
	for _, name := range []string{t.classes[layer][id], t.classes[""][id]} {
		if name != "" {
			return name
		}
	}
	return id
}
