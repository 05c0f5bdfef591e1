package standin

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin/gqlexec"
)

var runStates = []string{"pending", "running", "finished", "failed", "crashed", "killed", "preempting", "preempted"}

// mutationFields are the entry points for writing. They lock the data themselves.
func (s *Server) mutationFields() map[string]gqlexec.Resolver {
	return map[string]gqlexec.Resolver{
		"upsertBucket": s.upsertBucketOf(), "upsertModel": mutation(s.upsertModel),
		"deleteModel": mutation(s.deleteProject),
		"deleteRun":   mutation(s.deleteRun), "stopRun": mutation(s.stopRun), "updateRunState": mutation(s.updateRunState),
		"createRunFiles": mutation(s.createRunFiles), "upsertView": mutation(s.upsertView),
		"createArtifact": s.finite(mutation(s.createArtifact)), "createArtifactManifest": mutation(s.createArtifactManifest),
		"updateArtifactManifest":          mutation(s.updateArtifactManifest),
		"createArtifactFiles":             mutation(s.createArtifactFiles),
		"completeMultipartUploadArtifact": mutation(s.completeMultipart),
		"commitArtifact":                  mutation(s.commitArtifact), "useArtifact": mutation(s.useArtifact), "linkArtifact": mutation(s.linkArtifact),
		"updateArtifact": s.finite(mutation(s.updateArtifact)), "deleteArtifact": mutation(s.deleteArtifact),
		"addAliases":                             mutation(s.addAliases),
		"deleteAliases":                          mutation(s.deleteAliases),
		"updateArtifactSequence":                 mutation(s.updateCollection),
		"deleteArtifactSequence":                 mutation(s.deleteCollection),
		"createArtifactCollectionTagAssignments": mutation(s.addCollectionTags),
		"deleteArtifactCollectionTagAssignments": mutation(s.deleteCollectionTags),
	}
}

// finite leaves a mutation without an answer whose metadata has NaN or an infinity, as W&B does.
func (s *Server) finite(next gqlexec.Resolver) gqlexec.Resolver {
	return func(ctx context.Context, source any, args gqlexec.Args) (any, error) {
		input, _ := args["input"].(map[string]any)
		if text := str(input, "metadata"); text != "" && !json.Valid([]byte(text)) {
			s.stats.refused("graphql: no answer: NaN or an infinity in an artifact's metadata")
			s.noAnswer(ctx.Value(asking{}).(*http.Request))
		}
		return next(ctx, source, args)
	}
}

// upsertBucketOf notes the user for whom a run is made: a service account names one by a header.
func (s *Server) upsertBucketOf() gqlexec.Resolver {
	return func(ctx context.Context, source any, args gqlexec.Args) (any, error) {
		out, err := mutation(s.upsertBucket)(ctx, source, args)
		request, ok := ctx.Value(asking{}).(*http.Request)
		if payload, made := out.(gqlexec.Object); ok && made && err == nil && payload["inserted"] == true {
			err = s.change(func(*data) error {
				payload["bucket"].(*run).User = request.Header.Get("X-WANDB-USERNAME")
				return nil
			})
		}
		return out, err
	}
}

func (s *Server) upsertBucket(input gqlexec.Args) (any, error) {
	var r *run
	var inserted bool
	if err := s.checkRunValues(input); err != nil {
		return nil, err
	}
	err := s.change(func(d *data) (err error) {
		if id := str(input, "id"); id != "" {
			if r, err = d.runByID(s, id); err != nil {
				return err
			}
		} else if r, inserted, err = d.ensureRun(s, input); err != nil {
			return err
		}
		r.assign(input)
		return nil
	})
	return gqlexec.Object{"bucket": r, "inserted": inserted}, err
}

// checkRunValues checks what can be checked without the run.
func (s *Server) checkRunValues(input gqlexec.Args) error {
	if err := checkRunTags(strs(input, "tags")); err != nil {
		return err
	}
	for field, word := range map[string]string{"jobType": "JobType", "host": "Host"} {
		if utf8.RuneCountInString(str(input, field)) > tagMax {
			return badRequest(fmt.Sprintf("invalid parameters: %d limit exceeded for %s", tagMax, word))
		}
	}
	if len(str(input, "config")) > s.limits.Load().ConfigMax {
		return badRequest("run config cannot exceed 15 MB")
	}
	for _, name := range []string{"config", "summaryMetrics"} {
		var object map[string]json.RawMessage
		if text, ok := input[name].(string); ok && (json.Unmarshal([]byte(text), &object) != nil || object == nil) {
			return badRequest(name + " is a JSON object")
		}
		if name != "config" {
			continue
		}
		for k, v := range object {
			var wrapped map[string]json.RawMessage
			if json.Unmarshal(v, &wrapped) != nil || wrapped["value"] == nil {
				return badRequest("the config's " + k + ` is not wrapped as {"value": …}`)
			}
		}
	}
	if state := str(input, "state"); state != "" && !slices.Contains(runStates, state) {
		return badRequest("invalid run state " + state)
	}
	return nil
}

// runByID finds a run by its storage ID.
func (d *data) runByID(s *Server, id string) (*run, error) {
	r := d.runsByID[id]
	if r == nil || r.Deleted {
		return nil, notFound("run not found")
	}
	if _, err := s.allowed(r.Entity); err != nil {
		return nil, err
	}
	return r, nil
}

// runByName finds a run by the names of its entity, project and itself.
func (d *data) runByName(s *Server, entity, project, name string) (*run, error) {
	entity, err := s.allowed(entity)
	if err != nil {
		return nil, err
	}
	if d.Projects[key(entity, project)] == nil {
		return nil, notFound("project " + key(entity, project) + " not found")
	}
	r := d.Runs[key(entity, project, name)]
	if r == nil || r.Deleted {
		return nil, notFound("run " + key(entity, project, name) + " not found")
	}
	return r, nil
}

// ensureRun finds the run that an upsertBucket names, making it and its project if they are new.
func (d *data) ensureRun(s *Server, input gqlexec.Args) (*run, bool, error) {
	name := str(input, "name")
	if name == "" {
		raw := make([]byte, 4)
		_, _ = rand.Read(raw) // never fails: it ends the process instead
		name = hex.EncodeToString(raw)
	}
	if err := checkRunID(name); err != nil {
		return nil, false, err
	}
	p, err := d.projectForRuns(s, str(input, "entityName"), str(input, "modelName"))
	if err != nil {
		return nil, false, err
	}
	r := d.Runs[key(p.key(), name)]
	if r != nil && r.Deleted {
		return nil, false, refusal(http.StatusConflict, "run "+r.key()+" was previously created and deleted; try a new run name")
	}
	if r != nil {
		return r, false, nil
	}
	r = &run{
		N: d.next(), ID: opaque("Run", "v1:"+name+":"+p.Name+":"+p.Entity), Entity: p.Entity, Project: p.Name, Name: name, DisplayName: name,
		State: "running", States: []string{"running"}, Config: "{}", Summary: "{}",
		Created: now(), Heartbeat: now(), Streams: map[string][]string{}, Files: map[string]*runFile{},
	}
	d.Runs[r.key()], d.runsByID[r.ID] = r, r
	return r, true, nil
}

// projectForRuns finds the project of a run that is to be made, making it if it is new. An
// entity that is not there, an organization and a project that the key may not see are
// refused in the words that W&B has for upsertBucket.
func (d *data) projectForRuns(s *Server, entity, name string) (*project, error) {
	if slices.Contains(s.opts.Organizations, entity) {
		return nil, badRequest("you may not log runs directly to your organization, please try using your team entity")
	}
	owner, err := s.allowed(entity)
	var known *gqlexec.Error
	if errors.As(err, &known) && known.Status == http.StatusNotFound {
		return nil, notFound("entity " + entity + " not found during upsertBucket")
	}
	if err != nil {
		return nil, err
	}
	if s.hidden(owner, name) {
		return nil, notFound("project not found")
	}
	p, _, err := d.ensureProject(s, owner, name)
	return p, err
}

// assign sets what an upsertBucket gives; what it leaves out, or gives as null, stays.
func (r *run) assign(input gqlexec.Args) {
	r.Upserts++
	for name, field := range map[string]*string{
		"groupName": &r.Group, "description": &r.Description, "displayName": &r.DisplayName, "notes": &r.Notes,
		"commit": &r.Commit, "host": &r.Host, "jobProgram": &r.Program, "jobType": &r.JobType, "sweep": &r.Sweep,
	} {
		if text, ok := input[name].(string); ok {
			*field = text
		}
	}
	if input["tags"] != nil {
		r.Tags = strs(input, "tags")
	}
	if text, ok := input["config"].(string); ok {
		r.Config = text
	}
	if text, ok := input["summaryMetrics"].(string); ok {
		r.Summary = text
	}
	if state := str(input, "state"); state != "" {
		r.setState(state)
	}
}

func (r *run) setState(state string) {
	if r.State != state {
		r.State = state
		r.States = append(r.States, state)
	}
	if state == "running" {
		r.Heartbeat = now()
	}
}

func (s *Server) deleteRun(input gqlexec.Args) (any, error) {
	err := s.change(func(d *data) error {
		r, err := d.runByID(s, str(input, "id"))
		if err != nil {
			return err
		}
		r.Deleted = true
		if artifacts, _ := input["deleteArtifacts"].(bool); artifacts {
			for _, a := range d.committedOf(r.Outputs) {
				d.remove(a)
			}
		}
		return nil
	})
	return gqlexec.Object{}, err
}

func (s *Server) stopRun(input gqlexec.Args) (any, error) {
	err := s.change(func(d *data) error {
		r, err := d.runByID(s, str(input, "id"))
		if err == nil {
			r.Stopped = true
		}
		return err
	})
	return gqlexec.Object{"success": true}, err
}

// updateRunState allows what W&B allows: only what has failed or crashed may be pending again.
func (s *Server) updateRunState(input gqlexec.Args) (any, error) {
	state := str(input, "state")
	err := s.change(func(d *data) error {
		r, err := d.runByID(s, str(input, "id"))
		if err != nil {
			return err
		}
		if was := s.stateOf(r); state != "pending" || (was != "failed" && was != "crashed") {
			return badRequest("invalid state transition")
		}
		r.setState(state)
		return nil
	})
	return gqlexec.Object{"success": true}, err
}

func (s *Server) createRunFiles(input gqlexec.Args) (any, error) {
	var r *run
	files := []gqlexec.Object{}
	err := s.change(func(d *data) (err error) {
		if r, err = d.runByName(s, str(input, "entityName"), str(input, "projectName"), str(input, "runName")); err != nil {
			return err
		}
		for _, name := range strs(input, "files") {
			if err := checkFileName(name); err != nil {
				return err
			}
			files = append(files, gqlexec.Object{"name": name, "uploadUrl": s.signedURL(http.MethodPut, runFileKey(r, name))})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return gqlexec.Object{"runID": r.ID, "uploadHeaders": []string{}, "files": files}, nil
}
