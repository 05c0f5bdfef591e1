package wandb

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// ArtifactInfo is a version of an artifact in a list. Metadata, which may have many
// megabytes, is never part of a list: see ArtifactDetails.
type ArtifactInfo struct {
	ID, Entity, Project, Type, Name string
	// Version is such as "v3".
	Version, Digest string
	Aliases         []string
	Description     string
	// CreatedAt is ISO 8601.
	CreatedAt       string
	Size, FileCount int64
	// Organization is the name of the organization whose registry this is in; empty for other
	// projects.
	Organization string
}

// listedNode is the fragment version in an answer.
type listedNode struct {
	ID          string      `json:"id"`
	Digest      string      `json:"digest"`
	State       string      `json:"state"`
	Index       *int        `json:"versionIndex"`
	Size        json.Number `json:"size"`
	FileCount   json.Number `json:"fileCount"`
	Description string      `json:"description"`
	CreatedAt   string      `json:"createdAt"`
	Type        struct {
		Name string `json:"name"`
	} `json:"artifactType"`
	Sequence struct {
		Name    string      `json:"name"`
		Project *inProjects `json:"project"`
	} `json:"artifactSequence"`
	Aliases []alias `json:"aliases"`
}

// inProjects is the project of something, in an answer.
type inProjects struct {
	Name   string `json:"name"`
	Entity struct {
		Name string `json:"name"`
	} `json:"entity"`
}

func (n *listedNode) info() ArtifactInfo {
	a := ArtifactInfo{
		ID: n.ID, Type: n.Type.Name, Name: n.Sequence.Name, Digest: n.Digest, Description: n.Description, CreatedAt: n.CreatedAt,
		Size: number(n.Size), FileCount: number(n.FileCount),
	}
	if n.Index != nil {
		a.Version = versionOf(*n.Index)
	}
	if p := n.Sequence.Project; p != nil {
		a.Project, a.Entity = p.Name, p.Entity.Name
	}
	a.Aliases = aliasesIn(a.Name, n.Aliases)
	return a
}

func versionOf(index int) string { return "v" + strconv.Itoa(index) }

// aliasesIn are the aliases that a version has in a collection, except its number.
func aliasesIn(collection string, all []alias) (out []string) {
	for _, l := range all {
		own := l.Collection == nil || l.Collection.Name == collection
		if own && !config.IsVersion(l.Alias) && !slices.Contains(out, l.Alias) {
			out = append(out, l.Alias)
		}
	}
	return out
}

// listed reports whether a version may be shown: one that was deleted, or is not
// committed yet, may not.
func (n *listedNode) listed() bool {
	return n != nil && n.Index != nil && (n.State == "" || n.State == stateCommitted)
}

// number is a count that the server gave; 0 for anything else.
func number(n json.Number) int64 {
	i, _ := strconv.ParseInt(n.String(), 10, 64)
	return max(i, 0)
}

// ListVersions lists the versions of an artifact. Faults beside those of ListRuns:
// not_found.
func (c *Client) ListVersions(ctx context.Context, o ListOptions, name string) (Page[ArtifactInfo], error) {
	const doing = "listing the versions of the artifact"
	org, err := c.registry(ctx, o.Entity, o.Project)
	if err != nil {
		return Page[ArtifactInfo]{}, c.explain(doing, err)
	}
	o.Entity = cmp.Or(org.entity, o.Entity)
	type project struct {
		projectNode
		Collection *struct {
			Artifacts *connection[listedNode] `json:"artifacts"`
		} `json:"artifactCollection"`
	}
	var page Page[ArtifactInfo]
	versions := map[*listedNode]string{} // as the collection numbers them
	nodes, next, err := allPages(clampLimit(o.Limit), o.After, func(first int, after string) (*connection[listedNode], error) {
		vars := listVars(map[string]any{"name": name, "filters": `{"state":"COMMITTED"}`}, first, after)
		p, at, err := ask[project](ctx, c, question{doing: doing, op: "ListVersions", entity: cmp.Or(page.Entity, o.Entity), project: o.Project, vars: vars})
		switch {
		case err != nil:
			return nil, err
		case p.Collection == nil:
			return nil, c.noArtifact(at.Entity, at.Project, name)
		}
		page.Place = at
		if p.Collection.Artifacts == nil {
			return &connection[listedNode]{}, nil
		}
		if n := p.Collection.Artifacts.TotalCount; n != nil {
			page.Total = *n
		}
		for _, e := range p.Collection.Artifacts.Edges {
			if e.Node != nil {
				versions[e.Node] = e.Version
			}
		}
		return p.Collection.Artifacts, nil
	})
	if err != nil {
		return page, c.explain(doing, err)
	}
	for _, n := range nodes {
		if n.listed() {
			a := n.info()
			a.Name, a.Entity, a.Project, a.Organization = name, page.Entity, page.Project, org.name
			a.Version, a.Aliases = cmp.Or(versions[n], a.Version), aliasesIn(name, n.Aliases)
			page.Items = append(page.Items, a)
		}
	}
	page.Next = next
	return page, nil
}

func (c *Client) noArtifact(entity, project, name string) error {
	return notFound("W&B at %s has no artifact %q in %s/%s, or this account may not see it. Check its name, its version and project=.", c.host(), name, entity, project)
}
