package standin

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The size of a chart's drawing area, in the units of its SVG.
const (
	chartWidth  = 300
	chartHeight = 110
	chartPoints = 600 // more are thinned out
)

// chart is one value of a run's history as a line.
type chart struct {
	Name, Points         string
	Low, High, Last      string
	FirstStep, LastStep  int64
	Count, Width, Height int
}

type point struct {
	step  int64
	value float64
}

// charts draws each number of a history, W&B's own (_step, _timestamp …) left out.
func charts(stream []string) []chart {
	series := map[string][]point{}
	for i, row := range between(stream, nil, nil) {
		collectNumbers(series, "", row, step(row, i))
	}
	var out []chart
	for _, name := range slices.Sorted(maps.Keys(series)) {
		out = append(out, draw(name, series[name]))
	}
	return out
}

func collectNumbers(series map[string][]point, prefix string, row map[string]any, at int64) {
	for k, v := range row {
		if prefix == "" && strings.HasPrefix(k, "_") {
			continue
		}
		switch v := v.(type) {
		case json.Number:
			if f, err := v.Float64(); err == nil {
				series[prefix+k] = append(series[prefix+k], point{at, f})
			}
		case map[string]any:
			if _, media := v["_type"]; !media {
				collectNumbers(series, prefix+k+".", v, at)
			}
		}
	}
}

func draw(name string, points []point) chart {
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range points {
		low, high = math.Min(low, p.value), math.Max(high, p.value)
	}
	first, last := points[0], points[len(points)-1]
	var line strings.Builder
	for i := 0; i < len(points); i += 1 + len(points)/chartPoints {
		p := points[i]
		x, y := 0.5, 0.5
		if last.step > first.step {
			x = float64(p.step-first.step) / float64(last.step-first.step)
		}
		if high > low {
			y = (p.value - low) / (high - low)
		}
		fmt.Fprintf(&line, "%.1f,%.1f ", x*chartWidth, (1-y)*chartHeight)
	}
	return chart{
		Name: name, Points: strings.TrimSpace(line.String()), Low: short(low), High: short(high), Last: short(last.value),
		FirstStep: first.step, LastStep: last.step, Count: len(points), Width: chartWidth, Height: chartHeight,
	}
}

// short writes a number with four significant digits.
func short(f float64) string {
	return strconv.FormatFloat(f, 'g', 4, 64)
}
