package publish

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Publisher does a logging job: it connects, has the content collected, and then does the second phase: the run,
// the upload, the commit, and what the run gets to know of it.
type Publisher struct {
	Spec
	Name    string // of the artifact
	Session *Session
	Source  *view.Source
	Tracker *collect.Tracker
	Events  Events
	// allClasses says that the classes of all rows are needed: see picture.ErrOtherClasses.
	allClasses bool

	stop func() // ends the heartbeats of a run that this job created; nil if there are none
	// Within is when a heartbeat may be posted, where several workers post them; nil for always.
	Within func(post func())
}

// Connect connects to W&B and to MongoDB at once, and checks that both will do what the job needs.
func (p *Publisher) Connect(ctx context.Context) error {
	p.Tracker.Begin(collect.StageConnecting)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		if p.Session, err = openSession(gctx, p.Target.Settings, p.Target.RunID); err != nil {
			return err
		}
		if err := p.Session.findInput(gctx, p.Target.InputArtifact); err != nil {
			return err
		}
		return p.Session.Client.CheckArtifactFree(gctx, p.Session.Ref.Entity, p.Session.Ref.Project, p.Kind, p.Name)
	})
	g.Go(func() error { return p.connectSource(gctx) })
	return g.Wait()
}

// connectSource connects to MongoDB and checks that the view can be read.
func (p *Publisher) connectSource(ctx context.Context) (err error) {
	query := p.View.Query
	if p.Source, err = view.Connect(ctx, query.URI); err != nil {
		return err
	}
	return p.Source.Check(ctx, query)
}

// Close ends the connections.
func (p *Publisher) Close() {
	p.StopHeartbeats()
	if p.Session != nil && p.Session.Client != nil {
		p.Session.Client.Close()
	}
	if p.Source != nil {
		p.Source.Close()
	}
}

// EnsureRun creates the run where it is missing, and keeps it alive until it is
// finished.
func (p *Publisher) EnsureRun(ctx context.Context, pub *Publication) error {
	s := p.Session
	if s.Run != nil {
		return nil
	}
	run, err := s.Client.CreateRun(ctx, wandb.RunSpec{RunRef: s.Ref, Config: pub.runConfig(), Panels: pub.Values.panels()})
	if err != nil {
		return err
	}
	s.Run = run
	if !run.Created { // another process was faster
		return nil
	}
	if p.Events.RunCreated != nil {
		p.Events.RunCreated(s.Ref.Entity, s.Ref.Project, s.Ref.ID)
	}
	p.KeepAlive()
	return nil
}

// KeepAlive posts heartbeats of the run from now on.
func (p *Publisher) KeepAlive() {
	switch {
	case p.stop != nil:
	case p.Within != nil:
		p.stop = p.Session.Client.KeepAliveWithin(p.Session.Ref, p.Within)
	default:
		p.stop = p.Session.Client.KeepAlive(p.Session.Ref)
	}
}

// StopHeartbeats ends the heartbeats of a run that this job keeps alive.
func (p *Publisher) StopHeartbeats() {
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

// fail marks a run that this job created as failed. A cancelled job has to end at once,
// so it has cleanupTime for it; without this W&B takes the run for crashed after some minutes.
func (p *Publisher) fail(ctx context.Context) {
	if p.stop == nil {
		return
	}
	p.StopHeartbeats()
	ctx, done := lenient(ctx)
	defer done()
	ctx, cancel := context.WithTimeout(ctx, failTime)
	defer cancel()
	if err := p.finishRun(ctx, 1); err != nil {
		slog.Warn("the run could not be marked as failed", "run", p.Session.Ref.ID, "reason", err)
	}
}

// finishRun ends the run, and says so where that is in doubt.
func (p *Publisher) finishRun(ctx context.Context, exitCode int, values ...wandb.RunValue) error {
	err := p.Session.Client.FinishRun(ctx, p.Session.Ref, exitCode, values...)
	if err != nil && fault.Code(err) != fault.TableNotShown && p.Events.RunLeftOpen != nil {
		p.Events.RunLeftOpen()
	}
	return err
}

// cleanupTime is what is left for finishing a run that the job created after a cancel.
const cleanupTime = 1200 * time.Millisecond

// failTime is how long a job that failed, and was not cancelled, tries to mark its run as failed.
const failTime = 10 * time.Second

// lenient is a context that outlives a cancel for cleanupTime: once an artifact
// is committed, its run should hear of it.
func lenient(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(cleanupTime, cancel)
		context.AfterFunc(out, func() { timer.Stop() })
	})
	return out, func() { stop(); cancel() }
}

// ArtifactSpec describes the version that is logged.
func (p *Publisher) ArtifactSpec(c *collect.Collector, pub *Publication) wandb.ArtifactSpec {
	return wandb.ArtifactSpec{
		Run: p.Session.Ref, Type: p.Kind, Name: p.Name, Description: pub.Description,
		Metadata: pub.Metadata, SlimMetadata: pub.SlimMetadata, Aliases: p.Target.Aliases, Tags: p.Target.Tags, Files: c.Files,
	}
}

// Result is what the job has done, when the artifact is there.
func (p *Publisher) Result(c *collect.Collector, pub *Publication, relation Relation, logged wandb.LoggedArtifact) *Result {
	s := p.Session
	res := p.resultOf(c, pub)
	settings := s.Client.Settings()
	res.Relation, res.ArtifactVersion, res.NewVersion = relation, logged.Version, logged.New
	res.RunURL = settings.RunURL(s.Ref.Entity, s.Ref.Project, s.Ref.ID)
	res.ArtifactURL = settings.ArtifactURL(s.Ref.Entity, s.Ref.Project, p.Kind, p.Name, logged.Version)
	res.BaseURL, res.SettingsFiles = settings.BaseURL, settings.Files
	res.BytesUploaded, res.FilesUploaded, res.FilesUnchanged = logged.BytesUploaded, logged.FilesUploaded, logged.FilesUnchanged
	return res
}

// resultOf is what is known of a result, however it was published.
func (p *Publisher) resultOf(c *collect.Collector, pub *Publication) *Result {
	res := pub.Result
	res.Entity, res.Project, res.RunID = p.Session.Ref.Entity, p.Session.Ref.Project, p.Session.Ref.ID
	res.ArtifactName, res.GivenName = p.Name, p.GivenName()
	res.RunConfigJSON = string(metadata.JSON(pub.runConfig()))
	res.ThumbnailsMade = c.Pictures.Made()
	if pub.Values != nil {
		res.Metrics, res.Charts = pub.Values.Numbers, pub.Values.Charts
	}
	res.Warnings = c.Warnings.Final()
	return &res
}

// GivenName is the artifact's name that was asked for, if W&B has it under another.
func (p *Publisher) GivenName() string {
	if p.Target.ArtifactName == p.Name {
		return ""
	}
	return p.Target.ArtifactName
}

// ArtifactName is the given name as W&B takes it, or the default, which W&B takes as it is.
func ArtifactName(given, otherwise string) (string, error) {
	if given == "" {
		return otherwise, config.CheckArtifactName(otherwise)
	}
	name := config.SanitizeName(given)
	if name == "" {
		return "", fault.New(fault.Settings, fault.BadName,
			"The artifact name %q has no character that W&B allows: use letters, digits, '-', '_' and '.'.", given)
	}
	return name, config.CheckArtifactName(name)
}

// NewRunID is the id of a run that the caller did not name.
func NewRunID(prefix string) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + hex.EncodeToString(b[:])
}
