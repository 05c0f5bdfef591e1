// Package chart makes W&B's custom charts out of the numbers of an evaluation: the table that a chart draws, and the
// panel that says how. Both are what W&B's own client makes by wandb.plot, so that W&B's pages draw them alike.
//
// A chart under KEY is a panel in the run's config, at _wandb.visualize[KEY], and a table in the run's summary, at
// KEY_table. Keys of charts must not begin with the prefix of the metrics: where a user has called
// define_metric("eval/*", summary="max"), W&B's client takes the table's value apart, and the chart is empty.
package chart

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// MaxRows is how many rows of a table a chart draws: W&B cuts the rest off without a word.
const MaxRows = 10_000

// The names by which W&B's server knows the drawings.
const (
	specConfusion = "wandb/confusion_matrix/v1"
	specCurve     = "wandb/area-under-curve/v0"
	specBar       = "wandb/bar/v0"
	specScatter   = "wandb/scatter/v0"
)

// Chart is a custom chart with its table.
type Chart struct {
	// Key is the chart's key in the run.
	Key string `json:"key"`
	// Spec is W&B's name of the drawing.
	Spec string `json:"spec"`
	// Fields says which column each part of the drawing shows, Strings are its texts.
	Fields  map[string]string `json:"fields"`
	Strings map[string]string `json:"strings"`
	// Columns and Rows are the table. A cell is a string or a float64, which is finite.
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"`
}

// TableKey is the key of the chart's table in the run's summary.
func (c Chart) TableKey() string { return c.Key + "_table" }

// Panel is the chart's value in the run's config, under _wandb.visualize and the chart's key.
func (c Chart) Panel() map[string]any {
	field := func(name string, args ...any) map[string]any {
		out := map[string]any{"name": name, "fields": []any{}}
		if len(args) > 0 {
			out["args"] = args
		}
		return out
	}
	argument := func(name, value string) any { return map[string]any{"name": name, "value": value} }
	return map[string]any{
		"panel_type": "Vega2",
		"panel_config": map[string]any{
			"panelDefId": c.Spec, "fieldSettings": c.Fields, "stringSettings": c.Strings,
			"transform": map[string]any{"name": "tableWithLeafColNames"},
			"userQuery": map[string]any{"queryFields": []any{map[string]any{
				"name": "runSets", "args": []any{argument("runSets", "${runSets}")},
				"fields": []any{
					field("id"), field("name"), field("_defaultColorIndex"), field("summaryTable", argument("tableKey", c.TableKey())),
				},
			}}},
		},
	}
}

// TableJSON is the table as W&B's client writes it to the run's files.
func (c Chart) TableJSON() []byte {
	var b bytes.Buffer
	b.WriteString(`{"columns":`)
	writeList(&b, c.Columns)
	b.WriteString(`,"data":[`)
	for i, row := range c.Rows {
		if i > 0 {
			b.WriteByte(',')
		}
		writeList(&b, row)
	}
	b.WriteString("]}")
	return b.Bytes()
}

func writeList[T any](b *bytes.Buffer, list []T) {
	b.WriteByte('[')
	for i, one := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		switch v := any(one).(type) {
		case string:
			writeText(b, v)
		case float64:
			b.WriteString(number(v))
		}
	}
	b.WriteByte(']')
}

func writeText(b *bytes.Buffer, text string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text)      // A string can always be written.
	b.Truncate(b.Len() - 1) // the line's end
}

// number writes a number as Python does, so that W&B's client and this package give the same bytes.
func number(v float64) string {
	format := byte('f')
	if size := math.Abs(v); size != 0 && (size < 1e-4 || size >= 1e16) {
		format = 'e'
	}
	text := strconv.FormatFloat(v, format, -1, 64)
	if format == 'f' && v == math.Trunc(v) {
		text += ".0"
	}
	return text
}

// finite reports whether JSON has words for all of the numbers.
func finite(numbers ...float64) bool {
	for _, v := range numbers {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
