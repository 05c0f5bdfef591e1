// Package lookup does the jobs that read what W&B has: lists for forms and the panel, a run, the view that an artifact was made from,
// and the first rows of a table.
package lookup

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Kind says what to list.
type Kind int

// The kinds, in the order of the wire contract.
const (
	Projects Kind = iota + 1
	Runs
	Artifacts
	Versions
	Reports
)

// List is the job that lists something of W&B, one page at a time.
type List struct {
	Settings config.Inputs
	Kind     Kind
	// ArtifactTypes are the types of artifacts; none for all.
	ArtifactTypes []string
	// ArtifactName is the artifact whose versions are wanted.
	ArtifactName string
	// Limit and After are those of wandb.ListOptions.
	Limit int
	After string
	// Search is a text that a run's name or id contain.
	Search string
	// Metrics are the keys of the runs' summaries to give; without any, a few of the newest runs are given.
	Metrics []string
	// Details is of how many of the newest artifacts to look up Facts.
	Details int
	// ArtifactIDs asks for the versions with these ids instead of a list.
	ArtifactIDs []string
}

// ListResult is one page.
type ListResult struct {
	wandb.Place
	BaseURL string
	Next    string
	Total   int64
	// Entities are those that the user may choose, the default one first.
	Entities  []string
	Projects  []ProjectEntry
	Runs      []RunEntry
	Artifacts []ArtifactEntry
	Reports   []ReportEntry
}

// ProjectEntry is a project with its page.
type ProjectEntry struct {
	wandb.ProjectInfo
	URL string
}

// RunEntry is a run with its page.
type RunEntry struct {
	wandb.RunInfo
	URL string
	// MetricsJSON are some numbers of the summary, as a JSON object, or empty.
	MetricsJSON string
}

// ArtifactEntry is a version of an artifact with its page.
type ArtifactEntry struct {
	wandb.ArtifactInfo
	Facts
	URL string
}

// ReportEntry is a report with its page.
type ReportEntry struct {
	wandb.ReportInfo
	URL string
}

const (
	// Where no metrics are asked for, someMetrics of each of the someRuns newest runs are given.
	someMetrics = 6
	someRuns    = 20
	// maxDetails bounds Details and ArtifactIDs.
	maxDetails = 50
)

// openReader makes a client for a job that only reads, where the caller's active run does not matter.
func openReader(in config.Inputs) (*wandb.Client, error) {
	in.ActiveRun = nil
	settings, err := config.Resolve(in)
	if err != nil {
		return nil, err
	}
	return wandb.NewClient(settings)
}

// Run does the job.
func (j List) Run(ctx context.Context) (*ListResult, error) {
	client, err := openReader(j.Settings)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	res := &ListResult{BaseURL: client.Settings().BaseURL}
	list := wandb.ListOptions{Entity: client.Settings().Entity, Project: client.Settings().Project, Limit: j.Limit, After: j.After}
	switch j.Kind {
	case Projects:
		err = j.projects(ctx, client, list, res)
	case Runs:
		err = j.runs(ctx, client, list, res)
	case Artifacts, Versions:
		err = j.artifacts(ctx, client, list, res)
	case Reports:
		err = j.reports(ctx, client, list, res)
	default:
		err = fault.New(fault.Plugin, fault.UnknownJob, "The worker does not know what to look up: plugin and worker are from different releases.")
	}
	if err != nil {
		return nil, err
	}
	res.Entities = entities(res.Viewer)
	return res, nil
}

// entities are the default entity, the user and the teams, each once.
func entities(v wandb.Viewer) []string {
	var out []string
	for _, name := range append([]string{v.Entity, v.Username}, v.Teams...) {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func (j List) projects(ctx context.Context, client *wandb.Client, list wandb.ListOptions, res *ListResult) error {
	page, err := client.ListProjects(ctx, list)
	res.Place, res.Next, res.Total = page.Place, page.Next, page.Total
	for _, p := range page.Items {
		res.Projects = append(res.Projects, ProjectEntry{p, client.Settings().ProjectURL(page.Entity, p.Name)})
	}
	return err
}

func (j List) runs(ctx context.Context, client *wandb.Client, list wandb.ListOptions, res *ListResult) error {
	page, err := client.ListRuns(ctx, wandb.RunOptions{
		ListOptions: list, Search: j.Search, Summaries: len(j.Metrics) > 0, SomeSummaries: someRuns,
	})
	res.Place, res.Next, res.Total = page.Place, page.Next, page.Total
	for _, r := range page.Items {
		one := runEntry(client.Settings(), r)
		one.MetricsJSON = metrics(r.Summary, j.Metrics)
		res.Runs = append(res.Runs, one)
	}
	return err
}

func runEntry(s config.Settings, r wandb.RunInfo) RunEntry {
	return RunEntry{RunInfo: r, URL: s.RunURL(r.Entity, r.Project, r.ID)}
}

func artifactEntry(s config.Settings, a wandb.ArtifactInfo) ArtifactEntry {
	return ArtifactEntry{ArtifactInfo: a, URL: a.URL(s)}
}

func (j List) artifacts(ctx context.Context, client *wandb.Client, list wandb.ListOptions, res *ListResult) (err error) {
	if j.Kind == Artifacts && len(j.ArtifactIDs) > 0 {
		return j.chosen(ctx, client, res)
	}
	var page wandb.Page[wandb.ArtifactInfo]
	if j.Kind == Artifacts {
		page, err = client.ListArtifacts(ctx, list, j.ArtifactTypes)
	} else {
		page, err = client.ListNamedVersions(ctx, list, j.ArtifactName)
	}
	if err != nil {
		return err
	}
	res.Place, res.Next, res.Total = page.Place, page.Next, page.Total
	for _, a := range page.Items {
		res.Artifacts = append(res.Artifacts, artifactEntry(client.Settings(), a))
	}
	wanted := res.Artifacts[:min(max(j.Details, 0), maxDetails, len(res.Artifacts))]
	if len(wanted) == 0 {
		return nil
	}
	infos := make([]wandb.ArtifactInfo, len(wanted))
	for i, a := range wanted {
		infos[i] = a.ArtifactInfo
	}
	found, err := factsOf(ctx, client, infos)
	for i, a := range wanted {
		wanted[i].Facts = found[a.ID].Facts
	}
	return lenientFacts(ctx, err)
}

// chosen looks up single versions with their facts.
func (j List) chosen(ctx context.Context, client *wandb.Client, res *ListResult) error {
	var infos []wandb.ArtifactInfo
	for _, id := range j.ArtifactIDs[:min(len(j.ArtifactIDs), maxDetails)] {
		infos = append(infos, wandb.ArtifactInfo{ID: id, Size: -1})
	}
	found, err := factsOf(ctx, client, infos)
	if err != nil {
		return err
	}
	for _, a := range infos {
		if f, ok := found[a.ID]; ok {
			one := artifactEntry(client.Settings(), f.info)
			one.Facts = f.Facts
			res.Artifacts = append(res.Artifacts, one)
		}
	}
	res.Entity, res.Project = client.Settings().Entity, client.Settings().Project
	return nil
}

func (j List) reports(ctx context.Context, client *wandb.Client, list wandb.ListOptions, res *ListResult) error {
	page, err := client.ListReports(ctx, list)
	res.Place, res.Next, res.Total = page.Place, page.Next, page.Total
	for _, r := range page.Items {
		res.Reports = append(res.Reports, ReportEntry{r, client.Settings().ReportURL(page.Entity, page.Project, r.Title, r.ID)})
	}
	return err
}

// metrics are numbers of a summary: those of the keys, where dots may lead into
// objects; without keys, a few.
func metrics(summary json.RawMessage, keys []string) string {
	if len(summary) == 0 {
		return ""
	}
	var top map[string]json.RawMessage
	if json.Unmarshal(summary, &top) != nil {
		return ""
	}
	out := &metadata.Object{}
	if len(keys) > 0 {
		for _, key := range keys {
			if n, ok := numberAt(top, key); ok {
				out.Raw(key, n)
			}
		}
		return string(out.Bytes())
	}
	left := someMetrics
	for _, key := range slices.Sorted(maps.Keys(top)) {
		if n, ok := asNumber(top[key]); ok && left > 0 && !strings.HasPrefix(key, "_") {
			left--
			out.Raw(key, n)
		}
	}
	return string(out.Bytes())
}

// numberAt finds a number by its key, or by the keys that lead to it, joined by dots.
func numberAt(top map[string]json.RawMessage, key string) ([]byte, bool) {
	if n, ok := asNumber(top[key]); ok {
		return n, true
	}
	for i, c := range key {
		if c != '.' {
			continue
		}
		var inner map[string]json.RawMessage
		if json.Unmarshal(top[key[:i]], &inner) == nil {
			if n, ok := numberAt(inner, key[i+1:]); ok {
				return n, true
			}
		}
	}
	return nil, false
}

func asNumber(raw json.RawMessage) ([]byte, bool) {
	var n float64
	if len(raw) == 0 || raw[0] == 'n' || json.Unmarshal(raw, &n) != nil {
		return nil, false
	}
	return raw, true
}
