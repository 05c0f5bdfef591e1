package wandb

import (
	"context"
	"net/http"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
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
// that one request tells whether the key is good, who we are and what the default
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
// project. An entity that is not given is the viewer's default: the server is left
// to fill it in, and asked again with its name only if it does not. Faults beside
// those of any request: bad_key, unknown_entity, unknown_project, no_entity. A
// refusal of status 400 is a *serverError: an older server does not know every field.
// So is one of status 404 that is not about the project: then the place is filled in.
func ask[P interface{ place() (string, string) }](ctx context.Context, c *Client, q question) (*P, Place, error) {
	var viewer Viewer
	for entity := q.entity; ; {
		var out struct {
			Viewer  *viewerNode `json:"viewer"`
			Project *P          `json:"project"`
		}
		vars := map[string]any{"project": q.project}
		if entity != "" {
			vars["entity"] = entity
		}
		for k, v := range q.vars {
			vars[k] = v
		}
		err := c.call(ctx, q.op, vars, &out, callOptions{text: q.text, slow: q.large})
		e := refusal(err)
		missing := e != nil && e.status == http.StatusNotFound && !e.notWandB
		switch {
		case isUnknownToServer(err):
			return nil, Place{}, err
		case err != nil && !missing:
			return nil, Place{}, c.explain(q.doing, err)
		case err == nil && out.Viewer == nil:
			return nil, Place{}, c.badKey(nil)
		case err == nil:
			viewer = out.Viewer.viewer()
		default:
			if viewer, err = c.Viewer(ctx); err != nil {
				return nil, Place{}, err
			}
			at := Place{Viewer: viewer, Entity: firstOf(entity, viewer.Entity), Project: q.project}
			_, there, findErr := c.findRun(ctx, RunRef{Entity: at.Entity, Project: at.Project})
			if findErr != nil {
				return nil, Place{}, c.explain(q.doing, findErr)
			}
			if there {
				return nil, at, e
			}
		}
		if out.Project != nil {
			at := Place{Viewer: viewer}
			at.Entity, at.Project = (*out.Project).place()
			at.Entity, at.Project = firstOf(at.Entity, entity, viewer.Entity), firstOf(at.Project, q.project)
			return out.Project, at, nil
		}
		if entity != "" {
			return nil, Place{}, c.noProject(ctx, viewer, entity, q.project)
		}
		if entity = viewer.Entity; entity == "" {
			return nil, Place{}, noEntity()
		}
	}
}

// isUnknownToServer tells whether a server may have refused a document because it is
// older than a field of it.
func isUnknownToServer(err error) bool {
	e := refusal(err)
	return e != nil && !e.notWandB && (e.status == http.StatusBadRequest || e.status == http.StatusOK)
}

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
	return fault.New(fault.Settings, "unknown_project",
		"W&B at %s has no project %q of %s, or this account may not see it. Correct project=, FIFTYONE_WANDB_PROJECT or WANDB_PROJECT.",
		c.host(), project, entity)
}

func noEntity() error {
	return fault.New(fault.Settings, "no_entity",
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
}

// next is where the list goes on; empty at its end.
func (p *connection[N]) next() string {
	if !p.PageInfo.HasNextPage {
		return ""
	}
	return p.PageInfo.EndCursor
}

// gather asks for pages until limit entries are there or the list ends: a server may
// give fewer than it was asked for. next is where to go on.
func gather[N any](limit int, after string, page func(first int, after string) (*connection[N], error)) (nodes []*N, next string, err error) {
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
