package job

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// publication is what collecting a view has come to.
type publication struct {
	description            string
	metadata, slimMetadata []byte
	// config are the keys for the run.
	config map[string]any
	// table is shown in the workspace of a run that this job created; nil for none.
	table *tableFile
	// values are numbers and charts for the run; nil for none.
	values *runValues
	// result holds the counts.
	result Result
}

// publisher does a logging job: it connects, has the content collected, and then does the second phase: the run,
// the upload, the commit, and what the run gets to know of it.
type publisher struct {
	spec
	name    string // of the artifact
	session *session
	source  *view.Source
	tracker *tracker
	events  Events
	// allClasses says that the classes of all rows are needed: see picture.ErrOtherClasses.
	allClasses bool

	stop func() // ends the heartbeats of a run that this job created; nil if there are none
	// within is when a heartbeat may be posted, where several workers post them; nil for always.
	within func(post func())
}

// publish uploads what was collected.
func (p *publisher) publish(ctx context.Context, c *collector, pub *publication) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // whatever still runs beside a failed upload ends with it
	s := p.session
	if err := p.ensureRun(ctx, pub); err != nil {
		return nil, err
	}
	relation := s.relation()
	p.tracker.begin(StageUploading)
	copied := p.copyTable(ctx, pub, relation)
	charts := p.uploadCharts(ctx, pub, relation)
	logged, err := s.client.LogArtifact(ctx, p.artifactSpec(c, pub), func(u wandb.UploadProgress) { p.tracker.upload(u.FilesDone, u.FilesTotal, u.BytesDone, u.BytesTotal) })
	if err != nil {
		return nil, err
	}
	if !logged.New {
		logged.FilesUnchanged, _ = c.stored()
	}
	p.tracker.begin(StageCommitting)
	after, done := lenient(ctx)
	defer done()
	p.tellRun(after, c, pub, relation, func() ([]wandb.RunValue, error) {
		values := p.runValuesOf(c, pub, <-charts)
		one := <-copied
		if pub.table == nil || relation != RunOurs || one.err != nil {
			return values, one.err
		}
		shown, err := one.table.In(logged.ID, pub.table.path)
		if err != nil {
			return values, err
		}
		return append(values, shown), nil
	})
	p.tracker.done()
	return p.result(c, pub, relation, logged), nil
}

// artifactSpec describes the version that is logged.
func (p *publisher) artifactSpec(c *collector, pub *publication) wandb.ArtifactSpec {
	return wandb.ArtifactSpec{
		Run: p.session.ref, Type: p.kind, Name: p.name, Description: pub.description,
		Metadata: pub.metadata, SlimMetadata: pub.slimMetadata, Aliases: p.target.Aliases, Tags: p.target.Tags, Files: c.files,
	}
}

// copied is a table's copy for the run's workspace, or why there is none.
type copied struct {
	table wandb.RunTable
	err   error
}

// copyTable uploads the copy for the workspace of a run that this job created beside
// the artifact, so that it adds nothing to the requests in series.
func (p *publisher) copyTable(ctx context.Context, pub *publication, relation Relation) <-chan copied {
	out := make(chan copied, 1)
	if pub.table == nil || relation != RunOurs {
		out <- copied{}
		return out
	}
	if pub.table.isPartitioned() {
		out <- copied{table: wandb.PartitionedRunTable(pub.table.key)}
		return out
	}
	go func() {
		table, err := p.session.client.UploadTableCopy(ctx, p.session.ref, copyOf(pub.table))
		out <- copied{table, err}
	}()
	return out
}

// ensureRun creates the run where it is missing, and keeps it alive until it is
// finished.
func (p *publisher) ensureRun(ctx context.Context, pub *publication) error {
	s := p.session
	if s.run != nil {
		return nil
	}
	run, err := s.client.CreateRun(ctx, wandb.RunSpec{RunRef: s.ref, Config: pub.runConfig(), Panels: pub.values.panels()})
	if err != nil {
		return err
	}
	s.run = run
	if !run.Created { // another process was faster
		return nil
	}
	if p.events.RunCreated != nil {
		p.events.RunCreated(s.ref.Entity, s.ref.Project, s.ref.ID)
	}
	p.keepAlive()
	return nil
}

// keepAlive posts heartbeats of the run from now on.
func (p *publisher) keepAlive() {
	switch {
	case p.stop != nil:
	case p.within != nil:
		p.stop = p.session.client.KeepAliveWithin(p.session.ref, p.within)
	default:
		p.stop = p.session.client.KeepAlive(p.session.ref)
	}
}

// tellRun adds what the run should know of the artifact. What fails here fails
// after the artifact was committed: it is a warning.
func (p *publisher) tellRun(ctx context.Context, c *collector, pub *publication, relation Relation, values func() ([]wandb.RunValue, error)) {
	p.useInput(ctx, c, pub)
	switch relation {
	case RunOurs:
		p.stopSigns()
		shown, err := values()
		if err = errors.Join(err, p.finishRun(ctx, 0, shown...)); err != nil {
			c.warnings.note(cmp.Or(fault.Code(err), "run_not_finished"), "The artifact was logged, but its run is incomplete: %v", err)
		}
	case RunEnded:
		shown, _ := values()
		p.extendEndedRun(ctx, c, pub, shown)
	case RunAliveElsewhere:
		if pub.values != nil {
			c.warnings.note("run_alive", "The run is alive in another process, which writes its summary, so the run does not show the numbers and charts: the artifact holds them.")
		}
	}
}

// useInput records the input artifact as used by the run, unless the run made it.
func (p *publisher) useInput(ctx context.Context, c *collector, pub *publication) {
	s := p.session
	if s.input == nil {
		return
	}
	if by := s.input.CreatedBy; by == nil || by.RunRef != s.ref {
		if err := s.client.UseVersion(ctx, s.ref, s.input); err != nil {
			c.warnings.note("no_input", "The artifact was logged, but its run does not name its input: %v", err)
			return
		}
	}
	pub.result.InputArtifactURL = s.input.URL(s.client.Settings())
}

// fail marks a run that this job created as failed. A cancelled job has to end at once,
// so it has cleanupTime for it; without this W&B takes the run for crashed after some minutes.
func (p *publisher) fail(ctx context.Context) {
	if p.stop == nil {
		return
	}
	p.stopSigns()
	ctx, done := lenient(ctx)
	defer done()
	ctx, cancel := context.WithTimeout(ctx, failTime)
	defer cancel()
	if err := p.finishRun(ctx, 1); err != nil {
		slog.Warn("the run could not be marked as failed", "run", p.session.ref.ID, "reason", err)
	}
}

// finishRun ends the run, and says so where that is in doubt.
func (p *publisher) finishRun(ctx context.Context, exitCode int, values ...wandb.RunValue) error {
	err := p.session.client.FinishRun(ctx, p.session.ref, exitCode, values...)
	if err != nil && fault.Code(err) != fault.TableNotShown && p.events.RunLeftOpen != nil {
		p.events.RunLeftOpen()
	}
	return err
}

func (p *publisher) stopSigns() {
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

func (p *publisher) result(c *collector, pub *publication, relation Relation, logged wandb.LoggedArtifact) *Result {
	s := p.session
	res := p.resultOf(c, pub)
	settings := s.client.Settings()
	res.Relation, res.ArtifactVersion, res.NewVersion = relation, logged.Version, logged.New
	res.RunURL = settings.RunURL(s.ref.Entity, s.ref.Project, s.ref.ID)
	res.ArtifactURL = settings.ArtifactURL(s.ref.Entity, s.ref.Project, p.kind, p.name, logged.Version)
	res.BaseURL, res.SettingsFiles = settings.BaseURL, settings.Files
	res.BytesUploaded, res.FilesUploaded, res.FilesUnchanged = logged.BytesUploaded, logged.FilesUploaded, logged.FilesUnchanged
	return res
}

// resultOf is what is known of a result, however it was published.
func (p *publisher) resultOf(c *collector, pub *publication) *Result {
	res := pub.result
	res.Entity, res.Project, res.RunID = p.session.ref.Entity, p.session.ref.Project, p.session.ref.ID
	res.ArtifactName, res.GivenName = p.name, p.givenName()
	res.RunConfigJSON = string(metadata.JSON(pub.runConfig()))
	res.ThumbnailsMade = c.pictures.Made()
	if pub.values != nil {
		res.Metrics, res.Charts = pub.values.numbers, pub.values.charts
	}
	res.Warnings = c.warnings.final()
	return &res
}

// givenName is the artifact's name that was asked for, if W&B has it under another.
func (p *publisher) givenName() string {
	if p.target.ArtifactName == p.name {
		return ""
	}
	return p.target.ArtifactName
}

// artifactName is the given name as W&B takes it, or the default, which W&B takes as it is.
func artifactName(given, otherwise string) (string, error) {
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

// copyOf is the copy of a table for a run's workspace.
func copyOf(t *tableFile) wandb.TableCopy {
	return wandb.TableCopy{Key: t.key, Columns: len(t.done.Columns), Rows: t.done.Rows,
		Open: func() (io.ReadCloser, error) { return t.openCopy(wandb.MaxRunTableRows) }}
}
