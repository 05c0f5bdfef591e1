// Package wandbtest holds the contract suite: what the client relies on in a W&B
// server, tried on a stand-in or on a real one.
package wandbtest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Target is a server to try.
type Target struct {
	// BaseURL is its API address, without a slash at the end.
	BaseURL string
	APIKey  secret.String
	// Entity may be empty: then the viewer's default is used.
	Entity string
	// Project is used, and made if need be. What is put into it is removed, and so is a project
	// that was made, where the server lets us.
	Project string
	// Env is looked at for proxies and certificates.
	Env map[string]string
}

// suite is one run of the contract.
type suite struct {
	t      *testing.T
	target Target
	client *wandb.Client
	read   *reader
	entity string
	// id makes the names of this run of the suite its own.
	id  string
	dir string
}

func newSuite(t *testing.T, target Target) *suite {
	s := &suite{t: t, target: target, id: strings.ToLower(rand.Text()[:10]), dir: t.TempDir()}
	s.client = s.newClient(t, target.APIKey)
	web := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	t.Cleanup(web.CloseIdleConnections)
	s.read = &reader{t: t, target: target, http: web}
	viewer, err := s.client.Viewer(t.Context())
	require.NoError(t, err)
	if s.entity = target.Entity; s.entity == "" {
		s.entity = viewer.Entity
	}
	require.NotEmpty(t, s.entity)
	return s
}

// RunContract tries everything that the client needs of a server, and removes the
// runs and artifacts that it made.
func RunContract(t *testing.T, target Target) {
	s := newSuite(t, target)
	s.removeNewProject()

	t.Run("a wrong key is refused", s.wrongKey)
	t.Run("an entity that is not there", s.unknownEntity)
	t.Run("a run is created, alive and finished", s.runLife)
	t.Run("a run that failed", s.failedRun)
	t.Run("an existing run is joined and left alone", s.joinRun)
	t.Run("an artifact's first version", s.firstVersion)
	t.Run("later versions", s.laterVersions)
	t.Run("a large file goes up in parts", s.largeFile)
	t.Run("an artifact keeps its type", s.typeTaken)
	t.Run("what is pending is finished by the next call", s.resume)
	t.Run("a table shows in the workspace of our run", s.workspaceTable)
	t.Run("what was logged is found, listed and read", s.reading)
}

func (s *suite) newClient(t *testing.T, key secret.String, opts ...wandb.Option) *wandb.Client {
	settings, err := config.Resolve(config.Inputs{
		APIKey: key, BaseURL: s.target.BaseURL, Entity: s.target.Entity, Project: s.target.Project,
		Env: s.target.Env, UserAgent: "fiftyone-wandb-contract",
	})
	require.NoError(t, err)
	client, err := wandb.NewClient(settings, opts...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func (s *suite) ref(name string) config.RunRef {
	return config.RunRef{Entity: s.entity, Project: s.target.Project, ID: name + "-" + s.id}
}

// newRun creates a run that is removed at the end of the whole suite.
func (s *suite) newRun(t *testing.T, name string, config map[string]any) *wandb.Run {
	s.read.t = t
	ref := s.ref(name)
	run, err := s.client.CreateRun(t.Context(), wandb.RunSpec{RunRef: ref, DisplayName: "contract " + name, Config: config})
	require.NoError(t, err)
	s.t.Cleanup(func() {
		s.read.t = s.t
		s.read.deleteRun(ref.Entity, ref.Project, ref.ID)
	})
	require.True(t, run.Created)
	require.Equal(t, ref, run.RunRef)
	return run
}

// files makes an artifact's files of paths and contents.
func (s *suite) files(t *testing.T, contents map[string]string) *artifact.Files {
	files, err := filesIn(t.Context(), s.dir, contents)
	require.NoError(t, err)
	return files
}

// filesIn writes contents to files of a directory, and makes an artifact's files of them.
func filesIn(ctx context.Context, dir string, contents map[string]string) (*artifact.Files, error) {
	files := new(artifact.Files)
	for path, text := range contents {
		local := filepath.Join(dir, rand.Text())
		if err := os.WriteFile(local, []byte(text), 0o600); err != nil {
			return nil, err
		}
		digest, _, size, _, err := artifact.HashFile(ctx, local)
		if err != nil {
			return nil, err
		}
		if err := files.Add(artifact.Entry{Path: path, Digest: digest, Size: size, LocalPath: local}); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// assertFiles compares a version's files with what they should be.
func (s *suite) assertFiles(t *testing.T, id string, contents map[string]string) {
	got := map[string]string{}
	for _, e := range s.read.version(id).Files.Edges {
		got[e.Node.Name] = string(s.read.download(e.Node.DirectURL))
	}
	assert.Equal(t, contents, got)
}

// collection is an artifact's name, which is removed at the end.
func (s *suite) collection(name string) string {
	full := "contract_" + name + "_" + s.id
	s.t.Cleanup(func() {
		s.read.t = s.t
		s.read.deleteCollection(s.entity, s.target.Project, full)
	})
	return full
}

// removeNewProject removes the project at the end, if it is not there yet. It is to be called
// before anything is made, so that it comes last.
func (s *suite) removeNewProject() {
	if s.read.projectID(s.entity, s.target.Project) != "" {
		return
	}
	s.t.Cleanup(func() {
		s.read.t = s.t
		if id := s.read.projectID(s.entity, s.target.Project); id != "" {
			if err := s.read.ask(deleteProjectDocument, map[string]any{"id": id}, &struct{}{}); err != nil {
				s.t.Logf("The project %s/%s, which is empty now, could not be deleted: %v", s.entity, s.target.Project, err)
			}
		}
	})
}

// eventually waits for a server that takes its time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 30*time.Second, 100*time.Millisecond, what)
}

func (s *suite) wrongKey(t *testing.T) {
	client := s.newClient(t, secret.String("local-"+strings.Repeat("0", 40)))
	_, err := client.Viewer(t.Context())
	assert.Equal(t, "bad_key", fault.Code(err), "%v", err)
	_, err = client.CheckAccess(t.Context(), s.entity, s.target.Project, "any")
	assert.Equal(t, "bad_key", fault.Code(err), "%v", err)
}

func (s *suite) unknownEntity(t *testing.T) {
	_, err := s.client.CheckAccess(t.Context(), "no-such-entity-"+s.id, "none", "none")
	assert.Contains(t, []string{"unknown_entity", "no_permission"}, fault.Code(err), "%v", err)
}

func (s *suite) runLife(t *testing.T) {
	ctx := t.Context()
	run := s.newRun(t, "life", map[string]any{"plain": 1, "nested": map[string]any{"a": []int{1, 2}}})
	access, err := s.client.CheckAccess(ctx, "", s.target.Project, run.ID)
	require.NoError(t, err)
	assert.NotEmpty(t, access.Entity)

	found, err := s.client.FindRun(ctx, run.RunRef)
	require.NoError(t, err)
	require.NotNil(t, found)
	assert.True(t, found.Alive())
	assert.Equal(t, "contract life", found.DisplayName)

	added, err := s.client.UpdateRunConfig(ctx, run, map[string]any{"plain": 2, "more": "text", "_wandb": 3})
	require.NoError(t, err)
	assert.Equal(t, []string{"more"}, added)
	var config map[string]map[string]any
	stored := s.read.run(run.Entity, run.Project, run.ID)
	require.NoError(t, json.Unmarshal([]byte(stored.Config), &config))
	assert.EqualValues(t, 1, config["plain"]["value"])
	assert.Equal(t, map[string]any{"a": []any{1.0, 2.0}}, config["nested"]["value"])
	assert.Equal(t, "text", config["more"]["value"])
	assert.Contains(t, config["_wandb"]["value"], "t")

	s.client.KeepAlive(run.RunRef)()
	require.NoError(t, s.client.FinishRun(ctx, run.RunRef, 0))
	eventually(t, "the run is finished", func() bool { return s.read.run(run.Entity, run.Project, run.ID).State == "finished" })
}

func (s *suite) failedRun(t *testing.T) {
	run := s.newRun(t, "failed", nil)
	require.NoError(t, s.client.FinishRun(t.Context(), run.RunRef, 1))
	eventually(t, "the run has failed", func() bool { return s.read.run(run.Entity, run.Project, run.ID).State == "failed" })
}

func (s *suite) joinRun(t *testing.T) {
	ctx := t.Context()
	none, err := s.client.FindRun(ctx, s.ref("nobody"))
	require.NoError(t, err)
	assert.Nil(t, none)

	run := s.newRun(t, "joined", map[string]any{"theirs": 1})
	other, err := s.client.FindRun(ctx, run.RunRef)
	require.NoError(t, err)
	_, err = s.client.UpdateRunConfig(ctx, other, map[string]any{"ours": 1})
	assert.Equal(t, "run_alive", fault.Code(err), "%v", err)
	assert.NotContains(t, s.read.run(run.Entity, run.Project, run.ID).Config, "ours")

	require.NoError(t, s.client.FinishRun(ctx, run.RunRef, 0))
	eventually(t, "the run is finished", func() bool { return s.read.run(run.Entity, run.Project, run.ID).State == "finished" })
	added, err := s.client.UpdateRunConfig(ctx, other, map[string]any{"ours": 1})
	require.NoError(t, err)
	assert.Equal(t, []string{"ours"}, added)
	assert.Equal(t, "finished", s.read.run(run.Entity, run.Project, run.ID).State, "a change of its config does not wake a run")

	again, err := s.client.CreateRun(context.WithoutCancel(ctx), wandb.RunSpec{RunRef: run.RunRef})
	require.NoError(t, err)
	assert.False(t, again.Created, "a run that was there is not ours")
}
