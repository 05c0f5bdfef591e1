package wandbtest

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Finding is what a server answered to one question about it.
type Finding struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// Questions asks a server what its documentation leaves open, in its own words and without
// the client, and removes what that took. Large adds an upload of 2 GiB.
func Questions(t *testing.T, target Target, large bool) []Finding {
	q := newQuestioner(t, target)
	q.bytesTwice()
	q.clientIDs()
	q.filesPerRequest()
	q.withoutLatest()
	q.crossProject()
	q.note("project(name:) without an entity", q.graphql(`query($p: String!) { project(name: $p) { id } }`, object{"p": q.target.Project}).String())
	q.agent = "check-server"
	q.note("viewer.apiKeys, asked by another agent than W&B's", q.graphql(`query { viewer { apiKeys { edges { node { id } } } } }`, nil).words())
	q.finishedRun()
	if large {
		q.twoGiB()
	}
	return q.found
}

type object = map[string]any

type questioner struct {
	*suite
	t     *testing.T
	web   *http.Client
	agent string
	run   string
	found []Finding
}

func newQuestioner(t *testing.T, target Target) *questioner {
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
	return &questioner{suite: s, t: t, web: web, run: s.newRun(t, "questions", nil).ID}
}

func (q *questioner) note(question, answer string) {
	q.found = append(q.found, Finding{question, strings.ReplaceAll(answer, q.target.APIKey.Reveal(), "<key>")})
}

// reply is an answer as it came.
type reply struct {
	status int
	body   string
	json   object
}

// replyMax is the most characters of an answer that are shown.
const replyMax = 300

// String is the status and the beginning of the body.
func (r reply) String() string {
	return fmt.Sprintf("%d %s", r.status, r.body[:min(len(r.body), replyMax)])
}

// words is the status and the errors alone: the data may be private.
func (r reply) words() string {
	if errs := dig(r.json, "errors"); errs != nil {
		text, _ := json.Marshal(errs)
		return fmt.Sprintf("%d %s", r.status, text)
	}
	return fmt.Sprintf("%d, no errors", r.status)
}

// dig follows keys, and numbers for lists, into decoded JSON; nil where there is nothing.
func dig(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := value.(object)
			value = m[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

func (q *questioner) do(method, address string, body io.Reader, size int64, headers map[string]string, key bool) reply {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(q.t.Context()), time.Hour)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	require.NoError(q.t, err)
	req.ContentLength = size
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	if q.agent != "" {
		req.Header.Set("User-Agent", q.agent)
	}
	if key {
		req.SetBasicAuth("api", q.target.APIKey.Reveal())
	}
	resp, err := q.web.Do(req)
	if err != nil {
		return reply{body: "no answer"} // its words may hold a signed address
	}
	defer func() { _ = resp.Body.Close() }()
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, 32<<20))
	r := reply{status: resp.StatusCode, body: string(raw)}
	_ = json.Unmarshal(raw, &r.json)
	return r
}

func (q *questioner) graphql(document string, variables object) reply {
	body, err := json.Marshal(object{"query": document, "variables": variables})
	require.NoError(q.t, err)
	return q.do(http.MethodPost, q.target.BaseURL+"/graphql", bytes.NewReader(body), int64(len(body)), map[string]string{"Content-Type": "application/json"}, true)
}

func token() string { return strings.ToLower(rand.Text() + rand.Text() + rand.Text() + rand.Text()) }

// create announces an artifact of one file "a" with that content.
func (q *questioner) create(name, content string, more object) reply {
	sum := md5.Sum(fmt.Appendf(nil, "wandb-artifact-manifest-v1\na:%s\n", digestOf(content)))
	input := object{
		"entityName": q.entity, "projectName": q.target.Project, "runName": q.run, "artifactTypeName": "dataset", "artifactCollectionName": name,
		"digest": hex.EncodeToString(sum[:]), "digestAlgorithm": "MANIFEST_MD5", "clientID": token(), "sequenceClientID": token(), "enableDigestDeduplication": true,
	}
	for k, v := range more {
		input[k] = v
	}
	return q.graphql(`mutation($i: CreateArtifactInput!) { createArtifact(input: $i) { artifact { id state } } }`, object{"i": input})
}

func createdID(r reply) string {
	id, _ := dig(r.json, "data", "createArtifact", "artifact", "id").(string)
	return id
}

func digestOf(content string) string {
	sum := md5.Sum([]byte(content))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (q *questioner) files(files ...object) reply {
	return q.graphql(`mutation($f: [CreateArtifactFileSpecInput!]!) { createArtifactFiles(input: {storageLayout: V2, artifactFiles: $f}) {
		files { edges { node { name uploadUrl uploadHeaders artifact { id } } } } } }`, object{"f": files})
}

// put uploads what an answer of files gives an address for.
func (q *questioner) put(node any, body io.Reader, size int64) reply {
	address, _ := dig(node, "uploadUrl").(string)
	if address == "" {
		return reply{body: "no address was given: it is there"}
	}
	headers := map[string]string{}
	list, _ := dig(node, "uploadHeaders").([]any)
	for _, line := range list {
		name, value, _ := strings.Cut(fmt.Sprint(line), ":")
		headers[name] = strings.TrimSpace(value)
	}
	return q.do(http.MethodPut, address, body, size, headers, false)
}

func (q *questioner) bytesTwice() {
	content := "content " + q.id
	id := createdID(q.create(q.collection("bytes"), content, nil))
	spec := func(name string) object { return object{"artifactID": id, "name": name, "md5": digestOf(content)} }
	node := func(r reply, i int) any {
		return dig(r.json, "data", "createArtifactFiles", "files", "edges", i, "node")
	}
	send := func(n any) string { return q.put(n, strings.NewReader(content), int64(len(content))).String() }
	both := q.files(spec("a"), spec("twin"))
	q.note("the first PUT of some bytes", send(node(both, 0)))
	q.note("the same PUT again, with the same address", send(node(both, 0)))
	q.note("a PUT of the same bytes under another path of the artifact", send(node(both, 1)))
	again := q.files(spec("a"))
	given := "an address is given again"
	if dig(node(again, 0), "uploadUrl") == nil {
		given = "no address is given: " + again.words()
	}
	q.note("createArtifactFiles for bytes that a pending artifact has", given)
	headers, _ := json.Marshal(dig(node(both, 0), "uploadHeaders"))
	q.note("uploadHeaders", string(headers))
}

func (q *questioner) clientIDs() {
	name, client, sequence := q.collection("ids"), token(), token()
	ids := object{"clientID": client, "sequenceClientID": sequence}
	first := createdID(q.create(name, "one", ids))
	same := q.create(name, "one", ids)
	answer := same.words()
	if id := createdID(same); id == first {
		answer = "the same artifact, " + fmt.Sprint(dig(same.json, "data", "createArtifact", "artifact", "state"))
	} else if id != "" {
		answer = "another artifact"
	}
	q.note("a repeated clientID with the same digest", answer)
	q.note("a repeated clientID with another digest", q.create(name, "two", ids).words())
	q.note("a repeated sequenceClientID with a new clientID", q.create(name, "three", object{"sequenceClientID": sequence}).words())
	q.note("a repeated sequenceClientID for another collection", q.create(q.collection("ids2"), "three", object{"sequenceClientID": sequence}).words())
}

func (q *questioner) filesPerRequest() {
	id := createdID(q.create(q.collection("files"), "many", nil))
	for _, n := range []int{1000, 5000, 20000} {
		specs := make([]object, n)
		for i := range specs {
			specs[i] = object{"artifactID": id, "name": fmt.Sprintf("%05d.txt", i), "md5": digestOf(fmt.Sprint(i))}
		}
		began := time.Now()
		r := q.files(specs...)
		q.note(fmt.Sprintf("%d files in one createArtifactFiles", n), fmt.Sprintf("%s, after %s", r.words(), time.Since(began).Round(100*time.Millisecond)))
		if r.status != http.StatusOK {
			return
		}
	}
}

// commit uploads the file and the manifest of an artifact of create and commits it.
func (q *questioner) commit(id, content string) reply {
	r := q.files(object{"artifactID": id, "name": "a", "md5": digestOf(content)})
	node := dig(r.json, "data", "createArtifactFiles", "files", "edges", 0, "node")
	q.put(node, strings.NewReader(content), int64(len(content)))
	birth := dig(node, "artifact", "id")
	if birth == nil {
		birth = id
	}
	manifest, err := json.Marshal(object{
		"version": 1, "storagePolicy": "wandb-storage-policy-v1", "storagePolicyConfig": object{"storageLayout": "V2"},
		"contents": object{"a": object{"digest": digestOf(content), "size": len(content), "birthArtifactID": birth}},
	})
	require.NoError(q.t, err)
	r = q.graphql(`mutation($i: CreateArtifactManifestInput!) { createArtifactManifest(input: $i) { artifactManifest { file { uploadUrl uploadHeaders } } } }`, object{"i": object{
		"artifactID": id, "name": "wandb_manifest.json", "digest": digestOf(string(manifest)), "type": "FULL", "entityName": q.entity, "projectName": q.target.Project, "runName": q.run,
	}})
	q.put(dig(r.json, "data", "createArtifactManifest", "artifactManifest", "file"), bytes.NewReader(manifest), int64(len(manifest)))
	return q.graphql(`mutation($id: ID!) { commitArtifact(input: {artifactID: $id}) { artifact { id } } }`, object{"id": id})
}

func (q *questioner) withoutLatest() {
	name := q.collection("latest")
	for _, content := range []string{"one", "two"} {
		id := createdID(q.create(name, content, nil))
		committed := q.commit(id, content)
		if committed.status != http.StatusOK {
			q.note("a commit without aliases", committed.words())
			return
		}
		moved := slices.Contains(q.read.version(id).aliases(), "latest")
		q.note(fmt.Sprintf("version %q that was made without aliases has latest", content), fmt.Sprint(moved))
	}
}

func (q *questioner) crossProject() {
	id := createdID(q.create(q.collection("cross"), "cross", nil))
	q.commit(id, "cross")
	other := q.target.Project + "-other"
	q.graphql(`mutation($i: UpsertBucketInput!) { upsertBucket(input: $i) { inserted } }`, object{"i": object{"entityName": q.entity, "modelName": other, "name": "cross-" + q.id}})
	q.t.Cleanup(func() { q.read.t = q.t; q.read.deleteRun(q.entity, other, "cross-"+q.id) })
	q.note("useArtifact by a run of another project", q.graphql(`mutation($i: UseArtifactInput!) { useArtifact(input: $i) { artifact { id } } }`, object{"i": object{
		"artifactID": id, "entityName": q.entity, "projectName": other, "runName": "cross-" + q.id,
	}}).words())
}

// finishedRun gives a run a summary after its end, as a chart does.
func (q *questioner) finishedRun() {
	ref := q.ref("ended")
	q.suite.newRun(q.t, "ended", nil)
	require.NoError(q.t, q.client.FinishRun(q.t.Context(), ref, 0))
	run := q.read.run(ref.Entity, ref.Project, ref.ID)
	r := q.graphql(`mutation($i: UpsertBucketInput!) { upsertBucket(input: $i) { bucket { state } } }`, object{"i": object{"id": run.ID, "summaryMetrics": `{"chart":1}`}})
	q.note("a summary given to a finished run by upsertBucket", fmt.Sprintf("%s; its state is %s", r.words(), q.read.run(ref.Entity, ref.Project, ref.ID).State))
}

// large is the size of the large file, in bytes.
const large = 2 << 30

// twoGiB uploads a file of 2 GiB of zeros in one PUT.
func (q *questioner) twoGiB() {
	hash := md5.New()
	_, err := io.CopyN(hash, zeros{}, large)
	require.NoError(q.t, err)
	digest := base64.StdEncoding.EncodeToString(hash.Sum(nil))
	id := createdID(q.create(q.collection("large"), "large", nil))
	r := q.files(object{"artifactID": id, "name": "large.bin", "md5": digest})
	node := dig(r.json, "data", "createArtifactFiles", "files", "edges", 0, "node")
	q.note("2 GiB in one PUT", q.put(node, io.LimitReader(zeros{}, large), large).String())
}

type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
