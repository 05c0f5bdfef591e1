package standin

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// chartsMax and outputMax bound what a run's page shows.
const (
	chartsMax = 24
	outputMax = 200
)

type runPage struct {
	Name, State, Notes, Group, JobType, User string
	Tags                                     []string
	Created, Heartbeat                       time.Time
	Config, Summary                          []keyValue
	Charts                                   []chart
	MoreCharts                               int
	Tables                                   []keyLink
	Outputs, Inputs                          []versionRow
	Files                                    []fileRow
	Output                                   string
}

type keyValue struct{ Key, Value string }

type keyLink struct{ Name, Href, Note string }

type versionRow struct {
	Name, Version, Type, Href string
	Aliases                   []string
	Size                      int64
	Files                     int
	Created                   time.Time
}

type fileRow struct {
	Name, Href, Note string
	Size             int64
}

func (p *pages) run(r *http.Request) (string, *page, error) {
	var content runPage
	var title string
	err := p.inProject(r, func(d *data, project *project) error {
		found := d.run(project, r.PathValue("run"))
		if found == nil {
			return notFound("There is no run " + r.PathValue("run") + ".")
		}
		if title = found.DisplayName; title == "" {
			title = found.Name
		}
		content = p.runContent(d, found)
		return nil
	})
	entity, name := r.PathValue("entity"), r.PathValue("project")
	return "run", &page{Title: title, Trail: trail(entity, name, crumb{"Runs", link(entity, name) + "#runs"}), Data: content}, err
}

func (p *pages) runContent(d *data, r *run) runPage {
	out := runPage{
		Name: r.Name, State: p.server.stateOf(r), Notes: r.Notes, Group: r.Group, JobType: r.JobType, User: p.server.opts.Entity,
		Tags: slices.Clone(r.Tags), Created: r.Created, Heartbeat: r.Heartbeat, Charts: charts(r.Streams[historyStream]),
	}
	if len(out.Charts) > chartsMax {
		out.MoreCharts = len(out.Charts) - chartsMax
		out.Charts = out.Charts[:chartsMax]
	}
	config := map[string]any{}
	wrapped, _ := decodeObject([]byte(r.Config))
	for k, v := range wrapped {
		if inner, _ := v.(map[string]any); k != "_wandb" {
			config[k] = inner["value"]
		}
	}
	out.Config = flat("", config)
	summary, _ := decodeObject([]byte(r.Summary))
	out.Tables = d.tablesOf(r, summary)
	delete(summary, "_wandb")
	out.Summary = flat("", summary)
	for _, a := range d.committedOf(r.Outputs) {
		out.Outputs = append(out.Outputs, d.versionRow(a))
	}
	for _, a := range d.committedOf(r.Inputs) {
		out.Inputs = append(out.Inputs, d.versionRow(a))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Files)) {
		out.Files = append(out.Files, fileRow{Name: name, Href: r.href() + "/files/" + filePath(name), Size: r.Files[name].Size})
	}
	lines := r.Streams[outputStream]
	out.Output = strings.Join(lines[max(0, len(lines)-outputMax):], "\n")
	return out
}

// flat lists nested values under dotted keys, sorted.
func flat(prefix string, values map[string]any) []keyValue {
	var out []keyValue
	for _, k := range slices.Sorted(maps.Keys(values)) {
		inner, isMap := values[k].(map[string]any)
		switch kind, _ := inner["_type"].(string); {
		case kind != "":
			out = append(out, keyValue{prefix + k, mediaNote(kind, inner)})
		case isMap && len(inner) > 0:
			out = append(out, flat(prefix+k+".", inner)...)
		default:
			text, isText := values[k].(string)
			if !isText {
				raw, _ := json.Marshal(values[k])
				text = string(raw)
			}
			out = append(out, keyValue{prefix + k, cut(text, 500)})
		}
	}
	return out
}

func mediaNote(kind string, value map[string]any) string {
	if rows, ok := value["nrows"]; ok {
		return fmt.Sprintf("%s of %v rows", kind, rows)
	}
	return kind
}

func cut(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n]) + "…"
	}
	return text
}

// tablesOf links the tables of a run's summary to the artifacts that hold them.
func (d *data) tablesOf(r *run, summary map[string]any) []keyLink {
	var out []keyLink
	for _, k := range slices.Sorted(maps.Keys(summary)) {
		value, _ := summary[k].(map[string]any)
		kind, _ := value["_type"].(string)
		if !strings.HasSuffix(kind, "table-file") && kind != "partitioned-table" {
			continue
		}
		table := keyLink{Name: k, Note: mediaNote(kind, value)}
		if uri, _ := value["artifact_path"].(string); uri != "" {
			if a, name := d.followURI(uri); a != nil {
				table.Href = d.fileHref(a, name)
			}
		}
		if path, _ := value["path"].(string); table.Href == "" && r.Files[path] != nil {
			table.Href = r.href() + "/files/" + filePath(path)
		}
		out = append(out, table)
	}
	return out
}

func (d *data) versionRow(a *artifact) versionRow {
	c := d.Collections[a.Collection]
	return versionRow{
		Name: c.Name, Version: a.version(), Type: c.Type, Href: c.href(a.version()), Aliases: c.aliasesOf(a.ID), Size: a.Size,
		Files: len(a.contents), Created: a.Created,
	}
}

func (a *artifact) version() string { return fmt.Sprintf("v%d", a.Version) }

// runFile answers with a file of a run.
func (p *pages) runFile(w http.ResponseWriter, r *http.Request) {
	name, digest := r.PathValue("path"), ""
	err := p.inProject(r, func(d *data, project *project) error {
		if run := d.run(project, r.PathValue("run")); run != nil && run.Files[name] != nil {
			digest = run.Files[name].MD5
			return nil
		}
		return notFound("The run has no such file.")
	})
	if err != nil {
		p.show(w, r, func(*http.Request) (string, *page, error) { return "", nil, err })
		return
	}
	p.serveUntrusted(w, r, name, digest)
}
