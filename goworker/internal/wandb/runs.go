package wandb

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// RunRef names a run. ID is the part of its address that W&B's schema calls "name".
type RunRef struct{ Entity, Project, ID string }

func (r RunRef) variables() map[string]string {
	return map[string]string{"entity": r.Entity, "project": r.Project, "run": r.ID}
}

// Run is a run as the server has it.
type Run struct {
	RunRef
	// StorageID is the server's own id, which updates go by.
	StorageID   string
	DisplayName string
	// State is one of pending, running, finished, failed, crashed, killed,
	// preempting, preempted.
	State string
	// Created says that we made the run: then it is ours to finish.
	Created bool
}

// Alive tells whether somebody may still be writing to the run.
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
	Project     *struct {
		Name   string `json:"name"`
		Entity struct {
			Name string `json:"name"`
		} `json:"entity"`
	} `json:"project"`
}

// run is the node as a Run; ref fills in what it does not say.
func (n *runNode) run(ref RunRef) *Run {
	if n == nil {
		return nil
	}
	r := &Run{RunRef: ref, StorageID: n.ID, DisplayName: n.DisplayName, State: n.State}
	if n.Name != "" {
		r.ID = n.Name
	}
	if p := n.Project; p != nil {
		r.Project, r.Entity = firstOf(p.Name, r.Project), firstOf(p.Entity.Name, r.Entity)
	}
	return r
}

// configEntry is how W&B keeps one config value.
type configEntry struct {
	Value any `json:"value"`
}

// UpdateRunConfig adds keys to a run's config and leaves every key that is there as
// it is. It gives the keys that it added. A run that is alive and not ours is left
// alone: fault run_alive.
func (c *Client) UpdateRunConfig(ctx context.Context, run *Run, keys map[string]any) (added []string, err error) {
	const doing = "adding to the run's config"
	var out struct {
		Project *struct {
			Run *runNode `json:"run"`
		} `json:"project"`
	}
	if err := c.graphql(ctx, "RunConfig", run.variables(), &out); err != nil {
		return nil, c.explain(doing, err)
	}
	if out.Project == nil || out.Project.Run == nil {
		return nil, fault.New(fault.WandB, "not_found", "The W&B run %s is not there any more: %s failed.", run.ID, doing)
	}
	node := out.Project.Run
	if now := node.run(run.RunRef); !run.Created && now.Alive() {
		return nil, fault.New(fault.WandB, "run_alive", "The W&B run %s is %s: its config was left alone.", run.ID, now.State)
	}
	config := map[string]json.RawMessage{}
	if strings.TrimSpace(node.Config) != "" {
		if err := json.Unmarshal([]byte(node.Config), &config); err != nil {
			return nil, fault.Wrap(err, fault.WandB, "server_error", "The config of the W&B run %s cannot be read: it was left alone.", run.ID)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if _, there := config[key]; there || key == "_wandb" {
			continue
		}
		raw, err := json.Marshal(configEntry{keys[key]})
		if err != nil {
			return nil, fault.Wrap(err, fault.Plugin, "internal", "The value of %q cannot be written as JSON for the run's config.", key)
		}
		config[key] = raw
		added = append(added, key)
	}
	if len(added) == 0 {
		return nil, nil
	}
	whole, err := json.Marshal(config)
	if err != nil {
		return nil, fault.Wrap(err, fault.Plugin, "internal", "The run's config cannot be written as JSON.")
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

// FinishRun ends a run of ours: as finished with exit code 0, else as failed. The
// tables show in the run's workspace from then on. If the server takes the end but
// not the tables, the run is ended all the same and the fault is table_not_shown.
func (c *Client) FinishRun(ctx context.Context, ref RunRef, exitCode int, tables ...RunTable) error {
	end := map[string]any{"complete": true, "exitcode": exitCode}
	if len(tables) == 0 {
		return c.explain("ending the run "+ref.ID, c.stream(ctx, ref, end))
	}
	body := tableStream(tables, time.Now())
	maps.Copy(body, end)
	err := c.stream(ctx, ref, body)
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
	default:
		return c.explain("ending the run "+ref.ID, err)
	}
	if err := c.stream(ctx, ref, end); err != nil {
		return c.explain("ending the run "+ref.ID, err)
	}
	return fault.Wrap(err, fault.WandB, "table_not_shown",
		"The run %s was ended, but its workspace does not show the table: %s The artifact holds it.", ref.ID, fault.As(c.explain("adding the table", err)).Message)
}

// stream posts to a run's file stream: history, summary, signs of life, its end.
func (c *Client) stream(ctx context.Context, ref RunRef, body map[string]any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := c.post(ctx, c.api, "The message to the run", ref.streamPath(), raw, false)
	if err != nil {
		return err
	}
	if r.status >= 200 && r.status <= 299 {
		return c.heard(nil)
	}
	e := newServerError("file_stream", r)
	if e.status == http.StatusNotFound || e.status == http.StatusGone {
		// The run was there when it was created: somebody deleted it meanwhile.
		e.notWandB = e.notWandB && e.form == formPage
	}
	return c.heard(e)
}

func (r RunRef) streamPath() string {
	return fmt.Sprintf("/files/%s/%s/%s/file_stream", url.PathEscape(r.Entity), url.PathEscape(r.Project), url.PathEscape(r.ID))
}

// KeepAlive posts signs of life for a run of ours, so that W&B does not take it for
// crashed while a long job goes on. Call stop before FinishRun: a sign of life that
// arrives after the end would set the run to running again.
func (c *Client) KeepAlive(ref RunRef) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	quit, done := make(chan struct{}), make(chan struct{})
	var once sync.Once
	go func() {
		defer close(done)
		tick := time.NewTicker(c.timings.Heartbeat)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			if err := c.stream(ctx, ref, map[string]any{}); err != nil && ctx.Err() == nil {
				c.notice(fault.As(c.explain("a sign of life of the run", err)).Message)
			}
		}
	}()
	return func() {
		once.Do(func() { close(quit) })
		// One that is on its way may arrive; it may not hold us up.
		t := time.AfterFunc(time.Second, cancel)
		<-done
		t.Stop()
		cancel()
	}
}
