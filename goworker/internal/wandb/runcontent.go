package wandb

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// RunValue is something that a run's summary holds: a RunTable, or RunNumbers.
type RunValue interface {
	// put sets the value's keys, and gives the run's file that belongs to it, or "".
	put(line map[string]any) (file string)
}

// RunNumbers are numbers by their keys. One that is not finite is left out: JSON has no word for it.
type RunNumbers map[string]float64

func (n RunNumbers) put(line map[string]any) string {
	for key, v := range n {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			line[key] = v
		}
	}
	return ""
}

// valueStream is the message that makes values the first step, and the summary, of a
// run that has neither.
func valueStream(values []RunValue, now time.Time) map[string]any {
	line := map[string]any{"_step": 0, "_timestamp": float64(now.UnixMilli()) / 1000, "_runtime": 0}
	var uploaded []string
	for _, v := range values {
		if file := v.put(line); file != "" {
			uploaded = append(uploaded, file)
		}
	}
	history, _ := json.Marshal(line) // Texts and finite numbers only: it cannot fail.
	line["_wandb"] = map[string]any{"runtime": 0}
	summary, _ := json.Marshal(line)
	chunk := func(raw []byte) map[string]any { return map[string]any{"offset": 0, "content": []string{string(raw)}} }
	stream := map[string]any{"files": map[string]any{"wandb-history.jsonl": chunk(history), "wandb-summary.json": chunk(summary)}}
	if len(uploaded) > 0 {
		stream["uploaded"] = uploaded
	}
	return stream
}

// RunContent is what a run that has ended is to gain.
type RunContent struct {
	// Config are keys of the config; those that are there stay as they are.
	Config map[string]any
	// Own are keys of the config that are replaced. If one of them is there, an earlier call has
	// written to the run.
	Own map[string]any
	// Panels are those of custom charts, by the charts' keys. They are replaced.
	Panels map[string]any
	// Values go into the summary. They are replaced.
	Values []RunValue
	// Stale are keys of the summary that an earlier call may have written, and that are removed
	// if one did.
	Stale []string
}

// UpdateRun adds content to a run that has ended, and changes nothing else of it. It gives
// those keys of config and summary whose values were replaced or removed, sorted. A run that is alive
// and not ours is left alone: fault run_alive.
func (c *Client) UpdateRun(ctx context.Context, run *Run, content RunContent) (replaced []string, err error) {
	const doing = "adding values to the run"
	node, err := c.endedRun(ctx, run, "RunContent", doing)
	if err != nil {
		return nil, err
	}
	config, err := node.configKeys()
	if err != nil {
		return nil, err
	}
	wasHere := slices.ContainsFunc(slices.Collect(maps.Keys(content.Own)), func(key string) bool { return config[key] != nil })
	if _, err := addConfig(config, content.Config); err != nil {
		return nil, err
	}
	for key, value := range content.Own {
		raw, err := json.Marshal(configEntry{value})
		if err != nil {
			return nil, notJSON(err, key)
		}
		if old := config[key]; old != nil && !sameJSON(old, raw) {
			replaced = append(replaced, key)
		}
		config[key] = raw
	}
	if err := addPanels(config, content.Panels); err != nil {
		return nil, err
	}
	summary := map[string]json.RawMessage{}
	if !isEmpty(node.Summary) && json.Unmarshal(plainObject(node.Summary), &summary) != nil {
		return nil, fault.New(fault.WandB, fault.ServerError, "The summary of the W&B run %s cannot be read: it was left alone.", run.ID)
	}
	changed, err := content.summarize(summary, wasHere)
	if err != nil {
		return nil, err
	}
	wholeConfig, err := json.Marshal(config)
	if err == nil {
		err = checkRunConfig(wholeConfig)
	}
	if err != nil {
		return nil, err
	}
	wholeSummary, err := json.Marshal(summary)
	if err != nil {
		return nil, notJSON(err, "the summary")
	}
	vars := map[string]string{"id": node.ID, "config": string(wholeConfig), "summary": string(wholeSummary)}
	if err := c.graphql(ctx, "SetRunContent", vars, &struct{}{}); err != nil {
		return nil, c.explain(doing, err)
	}
	replaced = append(replaced, changed...)
	slices.Sort(replaced)
	return replaced, nil
}

// summarize puts the values into a summary, and gives the keys that it changed. An earlier call may have been here before.
func (content RunContent) summarize(summary map[string]json.RawMessage, wasHere bool) (changed []string, err error) {
	line := map[string]any{}
	for _, v := range content.Values {
		v.put(line)
	}
	for key, value := range line {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, notJSON(err, key)
		}
		if old, there := summary[key]; there && !sameJSON(old, raw) {
			changed = append(changed, key)
		}
		summary[key] = raw
	}
	for _, key := range content.Stale {
		_, there := summary[key]
		if _, ours := line[key]; !wasHere || !there || ours {
			continue
		}
		delete(summary, key)
		changed = append(changed, key)
	}
	return changed, nil
}

// addPanels adds panels of charts to a config in W&B's form, whose own keys stay.
func addPanels(config map[string]json.RawMessage, panels map[string]any) error {
	if len(panels) == 0 {
		return nil
	}
	entry := fieldsOf(config["_wandb"]) // beside the value, there may be a description
	own := fieldsOf(entry["value"])
	all := fieldsOf(own["visualize"])
	for key, panel := range panels {
		raw, err := json.Marshal(panel)
		if err != nil {
			return notJSON(err, key)
		}
		all[key] = raw
	}
	for _, level := range []struct {
		in    map[string]json.RawMessage
		key   string
		value map[string]json.RawMessage
	}{{own, "visualize", all}, {entry, "value", own}, {config, "_wandb", entry}} {
		raw, err := json.Marshal(level.value)
		if err != nil {
			return notJSON(err, level.key)
		}
		level.in[level.key] = raw
	}
	return nil
}

// fieldsOf are the fields of a JSON object. What is not one holds nothing that could be kept.
func fieldsOf(raw json.RawMessage) map[string]json.RawMessage {
	var out map[string]json.RawMessage
	if json.Unmarshal(raw, &out) != nil || out == nil {
		return map[string]json.RawMessage{}
	}
	return out
}

func notJSON(err error, key string) error {
	return fault.Wrap(err, fault.Plugin, fault.Internal, "The value of %q cannot be written as JSON for the run.", key)
}

// sameJSON reports whether two values are the same except for the spaces in their texts and the order of their keys.
func sameJSON(a, b []byte) bool {
	normal := func(raw []byte) []byte {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil {
			return raw
		}
		out, _ := json.Marshal(v) // It was JSON.
		return out
	}
	return bytes.Equal(normal(a), normal(b))
}
