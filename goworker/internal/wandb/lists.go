package wandb

import (
	"cmp"
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"unicode"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// ListOptions say what part of a list is wanted.
type ListOptions struct {
	// Entity is empty for the viewer's default.
	Entity, Project string
	// Limit is the most entries to give: 1 to 500, 0 for 500.
	Limit int
	// After is the Next of the page before.
	After string
}

// Page is a part of a list, newest first.
type Page[T any] struct {
	Place
	Items []T
	// Next is where the list goes on; empty at its end.
	Next string
	// Total is how many there are in all; 0 where the server does not say.
	Total int64
}

// ProjectInfo is a project in a list. CreatedAt is ISO 8601.
type ProjectInfo struct{ Name, CreatedAt string }

// ListProjects lists an entity's projects. Faults: bad_key, unknown_entity, no_entity.
func (c *Client) ListProjects(ctx context.Context, o ListOptions) (Page[ProjectInfo], error) {
	const doing = "listing the projects"
	type node struct {
		Name, EntityName, CreatedAt string
	}
	page := Page[ProjectInfo]{Place: Place{Entity: o.Entity}}
	if o.Entity == "" { // Without an entity, servers differ in whose projects they list.
		v, err := c.Viewer(ctx)
		if err != nil {
			return page, err
		}
		if page.Viewer, page.Entity = v, v.Entity; v.Entity == "" {
			return page, noEntity()
		}
	}
	known := false
	nodes, next, err := allPages(clampLimit(o.Limit), o.After, func(first int, after string) (*connection[node], error) {
		var out struct {
			Viewer *viewerNode       `json:"viewer"`
			Models *connection[node] `json:"models"`
		}
		err := c.graphql(ctx, "ListProjects", listVars(map[string]any{"entity": page.Entity}, first, after), &out)
		switch e := refusal(err); {
		case e != nil && e.status == 404 && !e.notWandB:
			if page.Viewer, err = c.Viewer(ctx); err != nil {
				return nil, err
			}
			return &connection[node]{}, nil
		case err != nil:
			return nil, c.explain(doing, err)
		case out.Viewer == nil:
			return nil, c.badKey(nil)
		}
		page.Viewer = out.Viewer.viewer()
		if out.Models == nil {
			return &connection[node]{}, nil
		}
		known = known || len(out.Models.Edges) > 0
		return out.Models, nil
	})
	if err != nil {
		return page, err
	}
	if !known && !page.Viewer.member(page.Entity) {
		if err := c.checkEntityExists(ctx, page.Entity); err != nil {
			return page, err
		}
	}
	for _, n := range nodes {
		page.Items = append(page.Items, ProjectInfo{n.Name, n.CreatedAt})
	}
	page.Next = next
	return page, nil
}

func listVars(vars map[string]any, first int, after string) map[string]any {
	vars["first"] = first
	if after != "" {
		vars["after"] = after
	}
	return vars
}

// RunInfo is a run in a list.
type RunInfo struct {
	config.RunRef
	DisplayName, State, Username string
	// CreatedAt is ISO 8601.
	CreatedAt string
	Tags      []string
	// Summary is the run's summary as a JSON object, where it was asked for.
	Summary json.RawMessage
}

// runInfoNode is the fragment run in an answer.
type runInfoNode struct {
	runNode
	Tags      []string  `json:"tags"`
	CreatedAt string    `json:"createdAt"`
	User      *userNode `json:"user"`
	Summary   string    `json:"summaryMetrics"`
}

type userNode struct {
	Username string `json:"username"`
}

func (u *userNode) name() string {
	if u == nil {
		return ""
	}
	return u.Username
}

func (n *runInfoNode) info(at Place) RunInfo {
	r := n.run(config.RunRef{Entity: at.Entity, Project: at.Project})
	return RunInfo{
		RunRef: r.RunRef, DisplayName: r.DisplayName, State: r.State, Username: n.User.name(), CreatedAt: n.CreatedAt, Tags: n.Tags,
		Summary: plainObject(n.Summary),
	}
}

// Summaries are large: so many are asked for in one request.
const summaryPage = 100

// RunOptions say which runs are wanted.
type RunOptions struct {
	ListOptions
	// Search is a text that a run's name or id contain, in any case; empty for all.
	Search string
	// Summaries asks for the summaries of all runs; else those of the first
	// SomeSummaries runs are asked for.
	Summaries     bool
	SomeSummaries int
}

// ListRuns lists a project's runs. Faults: unknown_project, unknown_entity, bad_key,
// no_permission.
func (c *Client) ListRuns(ctx context.Context, o RunOptions) (Page[RunInfo], error) {
	filters := []string{searchFilter(o.Search, "display_name", "name")}
	if o.Search != "" {
		filters = append(filters, searchFilter(o.Search, "display_name"))
	}
	var page Page[RunInfo]
	var err error
	for _, f := range filters {
		if page, err = c.listRuns(ctx, o, f); !isBadRequest(err) {
			break
		}
	}
	return page, c.explain("listing the runs", err)
}

func (c *Client) listRuns(ctx context.Context, o RunOptions, filters string) (Page[RunInfo], error) {
	type project struct {
		projectNode
		RunCount int64                    `json:"runCount"`
		Runs     *connection[runInfoNode] `json:"runs"`
		Some     *connection[runInfoNode] `json:"some"`
	}
	var page Page[RunInfo]
	summaries := map[string]string{}
	nodes, next, err := allPages(clampLimit(o.Limit), o.After, func(first int, after string) (*connection[runInfoNode], error) {
		withSome := !o.Summaries && o.SomeSummaries > 0 && page.Entity == ""
		if o.Summaries {
			first = min(first, summaryPage)
		}
		vars := listVars(map[string]any{"summaries": o.Summaries, "withSome": withSome, "some": max(o.SomeSummaries, 1)}, first, after)
		if filters != "" {
			vars["filters"] = filters
		}
		p, at, err := ask[project](ctx, c, question{
			doing: "listing the runs", op: "ListRuns", entity: cmp.Or(page.Entity, o.Entity), project: o.Project, vars: vars, large: o.Summaries,
		})
		if err != nil {
			return nil, err
		}
		page.Place, page.Total = at, p.RunCount
		if p.Some != nil {
			for _, e := range p.Some.Edges {
				if e.Node != nil {
					summaries[e.Node.Name] = e.Node.Summary
				}
			}
		}
		if p.Runs == nil {
			return &connection[runInfoNode]{}, nil
		}
		return p.Runs, nil
	})
	if err != nil {
		return page, err
	}
	for _, n := range nodes {
		n.Summary = cmp.Or(n.Summary, summaries[n.Name])
		page.Items = append(page.Items, n.info(page.Place))
	}
	page.Next = next
	return page, nil
}

// searchFilter is a filter for runs of which one of the fields contains a text, in
// any case. No dialect of regular expressions is relied on: letters are written as
// sets of both cases.
func searchFilter(text string, fields ...string) string {
	if text = strings.TrimSpace(text); text == "" {
		return ""
	}
	var pattern strings.Builder
	for i, r := range []rune(text) {
		if i == config.MaxName {
			break
		}
		if up, low := unicode.ToUpper(r), unicode.ToLower(r); up != low {
			pattern.WriteString("[" + string(low) + string(up) + "]")
		} else {
			pattern.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return anyOf(map[string]string{"$regex": pattern.String()}, fields...)
}

// anyOf is a filter for runs of which one of the fields is as wanted.
func anyOf(want any, fields ...string) string {
	var either []map[string]any
	for _, f := range fields {
		either = append(either, map[string]any{f: want})
	}
	var filter any = map[string]any{"$or": either}
	if len(either) == 1 {
		filter = either[0]
	}
	raw, _ := json.Marshal(filter) // Texts only: it cannot fail.
	return string(raw)
}

// ReportInfo is a report in a list. UpdatedAt is ISO 8601.
type ReportInfo struct{ ID, Title, Description, UpdatedAt, Username string }

// ListReports lists a project's reports. Faults are those of ListRuns.
func (c *Client) ListReports(ctx context.Context, o ListOptions) (Page[ReportInfo], error) {
	type node struct {
		ID          string    `json:"id"`
		Title       string    `json:"displayName"`
		Description string    `json:"description"`
		UpdatedAt   string    `json:"updatedAt"`
		User        *userNode `json:"user"`
	}
	type project struct {
		projectNode
		Views *connection[node] `json:"allViews"`
	}
	const doing = "listing the reports"
	var page Page[ReportInfo]
	nodes, next, err := allPages(clampLimit(o.Limit), o.After, func(first int, after string) (*connection[node], error) {
		p, at, err := ask[project](ctx, c, question{
			doing: doing, op: "ListReports", entity: cmp.Or(page.Entity, o.Entity), project: o.Project, vars: listVars(map[string]any{}, first, after),
		})
		if err != nil {
			return nil, err
		}
		page.Place = at
		if p.Views == nil {
			return &connection[node]{}, nil
		}
		return p.Views, nil
	})
	if err != nil {
		return page, c.explain(doing, err)
	}
	for _, n := range nodes {
		page.Items = append(page.Items, ReportInfo{n.ID, n.Title, n.Description, n.UpdatedAt, n.User.name()})
	}
	page.Next = next
	return page, nil
}

// notFound is the fault for something that a reference names and that is not there.
func notFound(format string, args ...any) error {
	return fault.New(fault.Settings, fault.NotFound, format, args...)
}
