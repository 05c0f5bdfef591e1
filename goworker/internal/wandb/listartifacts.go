package wandb

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// collectionNode is an artifact with its newest version, in an answer.
type collectionNode struct {
	Name       string                  `json:"name"`
	CreatedAt  string                  `json:"createdAt"`
	Membership *newestNode             `json:"artifactMembership"`
	Artifacts  *connection[listedNode] `json:"artifacts"`
}

// newestNode is the newest version as a member of a collection.
type newestNode struct {
	Index    *int        `json:"versionIndex"`
	Artifact *listedNode `json:"artifact"`
}

func (n *collectionNode) newest() *listedNode {
	switch {
	case n == nil:
		return nil
	case n.Membership != nil && n.Membership.Artifact.listed():
		return n.Membership.Artifact
	case n.Artifacts != nil:
		for _, e := range n.Artifacts.Edges {
			if e.Node.listed() {
				return e.Node
			}
		}
	}
	return nil
}

// maxTypes bounds the types that can be asked for at once.
const maxTypes = 20

// ListArtifacts lists a project's artifacts of the given types (none: of all), each
// with its newest version. All types are asked for in one request. Faults are those
// of ListRuns.
func (c *Client) ListArtifacts(ctx context.Context, o ListOptions, types []string) (Page[ArtifactInfo], error) {
	const doing = "listing the artifacts"
	cursors, err := parseCursors(o.After)
	if err != nil {
		return Page[ArtifactInfo]{}, err
	}
	org, err := c.registry(ctx, o.Entity, o.Project)
	if err != nil {
		return Page[ArtifactInfo]{}, c.explain(doing, err)
	}
	o.Entity = cmp.Or(org.entity, o.Entity)
	l := &artifactLister{client: c, options: o, organization: org.name, limit: clampLimit(o.Limit), fragment: "collections"}
	if len(cursors) > 0 { // The page before knows which types there are.
		types = nil
		for _, t := range cursors {
			types = append(types, t.Type)
		}
	}
	if len(types) == 0 {
		if types, err = l.allTypes(ctx); err != nil {
			return Page[ArtifactInfo]{}, c.explain(doing, err)
		}
	}
	for _, t := range types[:min(len(types), maxTypes)] {
		at := cursors.of(t)
		l.lists = append(l.lists, &typeList{typeCursor: at, more: !at.Ended, total: at.Total})
	}
	err = l.fill(ctx)
	if isUnknownToServer(err) {
		l.fragment = "collectionsOld"
		err = l.fill(ctx)
	}
	if err != nil {
		return Page[ArtifactInfo]{}, c.explain(doing, err)
	}
	return l.page(), nil
}

// typeCursor is where the list of one type goes on.
type typeCursor struct {
	Type  string `json:"t"`
	After string `json:"a,omitempty"`
	// Ended is set at the list's end. Then Total is how many it had, which further pages say, too.
	Ended bool  `json:"e,omitempty"`
	Total int64 `json:"n,omitempty"`
}

// typeCursors is the Next of a page, which has all types; none where all are at their end.
type typeCursors []typeCursor

func (t typeCursors) String() string {
	if len(t) == 0 {
		return ""
	}
	raw, _ := json.Marshal(t) // Texts only: it cannot fail.
	return base64.RawURLEncoding.EncodeToString(raw)
}

func (t typeCursors) of(name string) typeCursor {
	for _, one := range t {
		if one.Type == name {
			return one
		}
	}
	return typeCursor{Type: name}
}

func parseCursors(text string) (out typeCursors, err error) {
	if text == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil || len(out) > maxTypes {
		return nil, fault.New(fault.Plugin, fault.BadCursor, "The list of artifacts cannot be continued from here. Start again from its first page.")
	}
	return out, nil
}

// typeList is what is known of the artifacts of one type.
type typeList struct {
	typeCursor
	// fetched was not taken yet; more says that the server has more behind it.
	fetched []edge[collectionNode]
	end     string // cursor behind fetched
	more    bool
	total   int64
}

// artifactLister merges the lists of several types.
type artifactLister struct {
	client   *Client
	options  ListOptions
	limit    int
	fragment string
	// organization is whose registry is listed.
	organization string
	place        Place
	lists        []*typeList
	items        []ArtifactInfo
	rounds       int
}

// typesProject is the project with one connection for each type, under the names
// t0, t1, …
type typesProject struct {
	projectNode
	types map[string]*struct {
		Collections *connection[collectionNode] `json:"artifactCollections"`
	}
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *typesProject) UnmarshalJSON(raw []byte) error {
	if err := json.Unmarshal(raw, &p.projectNode); err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	delete(all, "name")
	delete(all, "entityName")
	rest, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return json.Unmarshal(rest, &p.types)
}

// fill takes entries until the page is full or the lists end. A list that has run
// dry and goes on at the server has to be asked before the next entry is known.
func (l *artifactLister) fill(ctx context.Context) error {
	for len(l.items) < l.limit {
		var dry []*typeList
		for _, t := range l.lists {
			if len(t.fetched) == 0 && t.more {
				dry = append(dry, t)
			}
		}
		if len(dry) > 0 {
			if l.rounds++; l.rounds > listMax {
				return nil
			}
			if err := l.fetch(ctx, dry); err != nil {
				return err
			}
			continue
		}
		newest := l.newest()
		if newest == nil {
			return nil
		}
		l.take(newest)
	}
	return nil
}

// newest is the list whose next entry is the newest one; nil if there are none.
func (l *artifactLister) newest() *typeList {
	var best *typeList
	for _, t := range l.lists {
		if len(t.fetched) > 0 && (best == nil || createdAt(t.fetched[0]) > createdAt(best.fetched[0])) {
			best = t
		}
	}
	return best
}

func createdAt(e edge[collectionNode]) string {
	if e.Node == nil {
		return ""
	}
	return e.Node.CreatedAt
}

func (l *artifactLister) take(t *typeList) {
	e := t.fetched[0]
	t.fetched = t.fetched[1:]
	if t.After = e.Cursor; len(t.fetched) == 0 {
		t.After = cmp.Or(t.end, e.Cursor)
	}
	if v := e.Node.newest(); v != nil {
		a := v.info()
		a.Type, a.Name = cmp.Or(a.Type, t.Type), cmp.Or(e.Node.Name, a.Name)
		a.Entity, a.Project = cmp.Or(l.place.Entity, a.Entity), cmp.Or(l.place.Project, a.Project)
		a.Organization, a.Aliases = l.organization, aliasesIn(a.Name, v.Aliases)
		if m := e.Node.Membership; m != nil && m.Artifact == v && m.Index != nil {
			a.Version = versionOf(*m.Index)
		}
		l.items = append(l.items, a)
	}
}

// fetch asks for the next page of each of the lists, in one request.
func (l *artifactLister) fetch(ctx context.Context, lists []*typeList) error {
	first := min(l.limit-len(l.items), listMax)
	var head, body strings.Builder
	vars := map[string]any{"first": first}
	for i, t := range lists {
		fmt.Fprintf(&head, ", $t%d: String!, $a%d: String", i, i)
		fmt.Fprintf(&body, "    t%d: artifactType(name: $t%d) { artifactCollections(first: $first, after: $a%d) { ...%s } }\n", i, i, i, l.fragment)
		vars[fmt.Sprintf("t%d", i)] = t.Type
		if t.After != "" {
			vars[fmt.Sprintf("a%d", i)] = t.After
		}
	}
	text, err := withFragments("query ListArtifacts($entity: String, $project: String!, $first: Int" + head.String() +
		") {\n  viewer { ...viewer }\n  project(name: $project, entityName: $entity) {\n    name\n    entityName\n" + body.String() + "  }\n}\n")
	if err != nil {
		return err
	}
	p, at, err := ask[typesProject](ctx, l.client, question{
		doing: "listing the artifacts", op: "ListArtifacts", text: text, vars: vars, large: true,
		entity: cmp.Or(l.place.Entity, l.options.Entity), project: l.options.Project,
	})
	if err != nil {
		return err
	}
	l.place = at
	for i, t := range lists {
		t.more = false
		one := p.types[fmt.Sprintf("t%d", i)]
		if one == nil || one.Collections == nil {
			continue
		}
		page := one.Collections
		next := page.next()
		t.fetched, t.end, t.more = page.Edges, next, next != "" && next != t.After
		if len(page.Edges) == 0 {
			t.After = next
		}
		if page.TotalCount != nil {
			t.total = *page.TotalCount
		}
	}
	return nil
}

// page is what was gathered, and where each list goes on. Entries that were fetched
// but not taken are fetched again by the next page, from the cursor of the last one
// that was taken; a server that gives no cursors gets all of them taken.
func (l *artifactLister) page() Page[ArtifactInfo] {
	page := Page[ArtifactInfo]{Place: l.place}
	var next typeCursors
	more := false
	for _, t := range l.lists {
		for len(t.fetched) > 0 && t.fetched[0].Cursor == "" {
			l.take(t)
		}
		if len(t.fetched) > 0 || t.more {
			more = true
			next = append(next, t.typeCursor)
		} else {
			next = append(next, typeCursor{Type: t.Type, Ended: true, Total: t.total})
		}
		page.Total += t.total
	}
	if !more {
		next = nil
	}
	page.Items, page.Next = l.items, next.String()
	slices.SortStableFunc(page.Items, func(a, b ArtifactInfo) int { return cmp.Compare(b.CreatedAt, a.CreatedAt) })
	return page
}

// allTypes are the project's artifact types, except those that W&B itself makes.
func (l *artifactLister) allTypes(ctx context.Context) ([]string, error) {
	type node struct{ Name string }
	type project struct {
		projectNode
		Types *connection[node] `json:"artifactTypes"`
	}
	p, at, err := ask[project](ctx, l.client, question{
		doing: "listing the artifacts", op: "ListArtifactTypes", entity: l.options.Entity, project: l.options.Project,
	})
	if err != nil {
		return nil, err
	}
	l.place = at
	var names []string
	if p.Types != nil {
		for _, e := range p.Types.Edges {
			if e.Node != nil && e.Node.Name != "run_table" && e.Node.Name != "job" && !strings.HasPrefix(e.Node.Name, "wandb-") {
				names = append(names, e.Node.Name)
			}
		}
	}
	return names, nil
}
