package wandb

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// RunSpec is a run to create. Without a DisplayName it is as WANDB_NAME says, else left to the server. Job type, group,
// tags, notes, host and program are those of W&B's variables.
type RunSpec struct {
	config.RunRef
	DisplayName string
	Config      map[string]any
	// Panels are those of the run's custom charts, by the charts' keys.
	Panels map[string]any
}

// CreateRun creates a run that FindRun did not find, and its project if need be. If
// another process was faster, the run comes back with Created false: then it is
// that process's, and not ours to finish. Faults: unknown_entity, no_permission,
// run_deleted (W&B does not give an id away again), bad_name.
func (c *Client) CreateRun(ctx context.Context, spec RunSpec) (*Run, error) {
	for _, err := range []error{config.CheckEntity(spec.Entity), config.CheckProject(spec.Project), config.CheckRunID(spec.ID),
		c.settings.CheckNewRun(),
	} {
		if err != nil {
			return nil, err
		}
	}
	mark := rand.Text()
	config, err := newRunConfig(spec, mark)
	if err != nil {
		return nil, err
	}
	vars := map[string]any{"entity": spec.Entity, "project": spec.Project, "run": spec.ID, "config": config}
	addRunVariables(c.settings.NewRun(), spec, vars)
	run, err := c.insertRun(ctx, spec.RunRef, vars, mark)
	if e := refusal(err); e != nil {
		if e.status == http.StatusNotFound && !e.notWandB && e.means == meansStatus {
			if err := c.checkEntityExists(ctx, spec.Entity); err != nil {
				return nil, err
			}
		}
	}
	return run, c.explain("creating the run "+spec.ID+" in "+spec.Entity+"/"+spec.Project, err)
}

// insertRun sends the mutation. It is not simply tried again when its answer is
// lost: the second answer would say that the run was there, no matter who made it. The
// mark in the config tells whose it is.
func (c *Client) insertRun(ctx context.Context, ref config.RunRef, vars map[string]any, mark string) (*Run, error) {
	var first time.Time
	duplicates := 0
	for wait := c.timings.RetryWait; ; wait = min(2*wait, c.timings.RetryWaitMax) {
		var out struct {
			UpsertBucket struct {
				Bucket   *runNode `json:"bucket"`
				Inserted bool     `json:"inserted"`
			} `json:"upsertBucket"`
		}
		err := c.call(ctx, "CreateRun", vars, &out, callOptions{once: true})
		if err == nil && out.UpsertBucket.Bucket != nil {
			run := out.UpsertBucket.Bucket.run(ref)
			run.Created = out.UpsertBucket.Inserted
			return run, nil
		}
		if err == nil {
			return nil, &serverError{op: "CreateRun", status: http.StatusOK, messages: []string{"it gave no run back"}}
		}
		if isDuplicateRun(err) {
			duplicates++
		} else if !unsureWhetherDone(err) {
			return nil, err
		}
		if first.IsZero() {
			first = time.Now()
		}
		if time.Since(first)+wait > c.timings.Patience {
			return nil, err
		}
		c.notice("CreateRun: no reliable answer; checking whether the run exists.")
		if sleepErr := sleep(ctx, wait); sleepErr != nil {
			return nil, sleepErr
		}
		if run, findErr := c.runByMark(ctx, ref, mark); findErr != nil || run != nil {
			return run, findErr
		}
		if duplicates == maxDuplicates {
			// It is taken, and yet not there: somebody deleted it.
			refusal(err).means = meansRunDeleted
			return nil, err
		}
	}
}

// maxDuplicates is how often a run that W&B says is there already is looked for: a
// process that creates it at this moment soon shows it, a deleted one never does.
const maxDuplicates = 3

// isDuplicateRun reports whether W&B's database has the run already: another process
// is creating it, or it was deleted.
func isDuplicateRun(err error) bool {
	e := refusal(err)
	return e != nil && e.status == http.StatusConflict && e.says("duplicate entry")
}

// unsureWhetherDone reports whether the server may have created the run although it
// did not say so.
func unsureWhetherDone(err error) bool {
	if e := refusal(err); e != nil {
		return e.means == meansStatus && retryStatus(e.status) && e.status != http.StatusTooManyRequests
	}
	return !isContextError(err) && retryError(err) && !isDialError(err)
}

// runByMark looks for the run, and whether it is the one with our mark.
func (c *Client) runByMark(ctx context.Context, ref config.RunRef, mark string) (*Run, error) {
	var out struct {
		Project *struct {
			Run *runNode `json:"run"`
		} `json:"project"`
	}
	err := c.graphql(ctx, "RunConfig", runVariables(ref), &out)
	if statusOf(err) == http.StatusNotFound {
		return nil, nil
	}
	if err != nil || out.Project == nil || out.Project.Run == nil {
		return nil, err
	}
	var config struct {
		Wandb struct {
			Value struct {
				Mark string `json:"session"`
			} `json:"value"`
		} `json:"_wandb"`
	}
	run := out.Project.Run.run(ref)
	run.Created = json.Unmarshal([]byte(out.Project.Run.Config), &config) == nil && config.Wandb.Value.Mark == mark
	return run, nil
}

// newRunConfig is a new run's config in W&B's form. Without the key "t" (telemetry,
// none here) the official client takes a run for one that never started.
func newRunConfig(spec RunSpec, mark string) (string, error) {
	config := make(map[string]configEntry, len(spec.Config)+1)
	for key, value := range spec.Config {
		config[key] = configEntry{value}
	}
	own := map[string]any{"t": map[string]any{}, "session": mark}
	if len(spec.Panels) > 0 {
		own["visualize"] = spec.Panels
	}
	config["_wandb"] = configEntry{own}
	raw, err := json.Marshal(config)
	if err != nil {
		return "", fault.Wrap(err, fault.Plugin, fault.Internal, "The run's config cannot be written as JSON.")
	}
	if err := checkRunConfig(raw); err != nil {
		return "", err
	}
	return string(raw), nil
}

// maxRunConfig is the most bytes of a run's config that the server takes.
const maxRunConfig = 15_000_000

// checkRunConfig refuses a run's config, as it would be sent, that W&B would refuse: fault too_large.
func checkRunConfig(raw []byte) error {
	if len(raw) <= maxRunConfig {
		return nil
	}
	return fault.New(fault.Settings, fault.TooLarge,
		"The run's config would have %.1f MB, and W&B allows %d MB. Log to another run, or use shorter names.", float64(len(raw))/1e6, maxRunConfig/1_000_000)
}

// addRunVariables adds what is said of the run to those of the mutation that creates it. What the spec
// says goes first.
func addRunVariables(r config.NewRun, spec RunSpec, vars map[string]any) {
	for name, value := range map[string]string{
		"displayName": config.FirstOf(spec.DisplayName, r.DisplayName), "jobType": r.JobType,
		"group": r.Group, "notes": r.Notes, "host": r.Host, "program": r.Program,
	} {
		if value != "" {
			vars[name] = value
		}
	}
	if len(r.Tags) > 0 {
		vars["tags"] = r.Tags
	}
}
