package job

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
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
	t := newTracker(events.Progress)
	t.begin(StageConnecting)
	stored, files, err := offline.Read(ctx, j.Directory)
	if err != nil {
		return nil, err
	}
	s, err := openSession(ctx, j.inputs(stored.Run), stored.Run.ID)
	if err != nil {
		return nil, err
	}
	defer s.client.Close()
	a := stored.Artifact
	if err := s.client.CheckArtifactFree(ctx, s.ref.Entity, s.ref.Project, a.Type, a.Name); err != nil {
		return nil, err
	}
	var w warnings
	if err := s.findStoredInput(ctx, stored.Run.Input, &w); err != nil {
		return nil, err
	}
	p := &publisher{session: s, tracker: t, events: events, name: a.Name, spec: spec{kind: a.Type,
		target: Target{RunID: stored.Run.ID, ArtifactName: a.Name, Aliases: a.Aliases, Tags: a.Tags}}}
	defer p.stopSigns()
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
func (s *session) findStoredInput(ctx context.Context, reference string, w *warnings) error {
	err := s.findInput(ctx, reference)
	switch fault.Code(err) {
	case fault.NotFound, fault.UnknownProject, fault.UnknownEntity, fault.NoPermission, fault.BadReference, fault.OtherServer, fault.BadName:
		w.note("no_input", "The run does not name its input %s: %v", reference, err)
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
func (p *publisher) upload(ctx context.Context, dir string, spec offline.Spec, files *artifact.Files, w warnings) (*Result, error) {
	a := spec.Artifact
	c := &collector{files: files, tracker: p.tracker, runID: spec.Run.ID, name: a.Name, warnings: w}
	pub := &publication{description: a.Description, metadata: a.Metadata, slimMetadata: a.Slim, config: map[string]any{},
		table: storedTable(dir, spec.Table), result: Result{Samples: spec.Rows, ViewSamples: spec.Rows}}
	for key, value := range spec.Run.Config {
		pub.config[key] = json.RawMessage(value)
	}
	pub.values = storedValues(spec.Run, pub.config)
	res, err := p.publish(ctx, c, pub)
	if err != nil {
		return nil, err
	}
	ref := p.session.ref
	found, err := p.session.client.FindNamedArtifact(ctx, a.Name+":"+res.ArtifactVersion,
		config.ArtifactRef{Entity: ref.Entity, Project: ref.Project}, []string{})
	if err != nil {
		return nil, err
	}
	if found.Digest != a.Digest {
		return nil, fault.New(fault.WandB, fault.NotCommitted,
			"W&B's version %s of %s is not what was uploaded. %s is not marked as synced: try again.", res.ArtifactVersion, a.Name, dir)
	}
	if err := offline.MarkSynced(dir, spec.Run.ID); err != nil {
		c.warnings.note("not_marked", "The artifact was uploaded, but its directory could not be marked as synced (%v). Uploading it again does no harm.", err)
		res.Warnings = c.warnings.final()
	}
	res.OfflineDir = dir
	return res, nil
}

// storedTable is the table of an offline run, nil for none.
func storedTable(dir string, t *offline.Table) *tableFile {
	if t == nil {
		return nil
	}
	out := &tableFile{key: t.Key, path: t.Path, parts: make([]*artifact.SpoolFile, max(t.Parts, 1))}
	out.done.Columns, out.done.Rows = t.Columns, t.Rows
	out.stored = func() (io.ReadCloser, error) { return offline.OpenCopy(dir, *t) }
	return out
}
