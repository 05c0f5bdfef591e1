// Package publish does a logging job from its beginning to its end. It connects, has package collect make the files of the artifact, and then
// takes these to W&B: the run, the upload, the commit, and what the run gets to know. Or it writes an offline run, or says what would be done.
//
// What is logged is a [Spec]. [Run] does one in this process; package sharing uses a [Publisher] step by step.
package publish

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/memory"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Run is what the logging jobs have in common: connect to both sides at
// once, fill the spool directory with the content, then publish it.
func Run(ctx context.Context, events Events, job Spec) (*Result, error) {
	memory.ForTexts()
	if job.Target.RunGiven = job.Target.RunID != ""; !job.Target.RunGiven {
		job.Target.RunID = NewRunID(job.RunPrefix)
	}
	name, err := ArtifactName(job.Target.ArtifactName, job.DefaultName(job.Target.RunID))
	if err != nil {
		return nil, err
	}
	if err := config.CheckArtifactLabels(job.Target.Aliases, job.Target.Tags); err != nil {
		return nil, err
	}
	job.Target.Settings = job.Target.Settings.ReadOnce()
	mode, err := config.ModeOf(job.Target.Settings)
	if err != nil {
		return nil, err
	}
	if mode == config.Disabled {
		return disabledResult(job.Target, name), nil
	}
	p := &Publisher{Spec: job, Tracker: collect.NewTracker(events.Progress), Events: events, Name: name}
	defer p.Close()
	if mode == config.Offline {
		return p.runOffline(ctx)
	}
	if err := p.Connect(ctx); err != nil {
		return nil, err
	}
	return p.run(ctx)
}

// countForProgress is how long the rows of a view are counted for the progress, which goes on without a total.
const countForProgress = 2 * time.Second

// run collects the content and publishes it. One more try is worth while where a file changed after it was read, and
// where the first rows do not have all classes of what is drawn.
func (p *Publisher) run(ctx context.Context) (*Result, error) {
	counting, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		if n, ok := p.Source.Count(counting, p.View.Query, countForProgress); ok {
			p.Tracker.RowsTotal(n)
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
func (p *Publisher) attempt(ctx context.Context) (*Result, error) {
	spool, err := artifact.NewSpool(p.spoolParent())
	if err != nil {
		return nil, err
	}
	defer func() { _ = spool.Close() }()
	c := &collect.Collector{Source: p.Source, Spool: spool, Files: &artifact.Files{}, Tracker: p.Tracker, RunID: p.Session.Ref.ID, Name: p.Name, AllClasses: p.allClasses, Parts: p.Parts}
	defer c.End()
	if given := p.GivenName(); given != "" {
		c.NoteName(given)
	}
	p.Tracker.Begin(collect.StageReading)
	pub, err := p.collect(ctx, c)
	if err != nil {
		return nil, err
	}
	if p.Session.offline != nil {
		return p.writeOffline(ctx, c, pub)
	}
	if p.Target.DryRun {
		return p.preview(ctx, c, pub)
	}
	return p.publish(ctx, c, pub)
}

// collect reads the rows of the job's view into the content of its artifact.
func (p *Publisher) collect(ctx context.Context, c *collect.Collector) (*Publication, error) {
	if p.Prepare != nil {
		if err := p.Prepare(ctx, c); err != nil {
			return nil, err
		}
	}
	chosen, err := c.Choose(ctx, p.View, p.Score)
	if err != nil {
		return nil, err
	}
	if chosen, err = c.ChoosePictures(ctx, chosen, p.Pictures); err != nil {
		return nil, err
	}
	chosen.Shown.Note(&c.Warnings)
	r, err := collect.NewReader(c, chosen)
	if err != nil {
		return nil, err
	}
	content, err := p.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	n, err := r.Each(ctx, content.Add)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, collect.ErrEmptyView()
	}
	if err := content.Close(); err != nil {
		return nil, err
	}
	return content.Publication(ctx, n)
}

// runOffline does a logging job without a server.
func (p *Publisher) runOffline(ctx context.Context) (*Result, error) {
	p.Tracker.Offline = true
	p.Tracker.Begin(collect.StageConnecting)
	if err := config.CheckRunID(p.Target.RunID); err != nil {
		return nil, err
	}
	in, here := p.Target.Settings.ForRun(p.Target.RunID)
	settings, err := config.ResolveOffline(in)
	if err != nil {
		return nil, err
	}
	o := &offlineRun{settings: settings, root: config.DirectoryBelow(in.OfflineDir), named: p.Target.RunGiven}
	if here && in.ActiveRun.OfflineDir != "" {
		o.staged = in.ActiveRun.OfflineDir
		o.root = filepath.Dir(o.staged)
	}
	ref := config.RunRef{Entity: settings.Entity, Project: settings.Project, ID: p.Target.RunID}
	p.Session = &Session{Ref: ref, here: here, offline: o}
	if err := p.connectSource(ctx); err != nil {
		return nil, err
	}
	if !p.Target.DryRun {
		if err := os.MkdirAll(o.root, 0o777); err != nil { //nolint:gosec // as W&B's own client makes it
			return nil, o.fault(err)
		}
		defer func() { _ = os.Remove(o.root) }() // only if it is empty: nothing was written
	}
	res, err := p.run(ctx)
	return res, o.fault(err)
}
