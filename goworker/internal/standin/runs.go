package standin

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

// run finds a project's run by its ID; nil if there is none or it was deleted.
func (d *data) run(p *project, name string) *run {
	r := d.Runs[key(p.key(), name)]
	if r == nil || r.Deleted {
		return nil
	}
	return r
}

// stateOf is a run's state as seen now: a run that went silent has crashed.
func (s *Server) stateOf(r *run) string {
	if r.State == "running" && time.Since(r.Heartbeat) > s.limits.Load().CrashAfter {
		return "crashed"
	}
	return r.State
}

func (s *Server) runFields() map[string]gqlexec.Resolver {
	fields := map[string]gqlexec.Resolver{
		"id":             on(func(r *run) any { return r.ID }),
		"projectId":      on(func(r *run) any { return fmt.Sprint(s.data.Projects[r.projectKey()].N) }),
		"name":           on(func(r *run) any { return r.Name }),
		"displayName":    on(func(r *run) any { return opt(r.DisplayName) }),
		"description":    on(func(r *run) any { return opt(r.Description) }),
		"notes":          on(func(r *run) any { return opt(r.Notes) }),
		"tags":           on(func(r *run) any { return append([]string{}, r.Tags...) }),
		"group":          on(func(r *run) any { return opt(r.Group) }),
		"jobType":        on(func(r *run) any { return opt(r.JobType) }),
		"sweepName":      on(func(r *run) any { return opt(r.Sweep) }),
		"state":          on(func(r *run) any { return s.stateOf(r) }),
		"stopped":        on(func(r *run) any { return r.Stopped }),
		"config":         with(func(r *run, args gqlexec.Args) (any, error) { return someKeys(r.Config, args), nil }),
		"wandbConfig":    with(func(r *run, args gqlexec.Args) (any, error) { return r.wandbConfig(strs(args, "keys")), nil }),
		"summaryMetrics": with(func(r *run, args gqlexec.Args) (any, error) { return someKeys(r.Summary, args), nil }),
		"commit":         on(func(r *run) any { return opt(r.Commit) }),
		"host":           on(func(r *run) any { return opt(r.Host) }),
		"readOnly":       constant(false),
		"createdAt":      on(func(r *run) any { return r.Created }),
		"updatedAt":      on(func(r *run) any { return r.Heartbeat }),
		"heartbeatAt":    on(func(r *run) any { return r.Heartbeat }),
		"user":           on(func(r *run) any { return person{r.User} }),
		"project":        on(func(r *run) any { return s.data.Projects[r.projectKey()] }),
		"fileCount":      on(func(r *run) any { return len(r.Files) }),
		"files":          with(s.runFiles),
		"outputArtifacts": with(func(r *run, args gqlexec.Args) (any, error) {
			return connection(s, s.data.committedOf(r.Outputs), args, node[*artifact])
		}),
		"inputArtifacts": with(func(r *run, args gqlexec.Args) (any, error) {
			return connection(s, s.data.committedOf(r.Inputs), args, func(a *artifact) gqlexec.Object {
				return gqlexec.Object{"node": a, "usedAs": append([]string{}, r.UsedAs[a.ID]...)}
			})
		}),
	}
	for name, resolver := range historyFields() {
		fields[name] = resolver
	}
	return fields
}

// someKeys is a JSON object, or the part of it that the argument keys asks for.
func someKeys(text string, args gqlexec.Args) string {
	if args["keys"] == nil {
		return text
	}
	var all map[string]json.RawMessage
	_ = json.Unmarshal([]byte(text), &all) // it was checked when it came
	out := map[string]json.RawMessage{}
	for _, k := range strs(args, "keys") {
		if v, ok := all[k]; ok {
			out[k] = v
		}
	}
	some, _ := json.Marshal(out)
	return string(some)
}

// wandbConfig is W&B's own part of a run's config, or the given keys of it.
func (r *run) wandbConfig(keys []string) string {
	var config struct {
		Wandb struct {
			Value map[string]json.RawMessage `json:"value"`
		} `json:"_wandb"`
	}
	_ = json.Unmarshal([]byte(r.Config), &config) // it was checked when it came
	out := map[string]json.RawMessage{}
	for k, v := range config.Wandb.Value {
		if len(keys) == 0 || slices.Contains(keys, k) {
			out[k] = v
		}
	}
	text, _ := json.Marshal(out)
	return string(text)
}

// committedOf are the committed artifacts of a list of IDs.
func (d *data) committedOf(ids []string) []*artifact {
	var out []*artifact
	for _, id := range ids {
		if a := d.Artifacts[id]; a != nil && a.State == committed {
			out = append(out, a)
		}
	}
	return out
}

// matchingRuns are the runs of a project that the arguments filters and names let through, in the order asked for.
func (s *Server) matchingRuns(p *project, args gqlexec.Args) ([]*run, error) {
	names := strs(args, "names")
	runs := sorted(s.data.Runs, func(r *run) bool {
		return r.projectKey() == p.key() && !r.Deleted && (len(names) == 0 || slices.Contains(names, r.Name))
	}, func(r *run) int64 { return r.N })
	get := func(r *run, field string) (any, error) { return s.runField(r, field) }
	return filtered(runs, str(args, "filters"), str(args, "order"), "-created_at", get)
}

// runField is a run's value that filters and orders name, in the client's spelling or the API's.
func (s *Server) runField(r *run, field string) (any, error) {
	switch field {
	case "name":
		return r.Name, nil
	case "displayName", "display_name":
		return r.DisplayName, nil
	case "state":
		return s.stateOf(r), nil
	case "group":
		return opt(r.Group), nil
	case "jobType", "job_type":
		return opt(r.JobType), nil
	case "sweep":
		return opt(r.Sweep), nil
	case "tags":
		return anySlice(r.Tags), nil
	case "username", "user":
		return s.opts.Entity, nil
	case "createdAt", "created_at":
		return r.Created.Format(time.RFC3339), nil
	case "heartbeatAt", "heartbeat_at", "updatedAt", "updated_at":
		return r.Heartbeat.Format(time.RFC3339), nil
	}
	head, rest, _ := strings.Cut(field, ".")
	var value any
	switch head {
	case "config":
		// A config's values are wrapped; filters may or may not say so.
		_ = json.Unmarshal([]byte(r.Config), &value)
		path := strings.Split(rest, ".")
		if len(path) == 1 || path[1] != "value" {
			path = slices.Insert(path, 1, "value")
		}
		return dig(value, path), nil
	case "summary_metrics", "summaryMetrics":
		_ = json.Unmarshal([]byte(r.Summary), &value)
		return dig(value, strings.Split(rest, ".")), nil
	}
	return nil, badRequest("unknown key " + field + " in the filters or the order")
}

// dig follows keys into nested JSON objects; a key may hold dots itself.
func dig(value any, path []string) any {
	for i := len(path); i > 0; i-- {
		object, _ := value.(map[string]any)
		if next, ok := object[strings.Join(path[:i], ".")]; ok {
			if i == len(path) {
				return next
			}
			return dig(next, path[i:])
		}
	}
	return nil
}

func anySlice(texts []string) []any {
	out := make([]any, len(texts))
	for i, t := range texts {
		out[i] = t
	}
	return out
}

// runFiles lists a run's files, by name or by a pattern of SQL's LIKE.
func (s *Server) runFiles(r *run, args gqlexec.Args) (any, error) {
	names, pattern := strs(args, "names"), str(args, "pattern")
	like := strings.NewReplacer("%", ".*", "_", ".").Replace(regexp.QuoteMeta(pattern))
	matcher, err := regexp.Compile("^" + like + "$")
	if err != nil {
		return nil, badRequest("invalid pattern " + pattern)
	}
	var out []*file
	needed := s.behaviour.Load().RunFilesNeedUploaded
	for name, f := range r.Files {
		if needed && !f.Named {
			continue
		}
		if (len(names) == 0 || slices.Contains(names, name)) && (pattern == "" || matcher.MatchString(name)) {
			out = append(out, &file{
				id: opaque("File", runFileKey(r, name)), name: name, key: runFileKey(r, name), size: f.Size,
				digest: f.MD5, updated: f.At,
			})
		}
	}
	slices.SortFunc(out, func(a, b *file) int { return strings.Compare(a.name, b.name) })
	return connection(s, out, args, node[*file])
}
