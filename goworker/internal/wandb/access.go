package wandb

import (
	"context"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Viewer is who the key belongs to.
type Viewer struct {
	ID, Username string
	// Entity is the default entity; empty for accounts that have none.
	Entity string
	// Teams are the entities that the user is a member of.
	Teams []string
}

// member reports whether the viewer is known to belong to an entity. The username proves
// nothing: accounts that were made inside an organization have teams only.
func (v Viewer) member(entity string) bool {
	return entity == v.Entity || slices.Contains(v.Teams, entity)
}

// Viewer asks the server who we are. A key that is not accepted is fault bad_key.
func (c *Client) Viewer(ctx context.Context) (Viewer, error) {
	var out struct {
		Viewer *viewerNode `json:"viewer"`
	}
	if err := c.graphql(ctx, "Viewer", struct{}{}, &out); err != nil {
		if e := refusal(err); e != nil && !c.spoke.Load() && (e.status == http.StatusNotFound || e.status == http.StatusMethodNotAllowed) {
			e.notWandB = true // Every W&B server knows this question.
		}
		return Viewer{}, c.explain("checking the API key", err)
	}
	if out.Viewer == nil {
		return Viewer{}, c.badKey(nil)
	}
	v := out.Viewer.viewer()
	c.entity.Store(&v.Entity)
	return v, nil
}

// Access is what CheckAccess found.
type Access struct {
	Viewer Viewer
	// Entity is the one to use: the given one, or the viewer's default.
	Entity string
	// ProjectExists is false for a project that the first run will create.
	ProjectExists bool
	// Run is nil if there is no such run, or none was asked for.
	Run *Run
}

// CheckAccess checks, before anything is read or written, that the key is good and
// the entity is there, and looks for the project and the run. An empty entity means
// the viewer's default; an empty run id looks for no run. Faults: bad_key,
// no_permission, unknown_entity, no_entity, and those of the network.
// It takes one request after the other only if the entity is not given.
func (c *Client) CheckAccess(ctx context.Context, entity, project, runID string) (Access, error) {
	a := Access{Entity: entity}
	var err error
	if entity == "" {
		if a.Viewer, err = c.Viewer(ctx); err != nil {
			return Access{}, err
		}
		if a.Entity = a.Viewer.Entity; a.Entity == "" {
			return Access{}, noEntity()
		}
	}
	var viewerErr, findErr error
	g := new(errgroup.Group)
	if entity != "" {
		g.Go(func() error { a.Viewer, viewerErr = c.Viewer(ctx); return nil })
	}
	g.Go(func() error {
		a.Run, a.ProjectExists, findErr = c.findRun(ctx, config.RunRef{Entity: a.Entity, Project: project, ID: runID})
		return nil
	})
	_ = g.Wait()
	// A bad key fails both, and the viewer's answer is the one that says so.
	if viewerErr != nil {
		return Access{}, viewerErr
	}
	if findErr != nil {
		return Access{}, c.explain("looking for the project "+a.Entity+"/"+project, findErr)
	}
	if !a.ProjectExists && !a.Viewer.member(a.Entity) {
		if err := c.checkEntityExists(ctx, a.Entity); err != nil {
			return Access{}, err
		}
	}
	return a, nil
}

// checkEntityExists is fault unknown_entity if there is no such user or team.
func (c *Client) checkEntityExists(ctx context.Context, entity string) error {
	var out struct {
		Entity *struct {
			Name string `json:"name"`
		} `json:"entity"`
	}
	err := c.graphql(ctx, "Entity", map[string]string{"entity": entity}, &out)
	if err != nil && statusOf(err) != http.StatusNotFound {
		return c.explain("looking for the entity "+entity, err)
	}
	if err != nil || out.Entity == nil {
		return c.unknownEntity(entity)
	}
	return nil
}

// findRun looks for a run, or for its project alone if it has no id. A server may
// say by null or by 404 that something is not there.
func (c *Client) findRun(ctx context.Context, ref config.RunRef) (run *Run, projectExists bool, err error) {
	var out struct {
		Project *struct {
			Run *runNode `json:"run"`
		} `json:"project"`
	}
	op, vars := "FindRun", runVariables(ref)
	if ref.ID == "" {
		op = "FindProject"
		delete(vars, "run")
	}
	err = c.graphql(ctx, op, vars, &out)
	if e := refusal(err); e != nil && e.status == http.StatusNotFound && !e.notWandB && e.means == meansStatus {
		// Which of the three is missing is not told apart in a dependable way. Where the
		// run is, the project is there.
		return nil, ref.ID != "" && e.says("run") && !e.says("project") && !e.says("entity"), nil
	}
	if err != nil || out.Project == nil {
		return nil, false, err
	}
	return out.Project.Run.run(ref), true, nil
}

// FindRun looks for a run and changes nothing. It is nil if the project is there
// and the run is not. Faults: unknown_entity, unknown_project, no_permission.
func (c *Client) FindRun(ctx context.Context, ref config.RunRef) (*Run, error) {
	run, projectExists, err := c.findRun(ctx, ref)
	if err != nil {
		return nil, c.explain("looking for the run "+ref.ID, err)
	}
	if !projectExists {
		if err := c.checkEntityExists(ctx, ref.Entity); err != nil {
			return nil, err
		}
		return nil, c.unknownProject(ref.Entity, ref.Project)
	}
	return run, nil
}

// ArtifactType is the type of an artifact collection, empty if there is none of
// this name. A collection keeps its type for good.
func (c *Client) ArtifactType(ctx context.Context, entity, project, name string) (string, error) {
	var out struct {
		Project *struct {
			Collection *struct {
				Type struct {
					Name string `json:"name"`
				} `json:"defaultArtifactType"`
			} `json:"artifactCollection"`
		} `json:"project"`
	}
	err := c.graphql(ctx, "ArtifactType", map[string]string{"entity": entity, "project": project, "name": name}, &out)
	if statusOf(err) == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", c.explain("looking for the artifact "+name, err)
	}
	if out.Project == nil || out.Project.Collection == nil {
		return "", nil
	}
	return out.Project.Collection.Type.Name, nil
}

// typeTaken is the fault for a name that another type has.
func typeTaken(name, has, wanted string) error {
	return fault.New(fault.Settings, fault.TypeTaken,
		"The artifact %q exists in this project with the type %q, and an artifact keeps its type: it cannot take one of type %q. Choose another artifact_name.", name, has, wanted)
}

// CheckArtifactFree is fault type_taken if the name belongs to an artifact of
// another type.
func (c *Client) CheckArtifactFree(ctx context.Context, entity, project, artifactType, name string) error {
	has, err := c.ArtifactType(ctx, entity, project, name)
	if err != nil {
		return err
	}
	if has != "" && has != artifactType {
		return typeTaken(name, has, artifactType)
	}
	return nil
}
