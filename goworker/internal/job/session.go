package job

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// session is W&B as one job sees it: the client, where the artifact goes, and
// the run as it was found.
type session struct {
	client *wandb.Client
	ref    wandb.RunRef
	run    *wandb.Run             // nil: the job has to create it
	here   bool                   // the run is active in the caller's own Python
	input  *wandb.ArtifactVersion // to be recorded as used by the run, or nil
}

// openSession resolves the settings and asks W&B, before any data is read,
// whether the key is good and what is known of the project and the run.
func openSession(ctx context.Context, in wandb.Inputs, runID string) (*session, error) {
	if err := wandb.CheckRunID(runID); err != nil {
		return nil, err
	}
	here := in.ActiveRun != nil && in.ActiveRun.RunID == runID
	if !here {
		in.ActiveRun = nil // another run's entity, project and server do not count
	}
	settings, err := wandb.Resolve(in)
	if err != nil {
		return nil, err
	}
	client, err := newClient(settings)
	if err != nil {
		return nil, err
	}
	access, err := client.CheckAccess(ctx, settings.Entity, settings.Project, runID)
	if err != nil {
		client.Close()
		return nil, err
	}
	if access.Run == nil {
		if err := settings.CheckNewRun(); err != nil {
			client.Close()
			return nil, err
		}
	}
	ref := wandb.RunRef{Entity: access.Entity, Project: settings.Project, ID: runID}
	return &session{client: client, ref: ref, run: access.Run, here: here}, nil
}

// findInput finds the artifact that is to be recorded as the run's input.
func (s *session) findInput(ctx context.Context, reference string) error {
	if reference == "" {
		return nil
	}
	var err error
	s.input, err = s.client.FindNamedArtifact(ctx, reference, wandb.ArtifactRef{Entity: s.ref.Entity, Project: s.ref.Project}, []string{})
	return err
}

// newClient makes a client that logs each request it tries again.
func newClient(settings wandb.Settings) (*wandb.Client, error) {
	return wandb.NewClient(settings, wandb.WithNotices(func(text string) { slog.Warn(text) }))
}

// relation tells how the run stands to us; see design, decision 9.
func (s *session) relation() Relation {
	switch {
	case s.run == nil || s.run.Created:
		return RunOurs
	case s.here:
		return RunActiveHere
	case s.run.Alive():
		return RunAliveElsewhere
	}
	return RunEnded
}

// newRunID is the id of a run that the caller did not name.
func newRunID(prefix string) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + hex.EncodeToString(b[:])
}

// runLog is what both logging jobs have in common: connect to both sides at
// once, let collect fill the spool directory, then publish it.
func runLog(ctx context.Context, target Target, v View, events Events, plan logPlan) (*Result, error) {
	setMemoryGoal(textGoal)
	if target.RunID == "" {
		target.RunID = newRunID(plan.runPrefix)
	}
	name, err := artifactName(target.ArtifactName, plan.defaultName(target.RunID))
	if err != nil {
		return nil, err
	}
	if err := wandb.CheckArtifactLabels(target.Aliases, target.Tags); err != nil {
		return nil, err
	}
	t := newTracker(events.Progress)
	t.begin(StageConnecting)
	var s *session
	var src *view.Source
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		if s, err = openSession(gctx, target.Settings, target.RunID); err != nil {
			return err
		}
		if err := s.findInput(gctx, target.InputArtifact); err != nil {
			return err
		}
		return s.client.CheckArtifactFree(gctx, s.ref.Entity, s.ref.Project, plan.kind, name)
	})
	g.Go(func() (err error) {
		if src, err = view.Connect(gctx, v.Query.URI); err != nil {
			return err
		}
		return src.Check(gctx, v.Query)
	})
	err = g.Wait()
	if s != nil {
		defer s.client.Close()
	}
	if src != nil {
		defer src.Close()
	}
	if err != nil {
		return nil, err
	}
	return publishView(ctx, s, src, t, target, v, events, name, plan)
}

// logPlan is what tells the two logging jobs apart.
type logPlan struct {
	kind        string // the artifact's type
	runPrefix   string // of the id of a new run
	defaultName func(runID string) string
	collect     func(context.Context, *collector) (*publication, error)
}

// publishView reads the view and publishes it. A file that changed after it was
// read makes one more try worth while.
func publishView(ctx context.Context, s *session, src *view.Source, t *tracker, target Target, v View, events Events, name string, plan logPlan) (*Result, error) {
	counting, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		if n, ok := src.Count(counting, v.Query, countForProgress); ok {
			t.rowsTotal(n)
		}
	}()
	p := &publisher{session: s, tracker: t, events: events, target: target, name: name, kind: plan.kind}
	defer p.stopSigns()
	for try := 0; ; try++ {
		res, err := p.attempt(ctx, src, plan)
		if err == nil {
			return res, nil
		}
		if fault.Code(err) == "file_changed" && try == 0 && ctx.Err() == nil {
			continue
		}
		p.fail(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
}

// attempt collects the artifact's content into a spool directory and uploads it.
func (p *publisher) attempt(ctx context.Context, src *view.Source, plan logPlan) (*Result, error) {
	spool, err := artifact.NewSpool(os.TempDir())
	if err != nil {
		return nil, err
	}
	defer func() { _ = spool.Close() }()
	c := &collector{source: src, spool: spool, files: &artifact.Files{}, tracker: p.tracker, runID: p.session.ref.ID, name: p.name}
	defer c.end()
	if given := p.givenName(); given != "" {
		c.warnings.note("artifact_name", "The artifact %q is stored as %q, as the original plugin would store it. This plugin finds it under both names.", given, p.name)
	}
	p.tracker.begin(StageReading)
	pub, err := plan.collect(ctx, c)
	if err != nil {
		return nil, err
	}
	if p.target.DryRun {
		return p.preview(ctx, c, pub)
	}
	return p.publish(ctx, c, pub)
}
