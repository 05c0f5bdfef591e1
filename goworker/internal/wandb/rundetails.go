package wandb

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// RunQuery says what is wanted of a run.
type RunQuery struct {
	// Entity and Project are where a reference without them is looked for; an empty
	// entity is the viewer's default.
	Entity, Project string
	// Reference is an id, a display name, the run's path "entity/project/id" or the
	// address of its page.
	Reference string
	// HistoryKeys are the metrics whose sampled history is wanted, each with at most
	// HistoryPoints points.
	HistoryKeys   []string
	HistoryPoints int
	// Artifacts asks for the input and output artifacts, at most 500 of each.
	Artifacts bool
}

// RunDetails is what a server knows of a run.
type RunDetails struct {
	RunInfo
	// Place is where the run was found; the run's own entity and project count.
	Place Place
	// StorageID is the server's own id.
	StorageID, HeartbeatAt, Notes string
	// Config has plain values, without W&B's own keys. So has Summary of RunInfo.
	Config map[string]json.RawMessage
	// HistoryKeys are the keys that have a history, sorted.
	HistoryKeys []string
	// History is the sampled history: rows with _step and those of the asked keys
	// that were logged at that step, in the order of the steps.
	History         []map[string]json.RawMessage
	Inputs, Outputs []ArtifactInfo
}

// maxHistory bounds keys and points of one question for a history.
const (
	maxHistoryKeys   = 50
	maxHistoryPoints = 10_000
	// stepKey is the step of a row of the history.
	stepKey = "_step"
)

// runDetailsNode is a run with everything, in an answer.
type runDetailsNode struct {
	runInfoNode
	HeartbeatAt string            `json:"heartbeatAt"`
	Notes       string            `json:"notes"`
	HistoryKeys json.RawMessage   `json:"historyKeys"`
	Sampled     []json.RawMessage `json:"sampledHistory"`
	Inputs      *versionPage      `json:"inputArtifacts"`
	Outputs     *versionPage      `json:"outputArtifacts"`
}

type versionPage = connection[listedNode]

// runDetailsProject is the project in the answer of RunDetails and RunsNamed.
type runDetailsProject struct {
	projectNode
	Run   *runDetailsNode          `json:"run"`
	Named *connection[runInfoNode] `json:"runs"`
}

// ReadRun finds a run and reads it. An id goes before a display name; a display name
// that several runs have is fault ambiguous. Faults beside those of ListRuns:
// not_found, bad_reference, other_server.
func (c *Client) ReadRun(ctx context.Context, q RunQuery) (*RunDetails, error) {
	ref, isURL, err := c.settings.ParseRunURL(q.Reference)
	if err != nil {
		return nil, err
	}
	if !isURL {
		ref = config.RunRef{Entity: q.Entity, Project: q.Project, ID: strings.TrimSpace(q.Reference)}
	}
	if ref.ID == "" || utf8.RuneCountInString(ref.ID) > 4*config.MaxName {
		return nil, config.BadReference("Say which W&B run is meant: its id, its name, or the address of its page.")
	}
	const doing = "reading the run"
	p, at, err := c.askRun(ctx, ref, q)
	if statusOf(err) == http.StatusNotFound {
		p, at, err = c.askNamed(ctx, ref)
	}
	if err != nil {
		return nil, c.explain(doing, err)
	}
	if p.Run == nil && !isURL {
		ref.Entity, ref.Project = at.Entity, at.Project
		if ref.ID, err = c.oneNamed(p, at, ref); err != nil {
			if path, ok := pathRef(q.Reference); ok && fault.Code(err) == fault.NotFound {
				ref, err = path, nil
			}
		}
		if err == nil {
			p, at, err = c.askRun(ctx, ref, q)
		}
	}
	if err != nil && statusOf(err) != http.StatusNotFound {
		return nil, c.explain(doing, err)
	}
	if err != nil || p.Run == nil {
		return nil, c.noRun(ref, at)
	}
	return c.runDetails(ctx, p.Run, at, q)
}

// pathRef reads "entity/project/id", as W&B's pages show a run's path.
func pathRef(text string) (config.RunRef, bool) {
	parts := strings.Split(strings.TrimSpace(text), "/")
	if len(parts) != 3 {
		return config.RunRef{}, false
	}
	ref := config.RunRef{Entity: parts[0], Project: parts[1], ID: parts[2]}
	return ref, ref.Entity != "" && ref.Check() == nil
}

func (c *Client) noRun(ref config.RunRef, at Place) error {
	return notFound("W&B at %s has no run with the id or the name %q in %s/%s, or this account may not see it. Check the id and project=, or pass the address of the run's page.",
		c.host(), config.Clip(ref.ID, config.MaxName), config.FirstOf(at.Entity, ref.Entity), config.FirstOf(at.Project, ref.Project))
}

// askRun asks for the run with an id, and in the same request for the runs that have
// this text as their name.
func (c *Client) askRun(ctx context.Context, ref config.RunRef, q RunQuery) (*runDetailsProject, Place, error) {
	specs := []string{}
	for _, key := range q.HistoryKeys[:min(len(q.HistoryKeys), maxHistoryKeys)] {
		raw, _ := json.Marshal(map[string]any{"keys": []string{stepKey, key}, "samples": max(1, min(q.HistoryPoints, maxHistoryPoints))})
		specs = append(specs, string(raw))
	}
	vars := map[string]any{
		"run": ref.ID, "named": anyOf(ref.ID, "display_name"), "specs": specs, "withHistory": len(specs) > 0,
		"first": listMax, "withArtifacts": q.Artifacts,
	}
	return ask[runDetailsProject](ctx, c, question{doing: "reading the run", op: "RunDetails", entity: ref.Entity, project: ref.Project, vars: vars, large: true})
}

// askNamed asks for the runs with a name alone: some servers refuse to answer
// anything where there is no run with the id.
func (c *Client) askNamed(ctx context.Context, ref config.RunRef) (*runDetailsProject, Place, error) {
	return ask[runDetailsProject](ctx, c, question{
		doing: "looking for the run", op: "RunsNamed", entity: ref.Entity, project: ref.Project, vars: map[string]any{"named": anyOf(ref.ID, "display_name")},
	})
}

// oneNamed is the id of the only run that has the reference as its name.
func (c *Client) oneNamed(p *runDetailsProject, at Place, ref config.RunRef) (string, error) {
	var ids []string
	if p.Named != nil {
		for _, e := range p.Named.Edges {
			if e.Node != nil && e.Node.Name != "" {
				ids = append(ids, e.Node.Name)
			}
		}
	}
	switch len(ids) {
	case 0:
		return "", c.noRun(ref, at)
	case 1:
		return ids[0], nil
	}
	return "", fault.New(fault.Settings, fault.Ambiguous,
		"Several runs of %s/%s are called %q: %s. Say which one is meant by its id.", at.Entity, at.Project, config.Clip(ref.ID, config.MaxName), strings.Join(ids, ", "))
}

func (c *Client) runDetails(ctx context.Context, n *runDetailsNode, at Place, q RunQuery) (*RunDetails, error) {
	d := &RunDetails{
		RunInfo: n.info(at), Place: at, StorageID: n.ID, HeartbeatAt: n.HeartbeatAt, Notes: n.Notes,
		Config: plainConfig(n.Config), HistoryKeys: historyKeys(n.HistoryKeys), History: mergeHistory(n.Sampled),
	}
	if !q.Artifacts {
		return d, nil
	}
	var err error
	if d.Inputs, err = c.runArtifacts(ctx, d.RunRef, "RunInputs", n.Inputs); err != nil {
		return nil, err
	}
	d.Outputs, err = c.runArtifacts(ctx, d.RunRef, "RunOutputs", n.Outputs)
	return d, err
}

// runArtifacts completes the first page of a run's artifacts.
func (c *Client) runArtifacts(ctx context.Context, ref config.RunRef, op string, page *versionPage) ([]ArtifactInfo, error) {
	first := true
	nodes, _, err := allPages(listMax, "", func(n int, after string) (*versionPage, error) {
		if first {
			first = false
			return cmp.Or(page, &versionPage{}), nil
		}
		var out struct {
			Project *struct {
				Run *struct {
					Artifacts *versionPage `json:"artifacts"`
				} `json:"run"`
			} `json:"project"`
		}
		vars := listVars(map[string]any{"entity": ref.Entity, "project": ref.Project, "run": ref.ID}, n, after)
		if err := c.graphql(ctx, op, vars, &out); err != nil {
			return nil, c.explain("listing the run's artifacts", err)
		}
		if out.Project == nil || out.Project.Run == nil || out.Project.Run.Artifacts == nil {
			return &versionPage{}, nil
		}
		return out.Project.Run.Artifacts, nil
	})
	var list []ArtifactInfo
	for _, v := range nodes {
		if v.listed() {
			a := v.info()
			a.Entity, a.Project = cmp.Or(a.Entity, ref.Entity), cmp.Or(a.Project, ref.Project)
			list = append(list, a)
		}
	}
	return list, err
}

// plainConfig takes the values out of a config in W&B's form, and leaves out W&B's
// own keys.
func plainConfig(text string) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	if json.Unmarshal(plainObject(text), &out) != nil {
		return map[string]json.RawMessage{}
	}
	delete(out, "_wandb")
	delete(out, "wandb_version")
	for key, raw := range out {
		var entry map[string]json.RawMessage
		if json.Unmarshal(raw, &entry) == nil && entry["value"] != nil {
			out[key] = entry["value"]
		}
	}
	return out
}

// historyKeys are the names in {"keys":{name:…}}.
func historyKeys(raw json.RawMessage) []string {
	var out struct {
		Keys map[string]json.RawMessage `json:"keys"`
	}
	_ = json.Unmarshal(raw, &out) // What has another form has no keys that we know.
	return slices.Sorted(maps.Keys(out.Keys))
}

// mergeHistory joins the rows of several samples by their step.
func mergeHistory(samples []json.RawMessage) []map[string]json.RawMessage {
	byStep := map[float64]map[string]json.RawMessage{}
	for _, sample := range samples {
		var rows []map[string]json.RawMessage
		if json.Unmarshal(sample, &rows) != nil {
			continue
		}
		for _, row := range rows {
			var step float64
			if json.Unmarshal(row[stepKey], &step) != nil {
				continue
			}
			if byStep[step] == nil {
				byStep[step] = row
			}
			maps.Copy(byStep[step], row)
		}
	}
	var out []map[string]json.RawMessage
	for _, step := range slices.Sorted(maps.Keys(byStep)) {
		out = append(out, byStep[step])
	}
	return out
}

// AddRunTags adds tags to a run, which may be alive elsewhere, and removes none. It
// gives those that the run did not have. The tags are read again just before they are
// written, since W&B knows no way to add one.
func (c *Client) AddRunTags(ctx context.Context, ref config.RunRef, tags []string) (added []string, err error) {
	const doing = "adding tags to the run"
	for _, t := range tags {
		if err := config.CheckRunTag(t); err != nil {
			return nil, err
		}
	}
	var out struct {
		Project *struct {
			Run *struct {
				ID   string   `json:"id"`
				Tags []string `json:"tags"`
			} `json:"run"`
		} `json:"project"`
	}
	if err := c.graphql(ctx, "RunTags", runVariables(ref), &out); err != nil {
		return nil, c.explain(doing, err)
	}
	if out.Project == nil || out.Project.Run == nil || out.Project.Run.ID == "" {
		return nil, fault.New(fault.WandB, fault.NotFound, "W&B no longer has a run %s in %s/%s, or this account may not see it: %s failed.",
			ref.ID, ref.Entity, ref.Project, doing)
	}
	all := out.Project.Run.Tags
	if added = MissingTags(all, tags); len(added) == 0 {
		return nil, nil
	}
	vars := map[string]any{"id": out.Project.Run.ID, "tags": slices.Concat(all, added)}
	if err := c.graphql(ctx, "SetRunTags", vars, &struct{}{}); err != nil {
		return nil, c.explain(doing, err)
	}
	return added, nil
}

// MissingTags are those of the wanted tags that are not there, each once.
func MissingTags(there, wanted []string) (missing []string) {
	for _, t := range wanted {
		if !slices.Contains(there, t) && !slices.Contains(missing, t) {
			missing = append(missing, t)
		}
	}
	return missing
}
