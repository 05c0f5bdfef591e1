package job

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/memory"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/view"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// session is W&B as one job sees it: the client, where the artifact goes, and
// the run as it was found.
type session struct {
	client *wandb.Client
	ref    config.RunRef
	run    *wandb.Run             // nil: the job has to create it
	here   bool                   // the run is active in the caller's own Python
	input  *wandb.ArtifactVersion // to be recorded as used by the run, or nil
	// offline is where the run is written in place of reaching W&B; then there is no client. Nil otherwise.
	offline *offlineRun
}

// openSession resolves the settings and asks W&B, before any data is read,
// whether the key is good and what is known of the project and the run.
func openSession(ctx context.Context, in config.Inputs, runID string) (*session, error) {
	if err := config.CheckRunID(runID); err != nil {
		return nil, err
	}
	in, here := in.ForRun(runID)
	settings, err := config.Resolve(in)
	if err != nil {
		return nil, err
	}
	client, err := wandb.NewClient(settings)
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
	ref := config.RunRef{Entity: access.Entity, Project: settings.Project, ID: runID}
	return &session{client: client, ref: ref, run: access.Run, here: here}, nil
}

// findInput finds the artifact that is to be recorded as the run's input.
func (s *session) findInput(ctx context.Context, reference string) error {
	if reference == "" {
		return nil
	}
	var err error
	s.input, err = s.client.FindNamedArtifact(ctx, reference, config.ArtifactRef{Entity: s.ref.Entity, Project: s.ref.Project}, []string{})
	return err
}

// relation is how the run relates to the caller; see design, decision 9.
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

// logPlan is what tells the logging jobs apart.
type logPlan struct {
	target      Target
	view        View
	parts       Parts  // 0 for as usual
	kind        string // the artifact's type
	runPrefix   string // of the id of a new run
	defaultName func(runID string) string
	// score is how rows can be chosen.
	score scorer
	// prepare is called before anything is read of the view; nil for nothing. It is called again with each attempt.
	prepare func(context.Context, *collector) error
	// open registers what the job reads of each row, and starts the files that it goes to.
	open func(context.Context, *reader) (content, error)
	// inOnePiece says that the content has a file that is not made of parts: its rows cannot be shared by several workers.
	inOnePiece bool
	pictures   *picture.Config // nil for none
}

// content is what a logging job makes of a view's rows: the files of its artifact, and how they are described.
type content interface {
	// add takes the next row.
	add(*row) error
	// close ends the files and hands them to the artifact, when the last row was added.
	close() error
	// publication says what to upload, when n rows were added and all is closed.
	publication(ctx context.Context, n int64) (*publication, error)
}

// runLog is what the logging jobs have in common: connect to both sides at
// once, fill the spool directory with the content, then publish it.
func runLog(ctx context.Context, events Events, plan logPlan) (*Result, error) {
	memory.ForTexts()
	if plan.target.RunGiven = plan.target.RunID != ""; !plan.target.RunGiven {
		plan.target.RunID = newRunID(plan.runPrefix)
	}
	name, err := artifactName(plan.target.ArtifactName, plan.defaultName(plan.target.RunID))
	if err != nil {
		return nil, err
	}
	if err := config.CheckArtifactLabels(plan.target.Aliases, plan.target.Tags); err != nil {
		return nil, err
	}
	plan.target.Settings = plan.target.Settings.ReadOnce()
	mode, err := config.ModeOf(plan.target.Settings)
	if err != nil {
		return nil, err
	}
	if mode == config.Disabled {
		return disabledResult(plan.target, name), nil
	}
	p := &publisher{logPlan: plan, tracker: newTracker(events.Progress), events: events, name: name}
	defer p.close()
	if mode == config.Offline {
		return p.runOffline(ctx)
	}
	if err := p.connect(ctx); err != nil {
		return nil, err
	}
	return p.run(ctx)
}

// connect connects to W&B and to MongoDB at once, and checks that both will do what the job needs.
func (p *publisher) connect(ctx context.Context) error {
	p.tracker.begin(StageConnecting)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		if p.session, err = openSession(gctx, p.target.Settings, p.target.RunID); err != nil {
			return err
		}
		if err := p.session.findInput(gctx, p.target.InputArtifact); err != nil {
			return err
		}
		return p.session.client.CheckArtifactFree(gctx, p.session.ref.Entity, p.session.ref.Project, p.kind, p.name)
	})
	g.Go(func() error { return p.connectSource(gctx) })
	return g.Wait()
}

// connectSource connects to MongoDB and checks that the view can be read.
func (p *publisher) connectSource(ctx context.Context) (err error) {
	query := p.view.Query
	if p.source, err = view.Connect(ctx, query.URI); err != nil {
		return err
	}
	return p.source.Check(ctx, query)
}

// close ends the connections.
func (p *publisher) close() {
	p.stopSigns()
	if p.session != nil && p.session.client != nil {
		p.session.client.Close()
	}
	if p.source != nil {
		p.source.Close()
	}
}

// run collects the content and publishes it. One more try is worth while where a file changed after it was read, and
// where the first rows do not have all classes of what is drawn.
func (p *publisher) run(ctx context.Context) (*Result, error) {
	counting, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		if n, ok := p.source.Count(counting, p.view.Query, countForProgress); ok {
			p.tracker.rowsTotal(n)
		}
	}()
	changed := false
	for {
		res, err := p.attempt(ctx)
		switch {
		case err == nil:
			return res, nil
		case ctx.Err() != nil:
			p.fail(ctx)
			return nil, ctx.Err()
		case errors.Is(err, picture.ErrOtherClasses) && !p.allClasses:
			p.allClasses = true
		case fault.Code(err) == fault.FileChanged && !changed:
			changed = true
		default:
			p.fail(ctx)
			return nil, err
		}
	}
}

// attempt collects the artifact's content into a spool directory and uploads it.
func (p *publisher) attempt(ctx context.Context) (*Result, error) {
	spool, err := artifact.NewSpool(p.spoolParent())
	if err != nil {
		return nil, err
	}
	defer func() { _ = spool.Close() }()
	c := &collector{source: p.source, spool: spool, files: &artifact.Files{}, tracker: p.tracker, runID: p.session.ref.ID, name: p.name, allClasses: p.allClasses, parts: p.parts}
	defer c.end()
	if given := p.givenName(); given != "" {
		c.noteName(given)
	}
	p.tracker.begin(StageReading)
	pub, err := c.collect(ctx, p.logPlan)
	if err != nil {
		return nil, err
	}
	if p.session.offline != nil {
		return p.writeOffline(ctx, c, pub)
	}
	if p.target.DryRun {
		return p.preview(ctx, c, pub)
	}
	return p.publish(ctx, c, pub)
}
