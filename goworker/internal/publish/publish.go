package publish

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Publication is what collecting a view has come to.
type Publication struct {
	Description            string
	Metadata, SlimMetadata []byte
	// Config are the keys for the run.
	Config map[string]any
	// Table is shown in the workspace of a run that this job created; nil for none.
	Table *collect.TableFile
	// Values are numbers and charts for the run; nil for none.
	Values *RunValues
	// Result holds the counts.
	Result Result
}

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

// publish uploads what was collected.
func (p *Publisher) publish(ctx context.Context, c *collect.Collector, pub *Publication) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // whatever still runs beside a failed upload ends with it
	s := p.Session
	if err := p.EnsureRun(ctx, pub); err != nil {
		return nil, err
	}
	relation := s.Relation()
	p.Tracker.Begin(collect.StageUploading)
	copied := p.copyTable(ctx, pub, relation)
	charts := p.UploadCharts(ctx, pub, relation)
	logged, err := s.Client.LogArtifact(ctx, p.ArtifactSpec(c, pub), func(u wandb.UploadProgress) { p.Tracker.Upload(u.FilesDone, u.FilesTotal, u.BytesDone, u.BytesTotal) })
	if err != nil {
		return nil, err
	}
	if !logged.New {
		logged.FilesUnchanged, _ = c.Stored()
	}
	p.Tracker.Begin(collect.StageCommitting)
	after, done := lenient(ctx)
	defer done()
	p.TellRun(after, c, pub, relation, func() ([]wandb.RunValue, error) {
		values := p.RunValuesOf(c, pub, <-charts)
		one := <-copied
		if pub.Table == nil || relation != RunOurs || one.err != nil {
			return values, one.err
		}
		shown, err := one.table.In(logged.ID, pub.Table.Path)
		if err != nil {
			return values, err
		}
		return append(values, shown), nil
	})
	p.Tracker.Done()
	return p.Result(c, pub, relation, logged), nil
}

// ArtifactSpec describes the version that is logged.
func (p *Publisher) ArtifactSpec(c *collect.Collector, pub *Publication) wandb.ArtifactSpec {
	return wandb.ArtifactSpec{
		Run: p.Session.Ref, Type: p.Kind, Name: p.Name, Description: pub.Description,
		Metadata: pub.Metadata, SlimMetadata: pub.SlimMetadata, Aliases: p.Target.Aliases, Tags: p.Target.Tags, Files: c.Files,
	}
}

// copied is a table's copy for the run's workspace, or why there is none.
type copied struct {
	table wandb.RunTable
	err   error
}

// copyTable uploads the copy for the workspace of a run that this job created beside
// the artifact, so that it adds nothing to the requests in series.
func (p *Publisher) copyTable(ctx context.Context, pub *Publication, relation Relation) <-chan copied {
	out := make(chan copied, 1)
	if pub.Table == nil || relation != RunOurs {
		out <- copied{}
		return out
	}
	if pub.Table.IsPartitioned() {
		out <- copied{table: wandb.PartitionedRunTable(pub.Table.Key)}
		return out
	}
	go func() {
		table, err := p.Session.Client.UploadTableCopy(ctx, p.Session.Ref, CopyOf(pub.Table))
		out <- copied{table, err}
	}()
	return out
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

// TellRun adds what the run should know of the artifact. What fails here fails
// after the artifact was committed: it is a warning.
func (p *Publisher) TellRun(ctx context.Context, c *collect.Collector, pub *Publication, relation Relation, values func() ([]wandb.RunValue, error)) {
	p.useInput(ctx, c, pub)
	switch relation {
	case RunOurs:
		p.StopHeartbeats()
		shown, err := values()
		if err = errors.Join(err, p.finishRun(ctx, 0, shown...)); err != nil {
			c.Warnings.Note(cmp.Or(fault.Code(err), "run_not_finished"), "The artifact was logged, but its run is incomplete: %v", err)
		}
	case RunEnded:
		shown, _ := values()
		p.extendEndedRun(ctx, c, pub, shown)
	case RunAliveElsewhere:
		if pub.Values != nil {
			c.Warnings.Note("run_alive", "The run is alive in another process, which writes its summary, so the run does not show the numbers and charts: the artifact holds them.")
		}
	}
}

// useInput records the input artifact as used by the run, unless the run made it.
func (p *Publisher) useInput(ctx context.Context, c *collect.Collector, pub *Publication) {
	s := p.Session
	if s.input == nil {
		return
	}
	if by := s.input.CreatedBy; by == nil || by.RunRef != s.Ref {
		if err := s.Client.UseVersion(ctx, s.Ref, s.input); err != nil {
			c.Warnings.Note("no_input", "The artifact was logged, but its run does not name its input: %v", err)
			return
		}
	}
	pub.Result.InputArtifactURL = s.input.URL(s.Client.Settings())
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

// StopHeartbeats ends the heartbeats of a run that this job keeps alive.
func (p *Publisher) StopHeartbeats() {
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

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

// CopyOf is the copy of a table for a run's workspace.
func CopyOf(t *collect.TableFile) wandb.TableCopy {
	return wandb.TableCopy{Key: t.Key, Columns: len(t.Done.Columns), Rows: t.Done.Rows,
		Open: func() (io.ReadCloser, error) { return t.OpenCopy(wandb.MaxRunTableRows) }}
}
