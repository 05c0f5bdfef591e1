package wandb

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// ArtifactRefs gives all that a text may name, in the order to try: first what ParseArtifactRef reads
// in it, then what that is called if this plugin stored it, which changes names as SanitizeName does.
// So a name that was given to a logging job is found as it was given, even one with slashes and colons.
// Addresses of pages have the stored name already. Faults: those of ParseArtifactRef, if the text cannot
// be read in another way either.
func (s Settings) ArtifactRefs(text string) ([]ArtifactRef, error) {
	text = strings.TrimSpace(text)
	var refs []ArtifactRef
	add := func(ref ArtifactRef) {
		if ref.Name = SanitizeName(ref.Name); ref.check() == nil && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	plain, err := s.ParseArtifactRef(text)
	if err == nil {
		refs = append(refs, plain)
	}
	if isAddress(text) || plain.ID != "" {
		return refs, err
	}
	if err == nil {
		add(plain)
	}
	if i := strings.LastIndex(text, ":"); i >= 0 {
		add(ArtifactRef{Name: text[:i], Alias: text[i+1:]})
	}
	add(ArtifactRef{Name: text})
	if len(refs) == 0 {
		return nil, err
	}
	return refs, nil
}

// FindNamedArtifact is FindArtifact for a text, of which it tries all ArtifactRefs. Of fallback, the entity
// and the project are used where the text does not name them; a version or alias in it goes before the text's
// own. The first name of which there are versions decides: a version that it does not have is not looked for
// under another name. The fault is that of the first name.
func (c *Client) FindNamedArtifact(ctx context.Context, text string, fallback ArtifactRef, paths []string) (*ArtifactVersion, error) {
	refs, err := c.settings.ArtifactRefs(text)
	if err != nil {
		return nil, err
	}
	var first error
	for i, ref := range refs {
		if ref.ID != "" && fallback.Alias != "" {
			return nil, badReference("%q is the id of one version of an artifact, so that %q cannot be chosen. Give the artifact's name, or leave out the version.", clip(text, maxName), clip(fallback.Alias, maxName))
		}
		ref.Entity = cmp.Or(ref.Entity, fallback.Entity, c.settings.Entity)
		ref.Project = cmp.Or(ref.Project, fallback.Project, c.settings.Project)
		if fallback.Alias != "" {
			if ref.Alias = fallback.Alias; ref.check() != nil {
				return nil, ref.check()
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
		switch some, err := c.ListVersions(ctx, ListOptions{Entity: ref.Entity, Project: ref.Project, Limit: 1}, ref.Name); {
		case err == nil && len(some.Items) > 0:
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
