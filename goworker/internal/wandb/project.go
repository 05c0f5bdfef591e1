package wandb

import (
	"context"
	"maps"
	"net/http"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Place is where something was looked for, and who looked.
type Place struct {
	Viewer          Viewer
	Entity, Project string
}

// viewerNode is who the key belongs to, in an answer.
type viewerNode struct {
	ID       string `json:"id"`
	Entity   string `json:"entity"`
	Username string `json:"username"`
	Teams    struct {
		Edges []struct {
			Node *struct {
				Name string `json:"name"`
			} `json:"node"`
		} `json:"edges"`
	} `json:"teams"`
}

func (n *viewerNode) viewer() Viewer {
	v := Viewer{ID: n.ID, Username: n.Username, Entity: n.Entity}
	for _, e := range n.Teams.Edges {
		if e.Node != nil {
			v.Teams = append(v.Teams, e.Node.Name)
		}
	}
	return v
}

// projectNode is what every question about a project asks of it.
type projectNode struct {
	Name   string `json:"name"`
	Entity string `json:"entityName"`
}

func (n projectNode) place() (entity, project string) { return n.Entity, n.Name }

// question is a question about a project. Its document asks for the viewer too, so
// that one request shows whether the key is good, who we are and what the default
// entity is.
type question struct {
	doing, op, text string
	entity, project string
	// vars are those beside entity and project.
	vars map[string]any
	// large says that the answer may take long.
	large bool
}

// ask asks a question about a project. P holds what the document asks of the
// project. An entity that is not given is the viewer's default, which is asked for once
// per client: the server refuses questions about a project without an entity. Faults
// beside those of any request: bad_key, unknown_entity, unknown_project, no_entity. A
// refusal of status 400 is a *serverError: an older server does not know every field.
// So is one of status 404 that is not about the project: then the place is filled in.
func ask[P interface{ place() (string, string) }](ctx context.Context, c *Client, q question) (*P, Place, error) {
	entity := q.entity
	if entity == "" {
		var err error
		if entity, err = c.defaultEntity(ctx); err != nil {
			return nil, Place{}, err
		}
	}
	var out struct {
		Viewer  *viewerNode `json:"viewer"`
		Project *P          `json:"project"`
	}
	vars := map[string]any{"project": q.project, "entity": entity}
	maps.Copy(vars, q.vars)
	err := c.call(ctx, q.op, vars, &out, callOptions{text: q.text, slow: q.large})
	e := refusal(err)
	switch {
	case isBadRequest(err):
		return nil, Place{}, err
	case e != nil && e.status == http.StatusNotFound && !e.notWandB && e.means == meansStatus:
		at, err := c.placeOfMissing(ctx, q, entity)
		if err != nil {
			return nil, Place{}, err
		}
		return nil, at, e
	case err != nil:
		return nil, Place{}, c.explain(q.doing, err)
	case out.Viewer == nil:
		return nil, Place{}, c.badKey(nil)
	case out.Project == nil:
		return nil, Place{}, c.noProject(ctx, out.Viewer.viewer(), entity, q.project)
	}
	at := Place{Viewer: out.Viewer.viewer()}
	at.Entity, at.Project = (*out.Project).place()
	at.Entity, at.Project = config.FirstOf(at.Entity, entity), config.FirstOf(at.Project, q.project)
	return out.Project, at, nil
}

// placeOfMissing is the place of a question that was answered with 404. It is a fault
// if it was the project that is missing.
func (c *Client) placeOfMissing(ctx context.Context, q question, entity string) (Place, error) {
	viewer, err := c.Viewer(ctx)
	if err != nil {
		return Place{}, err
	}
	_, there, err := c.findRun(ctx, config.RunRef{Entity: entity, Project: q.project})
	if err != nil {
		return Place{}, c.explain(q.doing, err)
	}
	if !there {
		return Place{}, c.noProject(ctx, viewer, entity, q.project)
	}
	return Place{Viewer: viewer, Entity: entity, Project: q.project}, nil
}

// defaultEntity is the viewer's. It is asked for once; fault no_entity if there is none.
func (c *Client) defaultEntity(ctx context.Context) (string, error) {
	if known := c.entity.Load(); known != nil && *known != "" {
		return *known, nil
	}
	viewer, err := c.Viewer(ctx)
	if err != nil {
		return "", err
	}
	if viewer.Entity == "" {
		return "", noEntity()
	}
	return viewer.Entity, nil
}

// isBadRequest reports whether a server refused what was asked, and not the place or
// the person.
func isBadRequest(err error) bool {
	e := refusal(err)
	return e != nil && !e.notWandB && e.means == meansStatus && e.form == formJSON && (e.status == http.StatusBadRequest || e.status == http.StatusOK)
}

// isUnknownToServer reports whether a server may have refused a document because it is
// older than a field of it.
func isUnknownToServer(err error) bool { return isBadRequest(err) && refusal(err).validation }

// noProject is the fault for a project that is not there, or for its entity.
func (c *Client) noProject(ctx context.Context, viewer Viewer, entity, project string) error {
	if !viewer.member(entity) {
		if err := c.checkEntityExists(ctx, entity); err != nil {
			return err
		}
	}
	return c.unknownProject(entity, project)
}

func (c *Client) unknownProject(entity, project string) error {
	return fault.New(fault.Settings, fault.UnknownProject,
		"W&B at %s has no project %q of %s, or this account may not see it. Correct project=, FIFTYONE_WANDB_PROJECT or WANDB_PROJECT.",
		c.host(), project, entity)
}

func noEntity() *fault.Error {
	return fault.New(fault.Settings, fault.NoEntity,
		"This W&B account has no default entity. Say which user or team is meant: entity=, FIFTYONE_WANDB_ENTITY or WANDB_ENTITY.")
}

// listMax is the most that is asked for in one page.
const listMax = 500

// emptyPages bounds how many pages without an entry are gone through.
const emptyPages = 20

// connection is a page of a list in an answer.
type connection[N any] struct {
	TotalCount *int64 `json:"totalCount"`
	PageInfo   struct {
		EndCursor   string `json:"endCursor"`
		HasNextPage bool   `json:"hasNextPage"`
	} `json:"pageInfo"`
	Edges []edge[N] `json:"edges"`
}

type edge[N any] struct {
	Node   *N     `json:"node"`
	Cursor string `json:"cursor"`
	// Version is the number of a version in its collection, such as "v3"; empty in other lists.
	Version string `json:"version"`
}

// next is where the list goes on; empty at its end.
func (p *connection[N]) next() string {
	if !p.PageInfo.HasNextPage {
		return ""
	}
	return p.PageInfo.EndCursor
}

// allPages asks for pages until limit entries are there or the list ends: a server may
// give fewer than it was asked for. next is where to go on.
func allPages[N any](limit int, after string, page func(first int, after string) (*connection[N], error)) (nodes []*N, next string, err error) {
	for empty := 0; ; {
		p, err := page(min(limit-len(nodes), listMax), after)
		if err != nil {
			return nil, "", err
		}
		for _, e := range p.Edges {
			if e.Node != nil {
				nodes = append(nodes, e.Node)
			}
		}
		if len(p.Edges) == 0 {
			empty++
		}
		next := p.next()
		if next == "" || next == after || len(nodes) >= limit || empty > emptyPages {
			if next == after {
				next = ""
			}
			return nodes, next, nil
		}
		after = next
	}
}

// clampLimit is a limit as asked for, within what is allowed.
func clampLimit(n int) int {
	if n <= 0 {
		return listMax
	}
	return min(n, listMax)
}
