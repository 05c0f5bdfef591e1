package publish

import (
	"context"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// preview says what publish would do, and does nothing of it: no run, no artifact.
func (p *Publisher) preview(ctx context.Context, c *collect.Collector, pub *Publication) (*Result, error) {
	p.Tracker.Begin(collect.StageUploading)
	res := pub.Result
	settings := p.Session.Client.Settings()
	res.Entity, res.Project, res.ArtifactName, res.BaseURL = p.Session.Ref.Entity, p.Session.Ref.Project, p.Name, settings.BaseURL
	res.SettingsFiles = settings.Files
	res.DryRun, res.NewVersion, res.GivenName = true, true, p.GivenName()
	res.ThumbnailsMade = c.Pictures.Made()
	if pub.Values != nil {
		res.Metrics = pub.Values.Numbers
	}
	if err := measure(c, &res); err != nil {
		return nil, err
	}
	res.FilesUploaded = res.FilesTotal
	newest, same, err := p.stored(ctx, c)
	if err != nil {
		return nil, err
	}
	if same != nil {
		res.NewVersion, res.ArtifactVersion = false, same.Version
		res.ArtifactURL = settings.ArtifactURL(res.Entity, res.Project, p.Kind, p.Name, same.Version)
		res.FilesUploaded = 0
	} else if err := p.compare(ctx, c, newest, &res); err != nil {
		return nil, err
	}
	res.FilesUnchanged = res.FilesTotal - res.FilesUploaded
	res.Warnings = c.Warnings.Final()
	p.Tracker.Done()
	return &res, nil
}

// stored looks for the newest version of the artifact, and for one with this very
// content. Either may be nil.
func (p *Publisher) stored(ctx context.Context, c *collect.Collector) (newest, same *wandb.ArtifactInfo, err error) {
	page, err := p.Session.Client.ListVersions(ctx, wandb.ListOptions{Entity: p.Session.Ref.Entity, Project: p.Session.Ref.Project}, p.Name)
	switch fault.Code(err) {
	case fault.NotFound, fault.UnknownProject: // as before its first version
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	digest := c.Files.Digest()
	for i := range page.Items {
		if page.Items[i].Digest == digest {
			same = &page.Items[i]
			break
		}
	}
	if len(page.Items) > 0 {
		newest = &page.Items[0]
	}
	return newest, same, nil
}

// compare counts what would go up beside the newest version, if there is one: W&B takes
// no file twice, and bytes that several files share once.
func (p *Publisher) compare(ctx context.Context, c *collect.Collector, newest *wandb.ArtifactInfo, res *Result) error {
	first := c.Files.Twins()
	sharers := make([]uint32, len(first)) // how many files that go up have the same bytes
	for _, number := range first {
		sharers[number]++
	}
	err := p.eachStored(ctx, newest, func(path, digest string) {
		number, ok := c.Files.Number(path)
		if !ok {
			return
		}
		if e := c.Files.At(number); e.Ref == "" && e.Digest == digest {
			res.FilesUploaded--
			sharers[first[number]]--
		}
	})
	for number, n := range sharers {
		if n == 0 {
			continue
		}
		if e := c.Files.At(number); e.Ref == "" {
			res.BytesUploaded += e.Size
		}
	}
	return err
}

// eachStored calls fn for each file of the newest version, if the plugin made it: another
// one has nothing in common with this artifact.
func (p *Publisher) eachStored(ctx context.Context, newest *wandb.ArtifactInfo, fn func(path, digest string)) error {
	if newest == nil {
		return nil
	}
	version, err := p.Session.Client.FindArtifact(ctx, config.ArtifactRef{ID: newest.ID}, []string{metadata.IdentityPath})
	if err != nil {
		return err
	}
	file, ok := version.Files[metadata.IdentityPath]
	if !ok {
		return nil
	}
	return p.Session.Client.EachFile(ctx, file, fn)
}

// measure sets what a dry run says of the artifact's size.
func measure(c *collect.Collector, res *Result) (err error) {
	res.FilesTotal, res.BytesTotal = c.Stored()
	res.Entries = int64(c.Files.Len())
	res.ClientMemoryBytes = artifact.ClientMemory(res.Entries)
	res.ManifestBytes, err = c.Files.ManifestSize()
	return err
}
