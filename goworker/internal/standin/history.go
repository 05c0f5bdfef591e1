package standin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/pythonjson"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// historyFields are the fields of a run that come from its streams.
func historyFields() map[string]gqlexec.Resolver {
	return map[string]gqlexec.Resolver{
		"historyKeys":      on(func(r *run) any { return historyKeys(r.Streams[historyStream]) }),
		"historyLineCount": on(func(r *run) any { return len(r.Streams[historyStream]) }),
		"eventsLineCount":  on(func(r *run) any { return len(r.Streams[eventsStream]) }),
		"logLineCount":     on(func(r *run) any { return len(r.Streams[outputStream]) }),
		"historyTail":      on(func(r *run) any { return tail(r.Streams[historyStream]) }),
		"eventsTail":       on(func(r *run) any { return tail(r.Streams[eventsStream]) }),
		"systemMetrics": on(func(r *run) any {
			if events := r.Streams[eventsStream]; len(events) > 0 {
				return plainLine(events[len(events)-1])
			}
			return nil
		}),
		"history": with(func(r *run, args gqlexec.Args) (any, error) {
			rows := between(r.Streams[historyStream], args["minStep"], args["maxStep"])
			return lines(thin(rows, args["samples"])), nil
		}),
		"events": with(func(r *run, args gqlexec.Args) (any, error) {
			return lines(thin(between(r.Streams[eventsStream], nil, nil), args["samples"])), nil
		}),
		"sampledHistory": with(sampledHistory),
		"parquetHistory": with(func(r *run, args gqlexec.Args) (any, error) {
			rows := []map[string]any{}
			for _, row := range between(r.Streams[historyStream], nil, nil) {
				if _, ok := pick(row, strs(args, "liveKeys")); ok {
					rows = append(rows, row)
				}
			}
			return gqlexec.Object{"parquetUrls": []string{}, "liveData": rows}, nil
		}),
	}
}

// tail is the last line of a stream, as a JSON list of texts.
func tail(stream []string) string {
	last := []string{}
	if len(stream) > 0 {
		last = append(last, plainLine(stream[len(stream)-1]))
	}
	text, _ := json.Marshal(last)
	return string(text)
}

// decodeLine reads a line of a stream. Bare NaN and infinities, which JSON does not have, become null.
func decodeLine(line string) (map[string]any, error) {
	row, err := decodeObject([]byte(line))
	if err != nil {
		row, err = decodeObject(pythonjson.WithoutNaN([]byte(line)))
	}
	return row, err
}

func decodeObject(text []byte) (map[string]any, error) {
	var row map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&row); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || row == nil {
		return nil, errors.New("one JSON object is wanted")
	}
	return row, nil
}

// plainLine is a line as proper JSON.
func plainLine(line string) string {
	if json.Valid([]byte(line)) {
		return line
	}
	return string(pythonjson.WithoutNaN([]byte(line)))
}

// lines writes rows out again.
func lines(rows []map[string]any) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		text, _ := json.Marshal(row)
		out[i] = string(text)
	}
	return out
}

// step is a row's step; its place in the stream if it has none.
func step(row map[string]any, place int) int64 {
	if n, err := gqlexec.Int64(row["_step"]); err == nil {
		return n
	}
	return int64(place)
}

// between decodes the rows whose step is at least lowest and below highest; either may be nil.
func between(stream []string, lowest, highest any) []map[string]any {
	var out []map[string]any
	low, hasLow := lowest.(int64)
	high, hasHigh := highest.(int64)
	for i, line := range stream {
		row, err := decodeLine(line)
		if err != nil {
			continue
		}
		if at := step(row, i); (!hasLow || at >= low) && (!hasHigh || at < high) {
			out = append(out, row)
		}
	}
	return out
}

// thin keeps at most so many rows, evenly spread, the first and the last among them.
func thin(rows []map[string]any, samples any) []map[string]any {
	n, ok := samples.(int64)
	if !ok || n <= 0 || int(n) >= len(rows) {
		return rows
	}
	if n == 1 {
		return rows[len(rows)-1:]
	}
	out := make([]map[string]any, n)
	for i := range out {
		out[i] = rows[i*(len(rows)-1)/int(n-1)]
	}
	return out
}

// sampledHistory gives, for each spec, the rows that have all of its keys, thinned.
func sampledHistory(r *run, args gqlexec.Args) (any, error) {
	results := []any{}
	for _, text := range strs(args, "specs") {
		var spec struct {
			Keys    []string `json:"keys"`
			Samples *int64   `json:"samples"`
			MinStep *int64   `json:"minStep"`
			MaxStep *int64   `json:"maxStep"`
		}
		if json.Unmarshal([]byte(text), &spec) != nil {
			return nil, badRequest("invalid history spec " + text)
		}
		samples := int64(500)
		if spec.Samples != nil {
			samples = *spec.Samples
		}
		if spec.MaxStep != nil {
			*spec.MaxStep++ // a spec's last step counts, other than that of the field history
		}
		rows := []map[string]any{}
		for _, row := range between(r.Streams[historyStream], number(spec.MinStep), number(spec.MaxStep)) {
			if picked, ok := pick(row, spec.Keys); ok {
				rows = append(rows, picked)
			}
		}
		results = append(results, thin(rows, samples))
	}
	return results, nil
}

func number(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

// pick takes some keys of a row, where dots lead into nested values; false if one is not there.
func pick(row map[string]any, keys []string) (map[string]any, bool) {
	if len(keys) == 0 {
		return row, true
	}
	out := map[string]any{}
	for _, k := range keys {
		value := dig(row, strings.Split(k, "."))
		if value == nil {
			return nil, false
		}
		out[k] = value
	}
	return out, true
}

// historyKeys sums up what keys a history has, of what types, and its last step.
func historyKeys(stream []string) any {
	if len(stream) == 0 {
		return nil
	}
	counts := map[string]map[string]int{}
	last := int64(-1)
	for i, row := range between(stream, nil, nil) {
		last = max(last, step(row, i))
		countTypes(counts, "", row)
	}
	keys := map[string]any{}
	for k, types := range counts {
		var list []any
		for t, n := range types {
			list = append(list, map[string]any{"type": t, "count": n})
		}
		keys[k] = map[string]any{"typeCounts": list, "monotonic": false, "previousValue": 0}
	}
	return map[string]any{"keys": keys, "lastStep": last, "sets": []any{}}
}

// countTypes counts the types of a row's values, with nested keys joined by dots.
func countTypes(counts map[string]map[string]int, prefix string, row map[string]any) {
	for k, v := range row {
		inner, isMap := v.(map[string]any)
		if _, media := inner["_type"]; isMap && !media {
			countTypes(counts, prefix+k+".", inner)
			continue
		}
		if counts[prefix+k] == nil {
			counts[prefix+k] = map[string]int{}
		}
		counts[prefix+k][historyType(v)]++
	}
}

func historyType(v any) string {
	switch v := v.(type) {
	case json.Number:
		return "number"
	case string:
		return "string"
	case map[string]any:
		t, _ := v["_type"].(string)
		return t
	case nil:
		return "nil"
	}
	return "array"
}
