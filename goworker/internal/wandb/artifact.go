package wandb

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// ArtifactSpec is a version of an artifact to log.
type ArtifactSpec struct {
	// Run is the run that the version comes from, and the project that it goes to.
	Run config.RunRef
	// Type and Name are as W&B has them: see SanitizeName.
	Type, Name, Description string
	// Metadata is a JSON object; SlimMetadata, if any, is sent instead if the
	// server finds the request too large.
	Metadata, SlimMetadata json.RawMessage
	// Aliases are given to the version besides "latest"; Tags too.
	Aliases, Tags []string
	Files         *artifact.Files
}

// LoggedArtifact is what became of it.
type LoggedArtifact struct {
	ID, Digest string
	// Version is such as "v3".
	Version string
	// New is false if the server had this very content: then nothing was uploaded,
	// the aliases were moved to it, and it is recorded as used by the run.
	New bool
	// Slim says that SlimMetadata was sent.
	Slim                                         bool
	FilesUploaded, FilesUnchanged, BytesUploaded int64
}

// version is an artifact in an answer.
type version struct {
	ID      string  `json:"id"`
	Digest  string  `json:"digest"`
	State   string  `json:"state"`
	Index   *int    `json:"versionIndex"`
	Aliases []alias `json:"aliases"`
	// CreatedBy is empty where a user made it.
	CreatedBy *struct {
		Name    string `json:"name"`
		Project *struct {
			Name   string `json:"name"`
			Entity struct {
				Name string `json:"name"`
			} `json:"entity"`
		} `json:"project"`
	} `json:"createdBy"`
}

// alias is one of a version's aliases. A version may have some in other collections.
type alias struct {
	Alias      string `json:"alias"`
	Collection *struct {
		Name string `json:"name"`
	} `json:"artifactCollection"`
}

// madeBy reports whether a run created the version.
func (v *version) madeBy(r config.RunRef) bool {
	by := v.CreatedBy
	return by != nil && by.Name == r.ID && by.Project != nil && by.Project.Name == r.Project && by.Project.Entity.Name == r.Entity
}

// lacks are the aliases that the version does not have in its collection.
func (v *version) lacks(collection string, wanted []string) []string {
	var out []string
	for _, name := range wanted {
		if !slices.ContainsFunc(v.Aliases, func(a alias) bool {
			return a.Alias == name && (a.Collection == nil || a.Collection.Name == collection)
		}) {
			out = append(out, name)
		}
	}
	return out
}

// LogArtifact logs a version. The commit comes last: after an error, or if ctx ends,
// nothing of it is visible. Content that the server has is not
// uploaded again. Progress, if not nil, is called by one goroutine at a time.
//
// Faults beside those of any request: bad_name, type_taken, file_changed (a file is
// not the one that was hashed: nothing is committed), unreadable_file, too_large.
func (c *Client) LogArtifact(ctx context.Context, spec ArtifactSpec, progress func(UploadProgress)) (LoggedArtifact, error) {
	s, err := c.newSaver(spec, progress)
	if err != nil {
		return LoggedArtifact{}, err
	}
	done, err := s.run(ctx, progress)
	return done, c.explain("logging the artifact "+spec.Name, err)
}

// withLatest puts "latest" first and leaves out what is there twice.
func withLatest(aliases []string) []string {
	out := []string{"latest"}
	for _, a := range aliases {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// existing gives a version that the server had the aliases, the tags, the description and the lineage that are wanted.
func (s *saver) existing(ctx context.Context, id string) (LoggedArtifact, error) {
	v, err := s.client.artifactVersion(ctx, id)
	if err != nil {
		return LoggedArtifact{}, err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.addAliases(gctx, v) })
	g.Go(func() error { return s.useUnlessMade(gctx, v) })
	if input := s.labels(); len(input) > 0 {
		g.Go(func() error { return s.client.updateArtifact(gctx, id, input) })
	}
	if err := g.Wait(); err != nil {
		return LoggedArtifact{}, err
	}
	return s.logged(v, false)
}

// labels are the tags and the description that are wanted, as input of an update.
func (s *saver) labels() map[string]any {
	input := map[string]any{}
	if s.spec.Description != "" {
		input["description"] = s.spec.Description
	}
	if len(s.spec.Tags) > 0 {
		input["tagsToAdd"] = tagInputs(s.spec.Tags)
	}
	return input
}

// logged is the result for a version.
func (s *saver) logged(v *version, isNew bool) (LoggedArtifact, error) {
	if v.Index == nil {
		return LoggedArtifact{}, fault.New(fault.WandB, fault.ServerError,
			"W&B at %s committed the artifact %s but gave it no version.", s.client.host(), s.spec.Name)
	}
	return LoggedArtifact{
		ID: v.ID, Digest: s.digest, Version: "v" + strconv.Itoa(*v.Index), New: isNew, Slim: s.slim,
		FilesUploaded: s.meter.uploaded, FilesUnchanged: s.meter.unchanged, BytesUploaded: s.meter.bytes,
	}, nil
}

// addAliases gives a version the aliases that it lacks.
func (s *saver) addAliases(ctx context.Context, v *version) error {
	missing := v.lacks(s.spec.Name, s.spec.Aliases)
	if len(missing) == 0 {
		return nil
	}
	inputs := make([]map[string]string, len(missing))
	for i, a := range missing {
		inputs[i] = map[string]string{"alias": a, "artifactCollectionName": s.spec.Name, "entityName": s.spec.Run.Entity, "projectName": s.spec.Run.Project}
	}
	vars := map[string]any{"input": map[string]any{"artifactID": v.ID, "aliases": inputs}}
	return s.client.explain("giving the artifact its aliases", s.client.graphql(ctx, "AddAliases", vars, &struct{}{}))
}

// useUnlessMade records a version as used by the run, unless the run made it.
func (s *saver) useUnlessMade(ctx context.Context, v *version) error {
	if v.madeBy(s.spec.Run) {
		return nil
	}
	return s.client.UseArtifact(ctx, s.spec.Run, v.ID)
}

// UseArtifact records an artifact as used by a run. It does not change the run's state.
func (c *Client) UseArtifact(ctx context.Context, run config.RunRef, artifactID string) error {
	vars := map[string]string{"artifactID": artifactID, "entityName": run.Entity, "projectName": run.Project, "runName": run.ID}
	return c.explain("recording the artifact as used by the run "+run.ID, c.graphql(ctx, "UseArtifact", vars, &struct{}{}))
}

// UseVersion is UseArtifact for a version that FindArtifact found. Where it was found in another
// collection than its own, such as one of a registry, W&B's lineage shows that one.
func (c *Client) UseVersion(ctx context.Context, run config.RunRef, v *ArtifactVersion) error {
	if v.Linked {
		vars := map[string]string{
			"artifactID": v.ID, "entityName": run.Entity, "projectName": run.Project, "runName": run.ID,
			"artifactEntityName": v.Entity, "artifactProjectName": v.Project,
		}
		err := c.graphql(ctx, "UseArtifactFrom", vars, &struct{}{})
		if !isUnknownToServer(err) {
			return c.explain("recording the artifact as used by the run "+run.ID, err)
		}
	}
	return c.UseArtifact(ctx, run, v.ID)
}

func (c *Client) updateArtifact(ctx context.Context, id string, input map[string]any) error {
	input["artifactID"] = id
	return c.explain("updating the artifact", c.graphql(ctx, "UpdateArtifact", map[string]any{"input": input}, &struct{}{}))
}

func (c *Client) artifactVersion(ctx context.Context, id string) (*version, error) {
	var out struct {
		Artifact *version `json:"artifact"`
	}
	if err := c.graphql(ctx, "ArtifactVersion", map[string]string{"id": id}, &out); err != nil {
		return nil, err
	}
	if out.Artifact == nil {
		return nil, &serverError{op: "ArtifactVersion", status: http.StatusNotFound}
	}
	return out.Artifact, nil
}

func tagInputs(tags []string) []map[string]string {
	var out []map[string]string
	for _, t := range tags {
		out = append(out, map[string]string{"tagName": t})
	}
	return out
}

// maxMetadataKeys is how many keys W&B allows at the top of an artifact's metadata.
const maxMetadataKeys = 100

// checkMetadata refuses what is not a JSON object or has too many keys at the top.
func checkMetadata(raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(raw, &top); err != nil {
		return fault.Wrap(err, fault.Plugin, fault.Internal, "The artifact's metadata is not a JSON object.")
	}
	if len(top) > maxMetadataKeys {
		return fault.New(fault.Settings, fault.BadName, "The artifact's metadata has %d entries at the top, and W&B allows %d.", len(top), maxMetadataKeys)
	}
	return nil
}
