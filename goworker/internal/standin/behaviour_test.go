package standin_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
)

// exists are the words by which W&B's storage says that an object is there.
const exists = "does not have storage.objects.delete access to the Google Cloud Storage object.</Details>"

func TestObjectsAreNotOverwritten(t *testing.T) {
	c := start(t)
	node := c.pendingFile("content")
	assert.Regexp(t, `/storage/wandb_artifacts/\d+/\d+/[0-9a-f]{32}\?`, node["uploadUrl"])
	require.Equal(t, 200, c.put(node, "content").status)
	again := c.put(node, "content")
	assert.Equal(t, 403, again.status)
	assert.Contains(t, again.text, "<Code>AccessDenied</Code>")
	assert.Contains(t, again.text, exists)
	twin := c.data(createFiles, object{"input": object{"storageLayout": "V2", "artifactFiles": []object{
		{"artifactID": at(node, "artifact", "id"), "name": "twin", "md5": digest("content")},
	}}}, "createArtifactFiles", "files", "edges", 0, "node").(object)
	assert.Contains(t, c.put(twin, "content").text, exists, "the same bytes in one artifact are one object")

	require.NoError(t, c.SetBehaviour(standin.Behaviour{Overwrite: standin.OverwriteRunFiles}))
	assert.Equal(t, 403, c.put(node, "content").status)
	require.NoError(t, c.SetBehaviour(standin.Behaviour{Overwrite: standin.OverwriteAll}))
	assert.Equal(t, 200, c.put(node, "content").status)
	assert.Error(t, c.SetBehaviour(standin.Behaviour{Overwrite: "some"}))
}

// TestOneOfManyPutsIsTaken sends the same object many times at once.
func TestOneOfManyPutsIsTaken(t *testing.T) {
	c := start(t)
	node := c.pendingFile("content")
	var wg sync.WaitGroup
	statuses := make(chan int, 20)
	for range cap(statuses) {
		wg.Go(func() { statuses <- c.put(node, "content").status })
	}
	wg.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	assert.Equal(t, map[int]int{200: 1, 403: 19}, count)
}

func TestManifestThatCannotBeReplaced(t *testing.T) {
	c := start(t)
	c.run("p", "maker")
	s := spec{files: map[string]string{"a": "1"}}
	id := c.create(s)["id"].(string)
	require.Equal(t, 200, c.put(c.manifest(s, id, digest("first"))["file"].(object), "first").status)
	assert.Contains(t, c.put(c.manifest(s, id, digest("second"))["file"].(object), "second").text, exists)
	message := c.refused(400, commitArtifact, object{"artifactID": id})
	assert.Regexp(t, `^invalid artifact manifest digest:id \d+ expected `+digest("second")+", got "+digest("first"), message)
}

func TestRunFilesAreNotOverwritten(t *testing.T) {
	c := start(t)
	c.run("p", "r")
	create := func() string {
		return c.data(`mutation { createRunFiles(input: {entityName: "local-user", projectName: "p", runName: "r", files: ["config.yaml"]}) { files { uploadUrl } } }`,
			nil, "createRunFiles", "files", 0, "uploadUrl").(string)
	}
	put := func() int { return c.do(c.request(http.MethodPut, create(), "x")).status }
	names := func() any { return c.runField("r", "files { edges { node { name } } }") }
	assert.Equal(t, 200, put())
	assert.Equal(t, 403, put())
	assert.NotEmpty(t, at(names(), "edges"))
	require.NoError(t, c.SetBehaviour(standin.Behaviour{Overwrite: standin.OverwriteRunFiles, RunFilesNeedUploaded: true}))
	assert.Equal(t, 200, put())
	assert.Empty(t, at(names(), "edges"), "it was not named")
	require.Equal(t, 200, c.stream("r", `{"uploaded":["config.yaml"]}`).status)
	assert.NotEmpty(t, at(names(), "edges"))
}

func TestNoMultipart(t *testing.T) {
	c := start(t, func(o *standin.Options) { o.Behaviour.NoMultipart = true })
	node := c.pendingFile("content", object{"uploadPartsInput": []object{{"partNumber": 1, "hexMD5": hexOf(digest("content"))}}})
	part := c.request(http.MethodPut, at(node, "uploadMultipartUrls", "uploadUrlParts", 0, "uploadUrl").(string), "content")
	part.Header.Set("Content-MD5", digest("content"))
	part.Header.Set("Content-Type", "application/json")
	a := c.do(part)
	assert.Equal(t, 403, a.status)
	assert.Contains(t, a.text, "storage.multipartUploads.create")
	assert.Equal(t, 200, c.put(node, "content").status, "in one piece it is taken")
}

func TestWhereRunsMayBe(t *testing.T) {
	c := start(t, func(o *standin.Options) {
		o.Organizations = []string{"acme"}
		o.Behaviour.HiddenProjects = []string{"team/hidden"}
	})
	ask := func(entity, project string) object {
		return object{"i": object{"entityName": entity, "modelName": project, "name": "r"}}
	}
	assert.Equal(t, "entity nobody not found during upsertBucket", c.refused(404, upsert, ask("nobody", "p")))
	assert.Equal(t, "permission denied", c.refused(403, upsert, ask("forbidden-team", "p")))
	assert.Equal(t, "project not found", c.refused(404, upsert, ask("team", "hidden")))
	assert.Contains(t, c.refused(400, upsert, ask("acme", "p")), "you may not log runs directly to your organization")
	assert.Nil(t, c.data(`{ project(name: "hidden", entityName: "team") { id } }`, nil, "project"))
	for field, want := range map[string]string{"jobType": "invalid parameters: 64 limit exceeded for JobType", "host": "invalid parameters: 64 limit exceeded for Host"} {
		input := object{"entityName": "", "modelName": "p", "name": "r", field: strings.Repeat("x", 65)}
		assert.Equal(t, want, c.refused(400, upsert, object{"i": input}))
	}
	tags := object{"modelName": "p", "name": "r", "tags": []string{strings.Repeat("x", 65)}}
	assert.Equal(t, "invalid tag '"+strings.Repeat("x", 65)+"'. must be between 1 and 64 characters", c.refused(400, upsert, object{"i": tags}))
	config := object{"modelName": "p", "name": "r", "config": `{"a":{"value":"` + strings.Repeat("x", 15<<20) + `"}}`}
	assert.Equal(t, "run config cannot exceed 15 MB", c.refused(400, upsert, object{"i": config}))
	assert.Empty(t, c.State().Runs, "nothing was made")
}

// TestNoAnswerToInfinity has W&B's own failing: a request that is never answered.
func TestNoAnswerToInfinity(t *testing.T) {
	c := start(t, func(o *standin.Options) { o.Limits.Hang = time.Millisecond })
	c.run("p", "maker")
	for _, metadata := range []string{`{"a": NaN}`, `{"a": [-Infinity]}`} {
		input := c.createInput(spec{files: map[string]string{"a": "2"}, input: object{"metadata": metadata}})
		req := c.graphqlRequest(createArtifact, object{"input": input})
		req.SetBasicAuth("api", c.Key().Reveal())
		_, err := c.http.Do(req)
		assert.Error(t, err, metadata)
	}
	assert.Empty(t, c.State().Artifacts)
}

func TestPostsAfterTheEnd(t *testing.T) {
	c := start(t)
	c.run("p", "r")
	require.Equal(t, 200, c.stream("r", `{"complete":true,"exitcode":0}`).status)
	assert.Equal(t, "finished", c.runField("r", "state"))
	require.Equal(t, 200, c.stream("r", `{}`).status)
	assert.Equal(t, "running", c.runField("r", "state"))
	assert.Equal(t, 1, c.State().Runs[0].PostsAfterEnd)
	c.SetLimits(standin.Limits{CrashAfter: time.Nanosecond})
	assert.Equal(t, "crashed", c.runField("r", "state"))
}

func TestKeysAreForFirstPartyClients(t *testing.T) {
	c := start(t)
	for agent, want := range map[string]string{"": "relogin required", "W&B Public Client 0.31.0": ""} {
		req := c.graphqlRequest(`{ viewer { apiKeys { edges { node { id } } } } }`, nil)
		req.SetBasicAuth("api", c.Key().Reveal())
		req.Header.Set("User-Agent", agent)
		a := c.do(req)
		assert.Equal(t, 200, a.status)
		message, _ := at(a.json, "errors", 0, "message").(string)
		assert.Equal(t, want, message)
	}
}

// TestAnswersAreReplayed replays answers of the real server as they were.
func TestAnswersAreReplayed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "answers.jsonl")
	require.NoError(t, os.WriteFile(file, []byte(`{"id":"busy","op":"CreateRun","server_op":"upsertBucket","status":429,"headers":{"Content-Type":"application/json","Retry-After":"3"},"body":"{\"error\":\"rate limit exceeded\"}","times":2}
{"id":"manifest","op":"PUT","server_op":"PUT manifest","status":403,"headers":{"Content-Type":"text/plain; charset=utf-8"},"body":"Forbidden","times":1}
{"id":"created","op":"PUT","server_op":"PUT azure","status":201,"headers":{},"body":""}
{"id":"none","op":"CreateArtifact","server_op":"createArtifact","status":0,"headers":{},"body":""}
`), 0o600))
	c := start(t, func(o *standin.Options) { o.Answers = file; o.Limits.Hang = time.Millisecond })
	assert.Equal(t, []string{"busy", "created", "manifest", "none"}, c.Answers())
	assert.ErrorContains(t, c.AddFault(standin.Fault{Answer: "nothing"}), "nothing")

	c.fault(standin.Fault{Answer: "busy"})
	assert.Equal(t, 200, c.graphql(`{ viewer { id } }`, nil).status, "it is for upsertBucket")
	for _, want := range []int{429, 429, 200} {
		a := c.graphql(upsert, object{"i": object{"modelName": "p", "name": "maker"}})
		assert.Equal(t, want, a.status)
		if want == 429 {
			assert.Equal(t, `{"error":"rate limit exceeded"}`, a.text)
			assert.Equal(t, "3", a.header.Get("Retry-After"))
		}
	}
	c.fault(standin.Fault{Answer: "manifest"})
	node := c.pendingFile("content")
	assert.Equal(t, 200, c.put(node, "content").status, "it is for manifests")
	s := spec{files: map[string]string{"b": "2"}}
	id := c.create(s)["id"].(string)
	manifest := c.manifest(s, id, digest("{}"))["file"].(object)
	a := c.put(manifest, "{}")
	assert.Equal(t, 403, a.status)
	assert.Equal(t, "Forbidden", a.text)
	c.fault(standin.Fault{Answer: "created", Op: "PUT manifest", Count: 1})
	a = c.put(manifest, "{}")
	assert.Equal(t, 201, a.status)
	assert.Empty(t, a.header.Get("Content-Type"))
	assert.Contains(t, c.put(manifest, "{}").text, exists, "a good answer is given for what was really done")

	c.fault(standin.Fault{Answer: "none", Count: 1})
	req := c.graphqlRequest(createArtifact, object{"input": c.createInput(s)})
	req.SetBasicAuth("api", c.Key().Reveal())
	_, err := c.http.Do(req)
	assert.Error(t, err)
}
