package wandb

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// ArtifactVersion is one version of an artifact with all that is known of it.
type ArtifactVersion struct {
	ArtifactInfo
	Viewer Viewer
	// Metadata is a JSON object, nil if there is none.
	Metadata json.RawMessage
	// CreatedBy is nil where a user made the version by hand.
	CreatedBy *RunInfo
	UsedBy    []RunInfo
	// Files are those of the asked paths that the version has, by path.
	Files map[string]RemoteFile
	// Linked says that the version is a member of another collection than the one it was
	// logged to, such as one of a registry.
	Linked bool
}

// memberNode is a version as a member of a collection, in an answer. Where it was linked to,
// it has other versions and aliases than where it was logged to.
type memberNode struct {
	Index      *int    `json:"versionIndex"`
	Aliases    []alias `json:"aliases"`
	Collection *struct {
		Name    string      `json:"name"`
		Project *inProjects `json:"project"`
	} `json:"artifactCollection"`
	Files    *connection[storedNode] `json:"files"`
	Artifact *fullNode               `json:"artifact"`
}

// apply makes a version what it is as a member of the collection.
func (m *memberNode) apply(a *ArtifactInfo) (linked bool) {
	if m == nil || m.Collection == nil || m.Index == nil {
		return false
	}
	at := *a
	a.Name, a.Version = m.Collection.Name, versionOf(*m.Index)
	if p := m.Collection.Project; p != nil {
		a.Entity, a.Project = cmp.Or(p.Entity.Name, a.Entity), cmp.Or(p.Name, a.Project)
	}
	a.Aliases = aliasesIn(a.Name, m.Aliases)
	return a.Name != at.Name || a.Entity != at.Entity || a.Project != at.Project
}

// fullNode is the fragment whole in an answer.
type fullNode struct {
	listedNode
	Metadata  string       `json:"metadata"`
	CreatedBy *runInfoNode `json:"createdBy"`
	UsedBy    struct {
		Edges []edge[runInfoNode] `json:"edges"`
	} `json:"usedBy"`
	filesNode
}

// FindArtifact finds the version that a reference names. An empty entity or project
// of the reference is the settings'. The paths are those of the files that Files is
// to have. Faults beside those of ListRuns: not_found.
func (c *Client) FindArtifact(ctx context.Context, ref config.ArtifactRef, paths []string) (*ArtifactVersion, error) {
	const doing = "looking for the artifact"
	if ref.ID != "" {
		v, err := c.artifactByID(ctx, ref.ID, paths)
		return v, c.explain(doing, err)
	}
	type project struct {
		projectNode
		Membership *memberNode `json:"artifactCollectionMembership"`
		Artifact   *fullNode   `json:"artifact"`
	}
	q := question{
		doing: doing, op: "ArtifactByName", large: true,
		entity: cmp.Or(ref.Entity, c.settings.Entity), project: cmp.Or(ref.Project, c.settings.Project),
		vars: map[string]any{"name": ref.Versioned(), "files": paths},
	}
	org, err := c.registry(ctx, q.entity, q.project)
	if err != nil {
		return nil, c.explain(doing, err)
	}
	q.entity = cmp.Or(org.entity, q.entity)
	p, at, err := ask[project](ctx, c, q)
	for _, older := range []string{"ArtifactByMembership", "ArtifactByNameOld"} {
		if !isUnknownToServer(err) {
			break
		}
		q.op = older
		p, at, err = ask[project](ctx, c, q)
	}
	if statusOf(err) == http.StatusNotFound {
		return nil, c.noArtifact(at.Entity, at.Project, ref.Versioned())
	}
	if err != nil {
		return nil, c.explain(doing, err)
	}
	node := p.Artifact
	if p.Membership != nil {
		node = p.Membership.Artifact
	}
	if node == nil || !node.listed() {
		return nil, c.noArtifact(at.Entity, at.Project, ref.Versioned())
	}
	v := c.artifactVersionOf(node, p.Membership, at)
	v.Organization = org.name
	return v, nil
}

// artifactByID finds a version by its id. Its files are asked for by its name, which the first
// answer tells.
func (c *Client) artifactByID(ctx context.Context, id string, paths []string) (*ArtifactVersion, error) {
	var out struct {
		Viewer   *viewerNode `json:"viewer"`
		Artifact *fullNode   `json:"artifact"`
	}
	err := c.call(ctx, "ArtifactByID", map[string]any{"id": id}, &out, callOptions{slow: true})
	switch missing := statusOf(err) == http.StatusNotFound; {
	case err != nil && !missing:
		return nil, err
	case err == nil && out.Viewer == nil:
		return nil, c.badKey(nil)
	case missing || out.Artifact == nil || !out.Artifact.listed():
		return nil, notFound("W&B at %s has no artifact with the id %q, or this account may not see it. Check the id.", c.host(), config.Clip(id, config.MaxName))
	}
	v := c.artifactVersionOf(out.Artifact, nil, Place{Viewer: out.Viewer.viewer()})
	if len(paths) > 0 {
		v.Files, err = c.storedFiles(ctx, v.ArtifactInfo, paths)
	}
	return v, err
}

// artifactVersionOf is a version of an answer; member is nil where the answer does not say of
// which collection it is a member.
func (c *Client) artifactVersionOf(n *fullNode, member *memberNode, at Place) *ArtifactVersion {
	v := &ArtifactVersion{ArtifactInfo: n.info(), Viewer: at.Viewer, Metadata: plainObject(n.Metadata)}
	v.Linked = member.apply(&v.ArtifactInfo)
	if member != nil && member.Files != nil {
		n.Files = *member.Files
	}
	v.Files = n.files(v.ArtifactInfo)
	v.Entity, v.Project = cmp.Or(v.Entity, at.Entity), cmp.Or(v.Project, at.Project)
	in := Place{Entity: v.Entity, Project: v.Project}
	if n.CreatedBy != nil && n.CreatedBy.Name != "" {
		run := n.CreatedBy.info(in)
		v.CreatedBy = &run
	}
	for _, e := range n.UsedBy.Edges {
		if e.Node != nil {
			v.UsedBy = append(v.UsedBy, e.Node.info(in))
		}
	}
	return v
}
