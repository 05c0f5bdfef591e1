package wandbtest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// Seed fills a stand-in with what a test wants to read.
type Seed struct {
	t      testing.TB
	target Target
	// Client is the client that writes.
	Client *wandb.Client
	// Entity is the viewer's default entity.
	Entity string

	http  *http.Client
	dir   string
	files atomic.Int64
}

// NewSeed connects to a server whose project is Target.Project.
func NewSeed(t testing.TB, target Target) *Seed {
	settings, err := config.Resolve(config.Inputs{APIKey: target.APIKey, BaseURL: target.BaseURL, Project: target.Project, UserAgent: "fiftyone-wandb-seed"})
	require.NoError(t, err)
	client, err := wandb.NewClient(settings)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	viewer, err := client.Viewer(t.Context())
	require.NoError(t, err)
	web := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	t.Cleanup(web.CloseIdleConnections)
	return &Seed{t: t, target: target, Client: client, Entity: viewer.Entity, http: web, dir: t.TempDir()}
}

// Ref names a run of the project.
func (s *Seed) Ref(id string) config.RunRef {
	return config.RunRef{Entity: s.Entity, Project: s.target.Project, ID: id}
}

// Run makes a run that stays alive.
func (s *Seed) Run(id, displayName string, config map[string]any) config.RunRef {
	_, err := s.Client.CreateRun(s.t.Context(), wandb.RunSpec{RunRef: s.Ref(id), DisplayName: displayName, Config: config})
	require.NoError(s.t, err)
	return s.Ref(id)
}

// Artifact logs a version with files, by path, and metadata, a JSON object.
func (s *Seed) Artifact(run config.RunRef, artifactType, name, metadata string, contents map[string]string, aliases ...string) wandb.LoggedArtifact {
	files := new(artifact.Files)
	for path, text := range contents {
		local := filepath.Join(s.dir, strconv.FormatInt(s.files.Add(1), 10))
		require.NoError(s.t, os.WriteFile(local, []byte(text), 0o600))
		digest, _, size, _, err := artifact.HashFile(s.t.Context(), local)
		require.NoError(s.t, err)
		require.NoError(s.t, files.Add(artifact.Entry{Path: path, Digest: digest, Size: size, LocalPath: local}))
	}
	logged, err := s.Client.LogArtifact(s.t.Context(), wandb.ArtifactSpec{
		Run: run, Type: artifactType, Name: name, Description: "of " + name, Metadata: json.RawMessage(metadata), Aliases: aliases, Files: files,
	}, nil)
	require.NoError(s.t, err)
	return logged
}

// GraphQL sends any document.
func (s *Seed) GraphQL(document string, variables map[string]any) {
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	require.NoError(s.t, err)
	s.post("/graphql", body)
}

// Stream posts to a run's file stream, such as a history.
func (s *Seed) Stream(run config.RunRef, message map[string]any) {
	body, err := json.Marshal(message)
	require.NoError(s.t, err)
	s.post("/files/"+run.Entity+"/"+run.Project+"/"+run.ID+"/file_stream", body)
}

func (s *Seed) post(path string, body []byte) {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.target.BaseURL+path, bytes.NewReader(body))
	require.NoError(s.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth("api", s.target.APIKey.Reveal())
	resp, err := s.http.Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Less(s.t, resp.StatusCode, 300)
}
