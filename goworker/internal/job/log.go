package job

import (
	"context"
	"errors"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/memory"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// run is what the logging jobs have in common: connect to both sides at
// once, fill the spool directory with the content, then publish it.
func run(ctx context.Context, events Events, job spec) (*Result, error) {
	memory.ForTexts()
	if job.target.RunGiven = job.target.RunID != ""; !job.target.RunGiven {
		job.target.RunID = newRunID(job.runPrefix)
	}
	name, err := artifactName(job.target.ArtifactName, job.defaultName(job.target.RunID))
	if err != nil {
		return nil, err
	}
	if err := config.CheckArtifactLabels(job.target.Aliases, job.target.Tags); err != nil {
		return nil, err
	}
	job.target.Settings = job.target.Settings.ReadOnce()
	mode, err := config.ModeOf(job.target.Settings)
	if err != nil {
		return nil, err
	}
	if mode == config.Disabled {
		return disabledResult(job.target, name), nil
	}
	p := &publisher{spec: job, tracker: newTracker(events.Progress), events: events, name: name}
	defer p.close()
	if mode == config.Offline {
		return p.runOffline(ctx)
	}
	if err := p.connect(ctx); err != nil {
		return nil, err
	}
	return p.run(ctx)
}

// countForProgress is how long the rows of a view are counted for the progress, which goes on without a total.
const countForProgress = 2 * time.Second

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
	pub, err := p.collect(ctx, c)
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

// collect reads the rows of the job's view into the content of its artifact.
func (p *publisher) collect(ctx context.Context, c *collector) (*publication, error) {
	if p.prepare != nil {
		if err := p.prepare(ctx, c); err != nil {
			return nil, err
		}
	}
	chosen, err := c.choose(ctx, p.view, p.score)
	if err != nil {
		return nil, err
	}
	if chosen, err = c.choosePictures(ctx, chosen, p.pictures); err != nil {
		return nil, err
	}
	chosen.shown.note(&c.warnings)
	r, err := newReader(c, chosen)
	if err != nil {
		return nil, err
	}
	content, err := p.open(ctx, r)
	if err != nil {
		return nil, err
	}
	n, err := r.each(ctx, content.add)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, errEmptyView()
	}
	if err := content.close(); err != nil {
		return nil, err
	}
	return content.publication(ctx, n)
}
