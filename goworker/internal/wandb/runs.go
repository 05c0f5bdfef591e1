package wandb

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// runVariables are those of the documents that are about a run.
func runVariables(r config.RunRef) map[string]string {
	return map[string]string{"entity": r.Entity, "project": r.Project, "run": r.ID}
}

// Run is a run as the server has it.
type Run struct {
	config.RunRef
	// StorageID is the server's own id, which updates go by.
	StorageID   string
	DisplayName string
	// State is one of pending, running, finished, failed, crashed, killed,
	// preempting, preempted.
	State string
	// Created says that we made the run: then it is ours to finish.
	Created bool
}

// Alive reports whether somebody may still be writing to the run.
func (r *Run) Alive() bool {
	switch r.State {
	case "pending", "running", "preempting", "preempted":
		return true
	}
	return false
}

// runNode is a run in an answer.
type runNode struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
	State       string `json:"state"`
	Config      string `json:"config"`
	Summary     string `json:"summaryMetrics"`
	Project     *struct {
		Name   string `json:"name"`
		Entity struct {
			Name string `json:"name"`
		} `json:"entity"`
	} `json:"project"`
}

// run is the node as a Run; ref fills in what it does not say.
func (n *runNode) run(ref config.RunRef) *Run {
	if n == nil {
		return nil
	}
	r := &Run{RunRef: ref, StorageID: n.ID, DisplayName: n.DisplayName, State: n.State}
	if n.Name != "" {
		r.ID = n.Name
	}
	if p := n.Project; p != nil {
		r.Project, r.Entity = config.FirstOf(p.Name, r.Project), config.FirstOf(p.Entity.Name, r.Entity)
	}
	return r
}

// configEntry is how W&B keeps one config value.
type configEntry struct {
	Value any `json:"value"`
}

// configKeys is the run's config in W&B's form.
func (n *runNode) configKeys() (map[string]json.RawMessage, error) {
	config := map[string]json.RawMessage{}
	if isEmpty(n.Config) {
		return config, nil
	}
	if err := json.Unmarshal([]byte(n.Config), &config); err != nil {
		return nil, fault.Wrap(err, fault.WandB, fault.ServerError, "The config of the W&B run %s cannot be read: it was left alone.", n.Name)
	}
	return config, nil
}

// isEmpty reports whether a text that holds JSON holds nothing.
func isEmpty(text string) bool {
	text = strings.TrimSpace(text)
	return text == "" || text == "null"
}

// UpdateRunConfig adds keys to a run's config and leaves every key that is there as
// it is. It gives the keys that it added. A run that is alive and not ours is left
// alone: fault run_alive.
func (c *Client) UpdateRunConfig(ctx context.Context, run *Run, keys map[string]any) (added []string, err error) {
	const doing = "adding to the run's config"
	node, err := c.endedRun(ctx, run, "RunConfig", doing)
	if err != nil {
		return nil, err
	}
	config, err := node.configKeys()
	if err != nil {
		return nil, err
	}
	if added, err = addConfig(config, keys); err != nil || len(added) == 0 {
		return nil, err
	}
	whole, err := json.Marshal(config)
	if err != nil {
		return nil, fault.Wrap(err, fault.Plugin, fault.Internal, "The run's config cannot be written as JSON.")
	}
	if err := checkRunConfig(whole); err != nil {
		return nil, err
	}
	vars := map[string]string{"id": node.ID, "config": string(whole)}
	if err := c.graphql(ctx, "SetRunConfig", vars, &struct{}{}); err != nil {
		return nil, c.explain(doing, err)
	}
	return added, nil
}

// endedRun reads a run that is to gain something by one of the documents RunConfig and RunContent, unless it is alive and
// not ours.
func (c *Client) endedRun(ctx context.Context, run *Run, op, doing string) (*runNode, error) {
	var out struct {
		Project *struct {
			Run *runNode `json:"run"`
		} `json:"project"`
	}
	if err := c.graphql(ctx, op, runVariables(run.RunRef), &out); err != nil {
		return nil, c.explain(doing, err)
	}
	if out.Project == nil || out.Project.Run == nil {
		return nil, fault.New(fault.WandB, fault.NotFound, "The W&B run %s no longer exists: %s failed.", run.ID, doing)
	}
	node := out.Project.Run
	if now := node.run(run.RunRef); !run.Created && now.Alive() {
		return nil, fault.New(fault.WandB, fault.RunAlive, "The W&B run %s is %s: it was left alone.", run.ID, now.State)
	}
	return node, nil
}

// addConfig adds keys to a config in W&B's form. Those that are there stay as they are.
func addConfig(config map[string]json.RawMessage, keys map[string]any) (added []string, err error) {
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if _, there := config[key]; there || key == "_wandb" {
			continue
		}
		raw, err := json.Marshal(configEntry{keys[key]})
		if err != nil {
			return nil, notJSON(err, key)
		}
		config[key] = raw
		added = append(added, key)
	}
	return added, nil
}
