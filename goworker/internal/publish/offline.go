package publish

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/offline"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// disabledResult is what a job returns that W&B's mode "disabled" keeps from doing anything: no error, so that a script
// under test runs through, as with W&B's own client.
func disabledResult(target Target, name string) *Result {
	res := &Result{RunID: target.RunID, ArtifactName: name, Disabled: true}
	var w collect.Warnings
	w.Note("disabled", "W&B is switched off (its mode is \"disabled\"), so nothing was logged.")
	res.Warnings = w.Final()
	return res
}

// fault says what is wrong with the directory, where that is what failed.
func (o *offlineRun) fault(err error) error {
	switch code := fault.Code(err); {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, syscall.ENOSPC):
		return fault.Wrap(err, fault.Settings, fault.NoSpace,
			"There is no space left to write the offline run at %s. Nothing was written. Free some, or set WANDB_DIR to a directory on a larger disk.", o.root)
	case code != "" && code != fault.Spool:
		return err
	}
	reason := err
	var p *fs.PathError
	if errors.As(err, &p) {
		reason = p.Err
	}
	return fault.Wrap(err, fault.Settings, fault.OfflineDirectory,
		"The offline run cannot be written at %s (%v). Set WANDB_DIR to a directory that you can write to.", o.root, reason)
}

// spoolParent is where what is collected is kept: beside the offline run, since it becomes a part of it.
func (p *Publisher) spoolParent() string {
	if o := p.Session.offline; o != nil && !p.Target.DryRun {
		return o.root
	}
	return os.TempDir()
}

// writeOffline writes what was collected, in place of publish.
func (p *Publisher) writeOffline(ctx context.Context, c *collect.Collector, pub *Publication) (*Result, error) {
	o := p.Session.offline
	p.Tracker.Begin(collect.StageUploading)
	res := p.offlineResult(c, pub)
	if p.Target.DryRun {
		res.DryRun = true
		if err := measure(c, res); err != nil {
			return nil, err
		}
		res.FilesUploaded, res.BytesUploaded = res.FilesTotal, res.BytesTotal
		return res, nil
	}
	if input := p.Target.InputArtifact; input != "" {
		if o.staged != "" {
			c.Warnings.Note("no_input", "W&B's own client uploads this run, and it cannot name an input of an offline run: record %s as used by the run after the upload.", input)
		} else {
			c.Warnings.Note("offline_input", "The operator sync_wandb_offline records %s as used by the run; `wandb sync` cannot.", input)
		}
	}
	if o.named && o.staged == "" {
		c.Warnings.Note("offline_run", "If the run %s is at W&B already, `wandb sync` gives it this config and ends it; the operator sync_wandb_offline leaves it as it is.", p.Session.Ref.ID)
	}
	spec, err := p.offlineSpec(c, pub)
	if err != nil {
		return nil, err
	}
	draft, err := c.Spool.Dir("offline-run")
	if err != nil {
		return nil, err
	}
	filesTotal, bytesTotal := c.Stored()
	content := offline.Content{Files: c.Files, Progress: func(files, bytes int64) { p.Tracker.Upload(files, filesTotal, bytes, bytesTotal) }}
	if spec.Table != nil && spec.Table.Copy != "" {
		content.Copy = CopyOf(pub.Table).Open
	}
	if o.staged != "" {
		res.OfflineDir = filepath.Join(o.staged, "fiftyone", p.Name+"-"+spec.Artifact.ClientID[:8])
		err = offline.Stage(ctx, draft, res.OfflineDir, spec, content)
	} else {
		res.OfflineDir, err = offline.Write(ctx, o.root, draft, spec, content)
	}
	if err != nil {
		return nil, err
	}
	p.Tracker.Done()
	res.Warnings = c.Warnings.Final()
	return res, nil
}

func (p *Publisher) offlineResult(c *collect.Collector, pub *Publication) *Result {
	s := p.Session
	res := p.resultOf(c, pub)
	res.Relation = RunOurs
	if s.offline.staged != "" {
		res.Relation = RunActiveHere
	}
	res.NewVersion = true
	return res
}

// offlineSpec describes the run and the artifact.
func (p *Publisher) offlineSpec(c *collect.Collector, pub *Publication) (offline.Spec, error) {
	o, ref := p.Session.offline, p.Session.Ref
	by := o.settings.NewRun()
	spec := offline.Spec{
		Run: offline.Run{
			ID: ref.ID, Entity: ref.Entity, Project: ref.Project, DisplayName: by.DisplayName, JobType: by.JobType, Group: by.Group,
			Notes: by.Notes, Host: by.Host, Program: by.Program, Tags: by.Tags, Config: map[string]json.RawMessage{}, Started: time.Now(),
			Input: p.Target.InputArtifact,
		},
		Artifact: offline.Artifact{
			Type: p.Kind, Name: p.Name, Description: pub.Description, Digest: c.Files.Digest(), Metadata: pub.Metadata, Slim: pub.SlimMetadata,
			Aliases: append([]string{"latest"}, p.Target.Aliases...), Tags: p.Target.Tags,
			ClientID: wandb.NewClientID(), SequenceClientID: wandb.NewClientID(),
		},
		Rows: pub.Result.Samples,
	}
	for key, value := range pub.runConfig() {
		spec.Run.Config[key] = metadata.JSON(value)
	}
	if o.staged != "" { // the run's own client is told of the rest
		return spec, nil
	}
	if err := pub.Values.describe(&spec.Run); err != nil {
		return spec, err
	}
	t := pub.Table
	if t == nil {
		return spec, nil
	}
	shown := wandb.PartitionedRunTable(t.Key)
	if !t.IsPartitioned() {
		var err error
		if shown, err = wandb.DescribeTable(CopyOf(t)); err != nil {
			return spec, err
		}
	}
	shown = shown.InOffline(spec.Artifact.ClientID, t.Path)
	spec.Table = &offline.Table{
		Key: t.Key, Path: t.Path, Columns: t.Done.Columns, Rows: t.Done.Rows, Parts: len(t.Done.Parts), Copy: shown.Path(), Value: shown.Value(),
	}
	return spec, nil
}

// describe says what the run of an offline directory gets to know.
func (v *RunValues) describe(run *offline.Run) error {
	if v == nil {
		return nil
	}
	run.Numbers, run.Stale, run.Replaced = v.Numbers, v.Stale, slices.Sorted(maps.Keys(v.Own))
	for _, c := range v.Charts {
		table, err := wandb.DescribeTable(tableOf(c))
		if err != nil {
			return err
		}
		run.Charts = append(run.Charts, offline.Chart{Chart: c, Copy: table.Path(), Value: table.Value()})
	}
	return nil
}

// storedValues are the values that an offline directory has for its run; nil for none. Those keys that they replace are
// taken out of config.
func storedValues(run offline.Run, config map[string]any) *RunValues {
	if len(run.Numbers)+len(run.Charts)+len(run.Replaced) == 0 {
		return nil
	}
	v := &RunValues{Numbers: run.Numbers, Own: map[string]any{}, Stale: run.Stale}
	for _, c := range run.Charts {
		v.Charts = append(v.Charts, c.Chart)
	}
	for _, key := range run.Replaced {
		if value, ok := config[key]; ok {
			v.Own[key] = value
			delete(config, key)
		}
	}
	return v
}
