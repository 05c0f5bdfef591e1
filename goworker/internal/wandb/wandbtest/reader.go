package wandbtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// reader asks the server in its own words, so that what the client wrote is judged
// without the client.
type reader struct {
	t      *testing.T
	target Target
	http   *http.Client
}

// query runs a GraphQL document and reads its data into out.
func (r *reader) query(document string, variables map[string]any, out any) {
	r.t.Helper()
	require.NoError(r.t, r.ask(document, variables, out))
}

// ask is query for what the server may refuse.
func (r *reader) ask(document string, variables map[string]any, out any) error {
	r.t.Helper()
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	require.NoError(r.t, err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.target.BaseURL+"/graphql", bytes.NewReader(body))
	require.NoError(r.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth("api", r.target.APIKey.Reveal())
	resp, err := r.http.Do(req)
	require.NoError(r.t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	var answer struct {
		Data   json.RawMessage   `json:"data"`
		Errors []json.RawMessage `json:"errors"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || len(answer.Errors) > 0 || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%d %s", resp.StatusCode, raw)
	}
	return json.Unmarshal(answer.Data, out)
}

// projectID is the id of a project; empty if it is not there.
func (r *reader) projectID(entity, name string) string {
	r.t.Helper()
	var out struct {
		Project struct {
			ID string `json:"id"`
		} `json:"project"`
	}
	r.query(`query Project($e: String!, $p: String!) { project(name: $p, entityName: $e) { id } }`, map[string]any{"e": entity, "p": name}, &out)
	return out.Project.ID
}

// deleteProjectDocument is how W&B's own client deletes a project.
const deleteProjectDocument = `mutation DeleteProject($id: String!) { deleteModel(input: {id: $id}) { success } }`

// download fetches a signed address, without the key.
func (r *reader) download(address string) []byte {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	require.NoError(r.t, err)
	resp, err := r.http.Do(req)
	require.NoError(r.t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	require.Equal(r.t, http.StatusOK, resp.StatusCode, "%s", raw)
	return raw
}

// storedRun is a run as the server has it.
type storedRun struct {
	ID          string      `json:"id"`
	State       string      `json:"state"`
	DisplayName string      `json:"displayName"`
	Config      string      `json:"config"`
	Summary     string      `json:"summaryMetrics"`
	Lines       int         `json:"historyLineCount"`
	Inputs      nodes       `json:"inputArtifacts"`
	Outputs     nodes       `json:"outputArtifacts"`
	Files       storedFiles `json:"files"`
}

type storedFiles struct {
	Edges []struct {
		Node struct {
			Name      string `json:"name"`
			DirectURL string `json:"directUrl"`
		} `json:"node"`
	} `json:"edges"`
}

type nodes struct {
	Edges []struct {
		Node struct {
			ID string `json:"id"`
		} `json:"node"`
	} `json:"edges"`
}

func (n nodes) ids() []string {
	var out []string
	for _, e := range n.Edges {
		out = append(out, e.Node.ID)
	}
	return out
}

func (r *storedRun) fileNames() (names []string) {
	for _, e := range r.Files.Edges {
		names = append(names, e.Node.Name)
	}
	return names
}

func (r *reader) run(entity, project, id string) *storedRun {
	r.t.Helper()
	var out struct {
		Project *struct {
			Run *storedRun `json:"run"`
		} `json:"project"`
	}
	r.query(`query StoredRun($e: String!, $p: String!, $r: String!) { project(name: $p, entityName: $e) { run(name: $r) {
		id state displayName config summaryMetrics historyLineCount
		inputArtifacts(first: 50) { edges { node { id } } } outputArtifacts(first: 50) { edges { node { id } } }
		files(first: 50) { edges { node { name directUrl } } } } } }`, map[string]any{"e": entity, "p": project, "r": id}, &out)
	if out.Project == nil {
		return nil
	}
	return out.Project.Run
}

// storedVersion is a version of an artifact as the server has it.
type storedVersion struct {
	ID          string `json:"id"`
	State       string `json:"state"`
	Digest      string `json:"digest"`
	Description string `json:"description"`
	Metadata    string `json:"metadata"`
	Size        int64  `json:"size"`
	FileCount   int    `json:"fileCount"`
	Index       int    `json:"versionIndex"`
	Type        struct {
		Name string `json:"name"`
	} `json:"artifactType"`
	Tags []struct {
		Name string `json:"name"`
	} `json:"tags"`
	Aliases []struct {
		Alias string `json:"alias"`
	} `json:"aliases"`
	CreatedBy struct {
		Name string `json:"name"`
	} `json:"createdBy"`
	Files storedFiles `json:"files"`
}

func (v *storedVersion) aliases() []string {
	var out []string
	for _, a := range v.Aliases {
		out = append(out, a.Alias)
	}
	return out
}

func (r *reader) version(id string) *storedVersion {
	r.t.Helper()
	var out struct {
		Artifact *storedVersion `json:"artifact"`
	}
	r.query(`query StoredVersion($id: ID!) { artifact(id: $id) { id state digest description metadata size fileCount versionIndex
		artifactType { name } tags { name } aliases { alias } createdBy { __typename ... on Run { name } }
		files(first: 200) { edges { node { name directUrl } } } } }`, map[string]any{"id": id}, &out)
	require.NotNil(r.t, out.Artifact)
	return out.Artifact
}

// deleteCollection deletes a collection with all its versions.
func (r *reader) deleteCollection(entity, project, name string) {
	var out struct {
		Project *struct {
			Collection *struct {
				ID        string `json:"id"`
				Artifacts nodes  `json:"artifacts"`
			} `json:"artifactCollection"`
		} `json:"project"`
	}
	r.query(`query Collection($e: String!, $p: String!, $n: String!) { project(name: $p, entityName: $e) {
		artifactCollection(name: $n) { __typename id artifacts(first: 50) { edges { node { id } } } } } }`,
		map[string]any{"e": entity, "p": project, "n": name}, &out)
	if out.Project == nil || out.Project.Collection == nil {
		return
	}
	for _, id := range out.Project.Collection.Artifacts.ids() {
		r.query(`mutation DeleteVersion($id: ID!) { deleteArtifact(input: {artifactID: $id, deleteAliases: true}) { artifact { id } } }`,
			map[string]any{"id": id}, &struct{}{})
	}
	r.query(`mutation DeleteCollection($id: ID!) { deleteArtifactSequence(input: {artifactSequenceID: $id}) { artifactCollection { __typename id } } }`,
		map[string]any{"id": out.Project.Collection.ID}, &struct{}{})
}

func (r *reader) deleteRun(entity, project, id string) {
	if run := r.run(entity, project, id); run != nil {
		r.query(`mutation DeleteRun($id: ID!) { deleteRun(input: {id: $id}) { clientMutationId } }`, map[string]any{"id": run.ID}, &struct{}{})
	}
}
