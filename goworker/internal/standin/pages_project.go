package standin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// shownPerPage is how many runs, versions or files a page lists.
const shownPerPage = 100

type projectRow struct {
	Entity, Name, Href string
	Runs, Artifacts    int
	Created            time.Time
}

// home lists the projects of all entities, or of one.
func (p *pages) home(r *http.Request) (string, *page, error) {
	only := r.PathValue("entity")
	if only != "" {
		if _, err := p.server.allowed(only); err != nil {
			return "", nil, err
		}
	}
	var rows []projectRow
	p.server.read(func(d *data) {
		for _, entity := range p.server.entities() {
			for _, project := range d.projectsOf(entity) {
				if only != "" && entity != only {
					continue
				}
				row := projectRow{Entity: entity, Name: project.Name, Href: link(entity, project.Name), Created: project.Created}
				for _, run := range d.Runs {
					if run.projectKey() == project.key() && !run.Deleted {
						row.Runs++
					}
				}
				row.Artifacts = len(d.collectionsOf(project.key(), ""))
				rows = append(rows, row)
			}
		}
	})
	content := &page{Title: "Projects", Data: rows}
	if only != "" {
		content.Trail = trail(only, "")
	}
	return "home", content, nil
}

type runRow struct {
	Name, Title, Href, State string
	Tags                     []string
	Created                  time.Time
	Artifacts                int
}

type collectionRow struct {
	Name, Type, Href, Latest string
	Versions, Files          int
	Size                     int64
	Updated                  time.Time
}

type reportRow struct {
	Title, Description, Href string
	Updated                  time.Time
}

type projectPage struct {
	Runs        []runRow
	Pager       pager
	Collections []collectionRow
	Reports     []reportRow
}

// project shows a project's runs, artifacts and reports.
func (p *pages) project(r *http.Request) (string, *page, error) {
	entity, name := r.PathValue("entity"), r.PathValue("project")
	var content projectPage
	err := p.inProject(r, func(d *data, project *project) error {
		runs := sorted(d.Runs, func(r *run) bool { return r.projectKey() == project.key() && !r.Deleted }, func(r *run) int64 { return r.N })
		slices.Reverse(runs)
		content.Pager = newPager(r, len(runs), shownPerPage)
		for _, run := range runs[max(content.Pager.First-1, 0):content.Pager.Last] {
			content.Runs = append(content.Runs, p.runRow(d, run))
		}
		for _, c := range d.collectionsOf(project.key(), r.PathValue("type")) {
			if c.Links == nil { // what is linked is shown where it was logged
				content.Collections = append(content.Collections, collectionRowOf(c))
			}
		}
		for _, v := range d.views(project, gqlexec.Args{}) {
			content.Reports = append(content.Reports, reportRow{v.title(), v.Description, v.href(), v.Updated})
		}
		return nil
	})
	return "project", &page{Title: name, Trail: trail(entity, name), Data: content}, err
}

// inProject runs fn on a request's project with the data locked for reading.
func (p *pages) inProject(r *http.Request, fn func(d *data, project *project) error) (err error) {
	p.server.read(func(d *data) {
		var found *project
		if found, err = d.project(p.server, r.PathValue("entity"), r.PathValue("project")); err != nil {
			return
		}
		if found == nil {
			err = notFound("There is no project " + r.PathValue("project") + ".")
			return
		}
		err = fn(d, found)
	})
	return err
}

func (p *pages) runRow(d *data, r *run) runRow {
	return runRow{
		Name: r.Name, Title: r.DisplayName, Href: r.href(), State: p.server.stateOf(r), Tags: slices.Clone(r.Tags), Created: r.Created,
		Artifacts: len(d.committedOf(r.Outputs)),
	}
}

func (r *run) href() string { return link(r.Entity, r.Project, "runs", r.Name) }

func collectionRowOf(c *collection) collectionRow {
	newest := c.versions[len(c.versions)-1]
	return collectionRow{
		Name: c.Name, Type: c.Type, Href: c.href(), Latest: newest.version(), Versions: len(c.versions), Files: len(newest.contents),
		Size: newest.Size, Updated: newest.Updated,
	}
}

func (c *collection) href(more ...string) string {
	return link(append([]string{c.Entity, c.Project, "artifacts", c.Type, c.Name}, more...)...)
}

func (v *view) title() string {
	if v.DisplayName != "" {
		return v.DisplayName
	}
	return "Untitled report"
}

var notWord = regexp.MustCompile(`\W+`)

// href is the report's path as W&B writes it: words of the title, then the ID.
func (v *view) href() string {
	quoted := strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(v.DisplayName))
	slug := strings.Trim(notWord.ReplaceAllString(quoted, "-"), "-")
	return link(v.Entity, v.Project, "reports", slug+"--"+strings.TrimRight(v.ID, "="))
}

type reportPage struct {
	Description string
	Blocks      []reportBlock
	Spec        string
	Updated     time.Time
}

type reportBlock struct{ Kind, Text string }

// report shows the words of a report.
func (p *pages) report(r *http.Request) (string, *page, error) {
	path := r.PathValue("report")
	id := path[strings.LastIndex(path, "--")+1:]
	id = strings.TrimPrefix(id, "-")
	var content reportPage
	var title string
	err := p.inProject(r, func(d *data, project *project) error {
		for _, v := range d.views(project, gqlexec.Args{}) {
			if strings.TrimRight(v.ID, "=") != id {
				continue
			}
			title = v.title()
			content = reportPage{Description: v.Description, Spec: indented(json.RawMessage(v.Spec)), Updated: v.Updated, Blocks: blocksOf(v.Spec)}
			return nil
		}
		return notFound("There is no such report.")
	})
	entity, name := r.PathValue("entity"), r.PathValue("project")
	return "report", &page{Title: title, Trail: trail(entity, name, crumb{"Reports", link(entity, name) + "#reports"}), Data: content}, err
}

// blocksOf are the texts of a report's blocks; what is not text is named.
func blocksOf(spec string) []reportBlock {
	var document struct {
		Blocks []map[string]any `json:"blocks"`
	}
	_ = json.Unmarshal([]byte(spec), &document) // any JSON may be a spec: then there are no blocks to show
	var out []reportBlock
	for _, block := range document.Blocks {
		kind, _ := block["type"].(string)
		text := textOf(block)
		switch {
		case text == "":
			kind, text = "other", kind
		case kind != "heading":
			kind = "paragraph"
		}
		out = append(out, reportBlock{kind, text})
	}
	return out
}

func textOf(node map[string]any) string {
	if text, ok := node["text"].(string); ok {
		return text
	}
	var out strings.Builder
	children, _ := node["children"].([]any)
	for _, child := range children {
		if inner, ok := child.(map[string]any); ok {
			out.WriteString(textOf(inner))
		}
	}
	return out.String()
}
