package wandb

import (
	"cmp"
	"context"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// FindNamedArtifact is FindArtifact for a text, of which it tries all ArtifactRefs. Of fallback, the entity
// and the project are used where the text does not name them; a version or alias in it goes before the text's
// own. The first name of which there are versions decides: a version that it does not have is not looked for
// under another name. The fault is that of the first name.
func (c *Client) FindNamedArtifact(ctx context.Context, text string, fallback config.ArtifactRef, paths []string) (*ArtifactVersion, error) {
	refs, err := c.settings.ArtifactRefs(text)
	if err != nil {
		return nil, err
	}
	var first error
	for i, ref := range refs {
		if ref.ID != "" && fallback.Alias != "" {
			return nil, config.BadReference("%q is the id of one version of an artifact, so that %q cannot be chosen. Give the artifact's name, or leave out the version.", config.Clip(text, config.MaxName), config.Clip(fallback.Alias, config.MaxName))
		}
		ref.Entity = cmp.Or(ref.Entity, fallback.Entity, c.settings.Entity)
		ref.Project = cmp.Or(ref.Project, fallback.Project, c.settings.Project)
		if fallback.Alias != "" {
			if ref.Alias = fallback.Alias; ref.Check() != nil {
				return nil, ref.Check()
			}
		}
		found, err := c.FindArtifact(ctx, ref, paths)
		if !isNotThere(err) {
			return found, err
		}
		first = cmp.Or(first, err)
		if ref.Alias == "" || i == len(refs)-1 {
			continue
		}
		switch found, err := c.ListVersions(ctx, ListOptions{Entity: ref.Entity, Project: ref.Project, Limit: 1}, ref.Name); {
		case err == nil && len(found.Items) > 0:
			return nil, first
		case err != nil && !isNotThere(err):
			return nil, err
		}
	}
	return nil, first
}

// ListNamedVersions is ListVersions for a text, of which it tries all ArtifactRefs. The fault is that of the
// first name.
func (c *Client) ListNamedVersions(ctx context.Context, o ListOptions, text string) (Page[ArtifactInfo], error) {
	refs, err := c.settings.ArtifactRefs(text)
	if err != nil {
		return Page[ArtifactInfo]{}, err
	}
	var first error
	for _, ref := range refs {
		in := o
		in.Entity, in.Project = cmp.Or(ref.Entity, o.Entity), cmp.Or(ref.Project, o.Project)
		page, err := c.ListVersions(ctx, in, ref.Name)
		if !isNotThere(err) {
			return page, err
		}
		first = cmp.Or(first, err)
	}
	return Page[ArtifactInfo]{}, first
}

// isNotThere reports whether a fault says that the account sees no such artifact, project, entity or
// organization. Where a slash is part of a name, what stands before it may be anything.
func isNotThere(err error) bool {
	switch fault.Code(err) {
	case fault.NotFound, fault.UnknownProject, fault.UnknownEntity, fault.NoPermission, fault.NoOrganization:
		return true
	}
	return false
}
