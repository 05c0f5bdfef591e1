package wandb

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
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
}

// wholeNode is the fragment whole in an answer.
type wholeNode struct {
	versionNode
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
func (c *Client) FindArtifact(ctx context.Context, ref ArtifactRef, paths []string) (*ArtifactVersion, error) {
	const doing = "looking for the artifact"
	if ref.ID != "" {
		v, err := c.artifactByID(ctx, ref.ID, paths)
		return v, c.explain(doing, err)
	}
	type project struct {
		projectNode
		Membership *struct {
			Artifact *wholeNode `json:"artifact"`
		} `json:"artifactCollectionMembership"`
		Artifact *wholeNode `json:"artifact"`
	}
	q := question{
		doing: doing, op: "ArtifactByName", large: true, entity: ref.Entity, project: ref.Project,
		vars: map[string]any{"name": ref.name(), "files": paths},
	}
	if q.project == "" {
		q.entity, q.project = cmp.Or(ref.Entity, c.settings.Entity), c.settings.Project
	} else if q.entity == "" {
		q.entity = c.settings.Entity
	}
	p, at, err := ask[project](ctx, c, q)
	if isUnknownToServer(err) {
		q.op = "ArtifactByNameOld"
		p, at, err = ask[project](ctx, c, q)
	}
	if statusOf(err) == http.StatusNotFound {
		return nil, c.noArtifact(at.Entity, at.Project, ref.name())
	}
	if err != nil {
		return nil, c.explain(doing, err)
	}
	node := p.Artifact
	if p.Membership != nil {
		node = p.Membership.Artifact
	}
	if node == nil || !node.listed() {
		return nil, c.noArtifact(at.Entity, at.Project, ref.name())
	}
	return c.artifactVersionOf(node, at), nil
}

func (c *Client) artifactByID(ctx context.Context, id string, paths []string) (*ArtifactVersion, error) {
	var out struct {
		Viewer   *viewerNode `json:"viewer"`
		Artifact *wholeNode  `json:"artifact"`
	}
	err := c.call(ctx, "ArtifactByID", map[string]any{"id": id, "files": paths}, &out, callOptions{slow: true})
	switch missing := statusOf(err) == http.StatusNotFound; {
	case err != nil && !missing:
		return nil, err
	case err == nil && out.Viewer == nil:
		return nil, c.badKey(nil)
	case missing || out.Artifact == nil || !out.Artifact.listed():
		return nil, notFound("W&B at %s has no artifact with the id %q, or this account may not see it.", c.host(), clip(id, maxName))
	}
	return c.artifactVersionOf(out.Artifact, Place{Viewer: out.Viewer.viewer()}), nil
}

func (c *Client) artifactVersionOf(n *wholeNode, at Place) *ArtifactVersion {
	v := &ArtifactVersion{ArtifactInfo: n.info(), Viewer: at.Viewer, Metadata: plainObject(n.Metadata), Files: n.files(n.ID)}
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
