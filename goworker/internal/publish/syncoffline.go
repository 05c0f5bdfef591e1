package publish

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/memory"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/offline"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// SyncOffline uploads what a job has written in W&B's offline mode, and marks the directory as synced when the artifact
// is committed: not before, unlike `wandb sync`.
type SyncOffline struct {
	Settings config.Inputs
	// Directory is that of the offline run, wherever it is now.
	Directory string
	// Entity and Project go before those that the run was written for; empty for these.
	Entity, Project string
}

// Run does the job.
func (j SyncOffline) Run(ctx context.Context, events Events) (*Result, error) {
	memory.ForTexts()
	t := collect.NewTracker(events.Progress)
	t.Begin(collect.StageConnecting)
	stored, files, err := offline.Read(ctx, j.Directory)
	if err != nil {
		return nil, err
	}
	s, err := openSession(ctx, j.inputs(stored.Run), stored.Run.ID)
	if err != nil {
		return nil, err
	}
	defer s.Client.Close()
	a := stored.Artifact
	if err := s.Client.CheckArtifactFree(ctx, s.Ref.Entity, s.Ref.Project, a.Type, a.Name); err != nil {
		return nil, err
	}
	var w collect.Warnings
	if err := s.findStoredInput(ctx, stored.Run.Input, &w); err != nil {
		return nil, err
	}
	p := &Publisher{Session: s, Tracker: t, Events: events, Name: a.Name, Spec: Spec{Kind: a.Type,
		Target: Target{RunID: stored.Run.ID, ArtifactName: a.Name, Aliases: a.Aliases, Tags: a.Tags}}}
	defer p.StopHeartbeats()
	res, err := p.upload(ctx, j.Directory, stored, files, w)
	if err != nil {
		p.fail(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return res, nil
}

// findStoredInput finds the artifact that an offline run used. What is not at W&B costs the record of it, not the upload.
func (s *Session) findStoredInput(ctx context.Context, reference string, w *collect.Warnings) error {
	err := s.findInput(ctx, reference)
	switch fault.Code(err) {
	case fault.NotFound, fault.UnknownProject, fault.UnknownEntity, fault.NoPermission, fault.BadReference, fault.OtherServer, fault.BadName:
		w.Note("no_input", "The run does not name its input %s: %v", reference, err)
		return nil
	}
	return err
}

// inputs are the settings with what the run was written for.
func (j SyncOffline) inputs(run offline.Run) config.Inputs {
	in := j.Settings
	in.Online, in.ActiveRun = true, nil
	in.Entity, in.Project = cmp.Or(j.Entity, run.Entity, in.Entity), cmp.Or(j.Project, run.Project, in.Project)
	in.Host, in.Program = run.Host, run.Program
	in.Env = maps.Clone(in.Env)
	if in.Env == nil {
		in.Env = map[string]string{}
	}
	for name, value := range map[string]string{
		"WANDB_NAME": run.DisplayName, "WANDB_JOB_TYPE": run.JobType, "WANDB_RUN_GROUP": run.Group, "WANDB_NOTES": run.Notes,
		"WANDB_HOST": run.Host, "WANDB_PROGRAM": run.Program, "WANDB_TAGS": strings.Join(run.Tags, ","),
	} {
		in.Env[name] = value
	}
	return in
}

// upload publishes the artifact, and looks whether it is there before the directory counts as synced.
func (p *Publisher) upload(ctx context.Context, dir string, spec offline.Spec, files *artifact.Files, w collect.Warnings) (*Result, error) {
	a := spec.Artifact
	c := &collect.Collector{Files: files, Tracker: p.Tracker, RunID: spec.Run.ID, Name: a.Name, Warnings: w}
	pub := &Publication{Description: a.Description, Metadata: a.Metadata, SlimMetadata: a.Slim, Config: map[string]any{},
		Table: storedTable(dir, spec.Table), Result: Result{Samples: spec.Rows, ViewSamples: spec.Rows}}
	for key, value := range spec.Run.Config {
		pub.Config[key] = json.RawMessage(value)
	}
	pub.Values = storedValues(spec.Run, pub.Config)
	res, err := p.publish(ctx, c, pub)
	if err != nil {
		return nil, err
	}
	ref := p.Session.Ref
	found, err := p.Session.Client.FindNamedArtifact(ctx, a.Name+":"+res.ArtifactVersion,
		config.ArtifactRef{Entity: ref.Entity, Project: ref.Project}, []string{})
	if err != nil {
		return nil, err
	}
	if found.Digest != a.Digest {
		return nil, fault.New(fault.WandB, fault.NotCommitted,
			"W&B's version %s of %s is not what was uploaded. %s is not marked as synced: try again.", res.ArtifactVersion, a.Name, dir)
	}
	if err := offline.MarkSynced(dir, spec.Run.ID); err != nil {
		c.Warnings.Note("not_marked", "The artifact was uploaded, but its directory could not be marked as synced (%v). Uploading it again does no harm.", err)
		res.Warnings = c.Warnings.Final()
	}
	res.OfflineDir = dir
	return res, nil
}

// storedTable is the table of an offline run, nil for none.
func storedTable(dir string, t *offline.Table) *collect.TableFile {
	if t == nil {
		return nil
	}
	out := &collect.TableFile{Key: t.Key, Path: t.Path}
	out.Done.Columns, out.Done.Rows, out.Done.Parts = t.Columns, t.Rows, make([]int64, t.Parts) // of the parts, their number is all that is asked
	out.Stored = func() (io.ReadCloser, error) { return offline.OpenCopy(dir, *t) }
	return out
}
