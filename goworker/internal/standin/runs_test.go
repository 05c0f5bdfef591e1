package standin_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
)

const upsert = `mutation UpsertBucket($i: UpsertBucketInput!) { upsertBucket(input: $i) { inserted bucket {
	id name displayName state tags notes group jobType config summaryMetrics project { name entity { name } } } } }`

func TestUpsertMakesAndChangesRuns(t *testing.T) {
	c := start(t)
	made := c.data(upsert, object{"i": object{
		"modelName": "new-project", "name": "abc", "displayName": "title", "config": `{"a":{"value":1}}`, "tags": []string{"x"},
		"notes": "n", "groupName": "g", "jobType": "j", "summaryMetrics": `{"m":1}`,
	}}, "upsertBucket").(object)
	assert.Equal(t, true, made["inserted"])
	bucket := made["bucket"].(object)
	assert.Equal(t, "local-user", at(bucket, "project", "entity", "name"), "the default entity")
	assert.Equal(t, "running", bucket["state"])

	again := c.data(upsert, object{"i": object{"modelName": "new-project", "name": "abc", "notes": nil}}, "upsertBucket").(object)
	assert.Equal(t, false, again["inserted"])
	assert.Equal(t, bucket, again["bucket"], "null and absent leave all as it is")

	changed := c.data(upsert, object{"i": object{"id": bucket["id"], "tags": []string{}, "config": `{}`, "state": "finished"}}, "upsertBucket", "bucket").(object)
	assert.Equal(t, []any{}, changed["tags"])
	assert.Equal(t, `{}`, changed["config"], "a config is replaced whole")
	assert.Equal(t, `{"m":1}`, changed["summaryMetrics"])
	assert.Equal(t, []string{"running", "finished"}, c.State().Runs[0].States)

	nameless := c.data(upsert, object{"i": object{"modelName": "new-project"}}, "upsertBucket", "bucket").(object)
	assert.Len(t, nameless["name"], 8)
	uncategorized := c.data(upsert, object{"i": object{"entityName": "team"}}, "upsertBucket", "bucket", "project", "name")
	assert.Equal(t, "uncategorized", uncategorized)
}

func TestUpsertRefusals(t *testing.T) {
	c := start(t)
	for name, test := range map[string]struct {
		status int
		input  object
		want   string
	}{
		"foreign entity":   {403, object{"entityName": "forbidden-team"}, "permission denied"},
		"unknown entity":   {404, object{"entityName": "nobody"}, "not found"},
		"bad run ID":       {400, object{"name": "a:b"}, "run ID"},
		"blank at the end": {400, object{"name": "a "}, "run ID"},
		"long run ID":      {400, object{"name": strings.Repeat("x", 129)}, "run ID"},
		"bad project":      {400, object{"modelName": "a/b"}, "project name"},
		"empty tag":        {400, object{"tags": []string{""}}, "tag"},
		"long tag":         {400, object{"tags": []string{strings.Repeat("t", 65)}}, "tag"},
		"config, no JSON":  {400, object{"config": "x"}, "JSON"},
		"config unwrapped": {400, object{"config": `{"a":1}`}, "wrapped"},
		"config, a list":   {400, object{"config": `[]`}, "object"},
		"summary, a list":  {400, object{"summaryMetrics": `[]`}, "object"},
		"unknown state":    {400, object{"state": "sleeping"}, "state"},
		"unknown ID":       {404, object{"id": "nobody"}, "not found"},
		"unknown field":    {400, object{"storageRegion": nil}, "unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			c := *c
			c.t = t
			input := object{"modelName": "p", "name": "r"}
			maps.Copy(input, test.input)
			assert.Contains(t, c.refused(test.status, upsert, object{"i": input}), test.want)
		})
	}
	assert.Empty(t, c.State().Runs)
	a := c.graphql(upsert, object{"i": object{"entityName": "forbidden-team"}})
	assert.Equal(t, "PERMISSION_ERROR", at(a.json, "errors", 0, "extensions", "code"))
	assert.Equal(t, []any{"upsertBucket"}, at(a.json, "errors", 0, "path"))
}

func TestFindRun(t *testing.T) {
	c := start(t)
	c.run("p", "r")
	find := `query($e: String!, $p: String!, $r: String!) { project(name: $p, entityName: $e) { run(name: $r) { id historyLineCount } } }`
	assert.NotNil(t, c.data(find, object{"e": "local-user", "p": "p", "r": "r"}, "project", "run"))
	assert.Nil(t, c.data(find, object{"e": "local-user", "p": "p", "r": "x"}, "project", "run"))
	assert.Nil(t, c.data(find, object{"e": "local-user", "p": "x", "r": "r"}, "project"))
	for _, hidden := range []string{"nobody", "forbidden-team"} {
		assert.Nil(t, c.data(find, object{"e": hidden, "p": "p", "r": "r"}, "project"), "what is not there and what may not be seen look alike")
	}
	assert.Equal(t, "entityName required for project query", c.refused(400, find, object{"e": "", "p": "p", "r": "r"}))
	assert.Equal(t, "name required for project query", c.refused(400, find, object{"e": "local-user", "p": "", "r": "r"}))
	require.NoError(t, c.SetBehaviour(standin.Behaviour{EntityOptional: true}))
	assert.NotNil(t, c.data(find, object{"e": "", "p": "p", "r": "r"}, "project", "run"))
	bucket := `query($m: Boolean) { project(name: "p", entityName: "local-user") { bucket(name: "x", missingOk: $m) { id } } }`
	c.refused(404, bucket, object{"m": false})
	assert.Nil(t, c.data(bucket, object{"m": true}, "project", "bucket"))
}

func TestDeletedRun(t *testing.T) {
	c := start(t)
	kept := c.log(spec{run: "kept", name: "k", files: map[string]string{"a": "1"}})
	c.log(spec{files: map[string]string{"a": "1"}})
	id := c.run("p", "maker")
	remove := `mutation($id: ID!) { deleteRun(input: {id: $id, deleteArtifacts: true}) { clientMutationId } }`
	c.data(remove, object{"id": id})
	assert.Contains(t, c.refused(409, upsert, object{"i": object{"modelName": "p", "name": "maker"}}), "previously created and deleted")
	c.refused(404, upsert, object{"i": object{"id": id}})
	c.refused(404, remove, object{"id": id})
	assert.Nil(t, c.version("things:latest"), "its artifacts went with it")
	assert.Equal(t, kept, c.version("k:latest")["id"])
	assert.Equal(t, 404, c.stream("maker", `{}`).status)
	assert.EqualValues(t, 1, c.data(`{ project(name: "p", entityName: "local-user") { runCount } }`, nil, "project", "runCount"))
}

// stream posts to a run's file_stream.
func (c *client) stream(run, body string) answer {
	c.t.Helper()
	req := c.request("POST", fmt.Sprintf("%s/files/%s/p/%s/file_stream", c.URL(), c.Entity(), run), body)
	req.SetBasicAuth("api", c.Key().Reveal())
	return c.do(req)
}

func (c *client) runField(run, field string) any {
	c.t.Helper()
	return c.data(fmt.Sprintf(`{ project(name: "p", entityName: "local-user") { run(name:%q) { x: %s } } }`, run, field), nil, "project", "run", "x")
}

func TestFileStream(t *testing.T) {
	c := start(t)
	c.run("p", "r")
	a := c.stream("r", `{"files":{"wandb-history.jsonl":{"offset":0,"content":["{\"_step\":0,\"loss\":1}","{\"_step\":1,\"loss\":NaN,\"n\":{\"a\":\"NaN\"}}"]},
		"wandb-summary.json":{"offset":0,"content":["{\"loss\":Infinity,\"big\":9007199254740993}"]},"output.log":{"offset":0,"content":["hello"]}},"uploaded":["x"],"dropped":0}`)
	require.Equal(t, 200, a.status, a.text)
	assert.NotContains(t, a.json, "stopped", "it is there only when the run is to stop")
	assert.Equal(t, "400/s", at(a.json, "limits", "rate_limit"))
	require.Equal(t, 200, c.stream("r", `{"files":{"wandb-history.jsonl":{"offset":1,"content":["{\"_step\":1,\"loss\":2}","{\"_step\":5,\"loss\":3}"]}}}`).status)
	assert.EqualValues(t, 3, c.runField("r", "historyLineCount"))
	assert.EqualValues(t, 1, c.runField("r", "logLineCount"))
	assert.JSONEq(t, `{"big":9007199254740993,"loss":null}`, c.runField("r", "summaryMetrics").(string))
	assert.JSONEq(t, `["{\"_step\":5,\"loss\":3}"]`, c.runField("r", "historyTail").(string))
	assert.EqualValues(t, 5, at(c.runField("r", "historyKeys"), "lastStep"))
	assert.EqualValues(t, 3, at(c.runField("r", "historyKeys"), "keys", "loss", "typeCounts", 0, "count"))
	assert.Equal(t, "running", c.runField("r", "state"))

	require.Equal(t, 200, c.stream("r", `{"complete":true,"exitcode":0}`).status)
	assert.Equal(t, "finished", c.runField("r", "state"))
	require.Equal(t, 200, c.stream("r", `{}`).status)
	assert.Equal(t, "running", c.runField("r", "state"), "a post brings a run back")
	require.Equal(t, 200, c.stream("r", `{"complete":true,"exitcode":3}`).status)
	assert.Equal(t, "failed", c.runField("r", "state"))
	require.Equal(t, 200, c.stream("r", `{"preempting":true}`).status)
	assert.Equal(t, "preempting", c.runField("r", "state"))
}

func TestFileStreamRefusals(t *testing.T) {
	c := start(t)
	c.run("p", "r")
	for name, test := range map[string]struct {
		status int
		run    string
		body   string
	}{
		"no such run":            {404, "x", `{}`},
		"no JSON":                {400, "r", `{`},
		"unknown field":          {400, "r", `{"what":1}`},
		"unknown stream":         {400, "r", `{"files":{"x.txt":{"offset":0,"content":[]}}}`},
		"no offset":              {400, "r", `{"files":{"output.log":{"content":[]}}}`},
		"a gap":                  {400, "r", `{"files":{"output.log":{"offset":1,"content":["x"]}}}`},
		"history is not JSON":    {400, "r", `{"files":{"wandb-history.jsonl":{"offset":0,"content":["x"]}}}`},
		"history is a list":      {400, "r", `{"files":{"wandb-history.jsonl":{"offset":0,"content":["[]"]}}}`},
		"complete, without code": {400, "r", `{"complete":true}`},
	} {
		assert.Equal(t, test.status, c.stream(test.run, test.body).status, name)
	}
	assert.Equal(t, 0, c.State().Runs[0].StreamPosts)
	req := c.request("POST", c.URL()+"/files/local-user/p/r/file_stream", `{}`)
	req.SetBasicAuth("api", "wrong")
	assert.Equal(t, 401, c.do(req).status)
	limited := start(t, func(o *standin.Options) { o.Limits.MaxFileStream = 1000 })
	limited.run("p", "r")
	large := limited.stream("r", `{"uploaded":["`+strings.Repeat("x", 1000)+`"]}`)
	assert.Equal(t, 413, large.status)
	assert.Empty(t, large.text)
	long := limited.stream("r", `{"files":{"wandb-summary.json":{"offset":0,"content":["{\"a\":[{\"_type\":\"`+strings.Repeat("x", 129)+`\"}]}"]}}}`)
	assert.Equal(t, 422, long.status)
	assert.Empty(t, long.text)
}

func TestHistory(t *testing.T) {
	c := start(t)
	c.run("p", "r")
	var content []string
	for i := range 100 {
		line := fmt.Sprintf(`{"_step":%d,"loss":%d,"n":{"deep":%d}}`, i, i, i*2)
		if i == 50 {
			line = `{"_step":50,"other":1}`
		}
		content = append(content, line)
	}
	body, err := json.Marshal(object{"files": object{"wandb-history.jsonl": object{"offset": 0, "content": content}}})
	require.NoError(t, err)
	require.Equal(t, 200, c.stream("r", string(body)).status)
	sample := func(spec string) []any {
		return c.data(`query($s: [JSONString!]!) { project(name: "p", entityName: "local-user") { run(name:"r") { sampledHistory(specs: $s) } } }`,
			object{"s": []string{spec}}, "project", "run", "sampledHistory", 0).([]any)
	}
	rows := sample(`{"keys":["_step","loss"],"samples":10}`)
	assert.Len(t, rows, 10)
	assert.Equal(t, object{"_step": 0.0, "loss": 0.0}, rows[0])
	assert.Equal(t, object{"_step": 99.0, "loss": 99.0}, rows[9])
	assert.Len(t, sample(`{"keys":["loss"],"samples":1000}`), 99, "only rows that have the key")
	assert.Len(t, sample(`{"keys":["loss"],"minStep":10,"maxStep":19}`), 10, "the last step counts")
	assert.Equal(t, object{"n.deep": 198.0}, sample(`{"keys":["n.deep"],"samples":1}`)[0])
	assert.Empty(t, sample(`{"keys":["nothing"]}`))
	page := c.runField("r", `history(minStep: 10, maxStep: 12, samples: 100)`).([]any)
	assert.Len(t, page, 2, "here it does not")
	assert.JSONEq(t, `{"_step":10,"loss":10,"n":{"deep":20}}`, page[0].(string))
	c.refused(400, `query($s: [JSONString!]!) { project(name: "p", entityName: "local-user") { run(name:"r") { sampledHistory(specs: $s) } } }`, object{"s": []string{`[]`}})
}

func TestSilentRunHasCrashed(t *testing.T) {
	c := start(t)
	c.run("p", "r")
	c.SetLimits(standin.Limits{CrashAfter: time.Nanosecond})
	assert.Equal(t, "crashed", c.runField("r", "state"))
	c.SetLimits(standin.Limits{CrashAfter: time.Hour})
	assert.Equal(t, "running", c.runField("r", "state"))
	require.Equal(t, 200, c.stream("r", `{"complete":true,"exitcode":0}`).status)
	c.SetLimits(standin.Limits{CrashAfter: time.Nanosecond})
	assert.Equal(t, "finished", c.runField("r", "state"))
}

func TestStopAndUpdateState(t *testing.T) {
	c := start(t)
	id := c.run("p", "r")
	c.data(`mutation($id: ID!) { stopRun(input: {id: $id}) { success } }`, object{"id": id})
	assert.Equal(t, true, c.stream("r", `{}`).json["stopped"])
	update := `mutation($id: ID!, $s: String!) { updateRunState(input: {id: $id, state: $s}) { success } }`
	assert.Equal(t, "invalid state transition", c.refused(400, update, object{"id": id, "s": "failed"}))
	require.Equal(t, 200, c.stream("r", `{"complete":true,"exitcode":1}`).status)
	c.data(update, object{"id": id, "s": "pending"})
	assert.Equal(t, "pending", c.runField("r", "state"))
	c.refused(404, update, object{"id": "x", "s": "failed"})
}

func TestRunsAreFilteredAndOrdered(t *testing.T) {
	c := start(t)
	for i, name := range []string{"one", "two", "three"} {
		c.data(upsert, object{"i": object{
			"modelName": "p", "name": name, "displayName": strings.ToUpper(name), "tags": []string{"all", name}, "groupName": fmt.Sprintf("g%d", i%2),
			"config": fmt.Sprintf(`{"lr":{"value":%d},"deep":{"value":{"er":"%s"}}}`, i, name), "summaryMetrics": fmt.Sprintf(`{"acc":0.%d,"val":{"acc":%d}}`, 9-i, i),
		}})
	}
	require.Equal(t, 200, c.stream("two", `{"complete":true,"exitcode":0}`).status)
	query := `query($f: JSONString, $o: String, $n: [String]) { project(name: "p", entityName: "local-user") { runCount(filters: $f) runs(filters: $f, order: $o, names: $n) { edges { node { name } } } } }`
	list := func(vars object) string {
		var names []string
		for _, edge := range c.data(query, vars, "project", "runs", "edges").([]any) {
			names = append(names, at(edge, "node", "name").(string))
		}
		return strings.Join(names, " ")
	}
	for filter, want := range map[string]string{
		`{}`:                                                     "three two one",
		`{"state":"finished"}`:                                   "two",
		`{"tags":"three"}`:                                       "three",
		`{"tags":{"$in":["one","two"]}}`:                         "two one",
		`{"tags":{"$nin":["one"]}}`:                              "three two",
		`{"config.lr":{"$gte":1}}`:                               "three two",
		`{"config.lr.value":0}`:                                  "one",
		`{"config.deep.er":{"$regex":"^t"}}`:                     "three two",
		`{"summary_metrics.val.acc":{"$lt":1}}`:                  "one",
		`{"summary_metrics.nope":{"$exists":false}}`:             "three two one",
		`{"display_name":{"$contains":"W"}}`:                     "two",
		`{"$and":[{"group":"g0"},{"state":{"$ne":"finished"}}]}`: "three one",
		`{"$or":[{"name":"one"},{"name":"two"}]}`:                "two one",
		`{"$not":{"name":"one"}}`:                                "three two",
		`{"$nor":[{"name":"one"},{"name":"two"}]}`:               "three",
		`{"username":"local-user"}`:                              "three two one",
		`{"created_at":{"$gt":"2020-01-01T00:00:00"}}`:           "three two one",
		`{"state":{"$gt":5}}`:                                    "",
	} {
		assert.Equal(t, want, list(object{"f": filter}), filter)
	}
	assert.Equal(t, "one two three", list(object{"o": "+created_at"}))
	assert.Equal(t, "one two three", list(object{"o": "-summary_metrics.acc"}))
	assert.Equal(t, "three two one", list(object{"o": "-config.lr.value"}))
	assert.Equal(t, "two", list(object{"n": []string{"two"}}))
	assert.EqualValues(t, 1, c.data(query, object{"f": `{"name":"one"}`}, "project", "runCount"))
	for _, wrong := range []string{`{"shoe_size":1}`, `{"name":{"$regex":"("}}`, `{"$or":1}`} {
		c.refused(400, query, object{"f": wrong})
	}
}

func TestRunFiles(t *testing.T) {
	c := start(t)
	c.run("p", "r")
	create := `mutation($f: [String!]!) { createRunFiles(input: {entityName: "local-user", projectName: "p", runName: "r", files: $f}) { runID uploadHeaders files { name uploadUrl } } }`
	name := "media/table/a b.table.json"
	url := c.data(create, object{"f": []string{name, "x.txt"}}, "createRunFiles", "files", 0, "uploadUrl").(string)
	require.Equal(t, 200, c.do(c.request("PUT", url, "content")).status)
	query := `query($n: [String], $p: String) { project(name: "p", entityName: "local-user") { run(name:"r") { fileCount files(names: $n, pattern: $p) { edges { node { name sizeBytes md5 directUrl } } } } } }`
	node := c.data(query, nil, "project", "run", "files", "edges", 0, "node").(object)
	assert.Equal(t, name, node["name"])
	assert.EqualValues(t, 7, node["sizeBytes"])
	assert.Equal(t, digest("content"), node["md5"])
	assert.Equal(t, "content", c.do(c.request("GET", node["directUrl"].(string), "")).text)
	assert.NotEmpty(t, c.data(query, object{"p": "media/%.json"}, "project", "run", "files", "edges"))
	assert.Empty(t, c.data(query, object{"p": "other%"}, "project", "run", "files", "edges"))
	req := c.request("GET", c.URL()+"/files/local-user/p/r/media/table/a%20b.table.json", "")
	assert.Equal(t, 401, c.do(req).status)
	req.SetBasicAuth("api", c.Key().Reveal())
	redirect := c.do(req)
	require.Equal(t, 307, redirect.status)
	assert.Equal(t, "content", c.do(c.request("GET", redirect.header.Get("Location"), "")).text)
	for _, wrong := range []string{"/abs", "../up", ""} {
		c.refused(400, create, object{"f": []string{wrong}})
	}
}

func TestReports(t *testing.T) {
	c := start(t)
	c.run("p", "r")
	upsertView := `mutation($i: UpsertViewInput!) { upsertView(input: $i) { inserted view { id displayName } } }`
	first := c.data(upsertView, object{"i": object{"projectName": "p", "displayName": "One", "spec": `{}`}}, "upsertView").(object)
	c.data(upsertView, object{"i": object{"projectName": "p", "displayName": "Two", "spec": `{}`, "type": "draft"}})
	again := c.data(upsertView, object{"i": object{"id": at(first, "view", "id"), "displayName": "Better", "spec": `{"a":1}`}}, "upsertView").(object)
	assert.Equal(t, false, again["inserted"])
	list := c.data(`{ project(name: "p", entityName: "local-user") { allViews(viewType:"runs") { edges { node { displayName spec user { username } project { name } } } } } }`, nil, "project", "allViews", "edges").([]any)
	require.Len(t, list, 1)
	assert.Equal(t, object{"displayName": "Better", "spec": `{"a":1}`, "user": object{"username": "local-user"}, "project": object{"name": "p"}}, at(list[0], "node"))
	c.refused(400, upsertView, object{"i": object{"projectName": "p", "spec": `{`}})
	c.refused(404, upsertView, object{"i": object{"projectName": "x", "spec": `{}`}})
	c.refused(404, upsertView, object{"i": object{"id": "x", "spec": `{}`}})
}

func TestProjects(t *testing.T) {
	c := start(t)
	c.run("a", "r")
	c.data(`mutation { upsertModel(input: {name: "b", description: "words"}) { inserted project { name } } }`, nil)
	list := c.data(`query($e: String) { models(entityName: $e) { edges { node { name entityName description } } } }`, object{"e": "local-user"}, "models", "edges").([]any)
	require.Len(t, list, 2)
	assert.Equal(t, object{"name": "b", "entityName": "local-user", "description": "words"}, at(list[0], "node"), "the newest first")
	assert.Empty(t, c.data(`{ models(entityName: "team") { edges { node { name } } } }`, nil, "models", "edges"))
	c.refused(404, `{ models(entityName: "nobody") { edges { node { name } } } }`, nil)
	c.refused(403, `{ models(entityName: "forbidden-team") { edges { node { name } } } }`, nil)
}
