package wandbtest

import (
	"bytes"
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
	"time"

	"github.com/stretchr/testify/require"
)

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
	q.note("the first PUT of some bytes", send(node(both, 0)), "A 2xx.")
	q.note("the same PUT again, with the same address", send(node(both, 0)), "A 2xx, or a 403 with storage.objects.delete in it, which counts as done: the repeat of a PUT whose answer was lost must not fail.")
	q.note("a PUT of the same bytes under another path of the artifact", send(node(both, 1)), "Nothing: each digest goes up once per artifact.")
	again := q.files(spec("a"))
	given := "an address is given again"
	if dig(node(again, 0), "uploadUrl") == nil {
		given = "no address is given: " + again.words()
	}
	q.note("createArtifactFiles for bytes that a pending artifact has", given, "Nothing: without an address, the file counts as stored; with one, the answer to the PUT decides.")
	headers, _ := json.Marshal(dig(node(both, 0), "uploadHeaders"))
	q.note("uploadHeaders of createArtifactFiles", string(headers), "A list of \"name:value\", with or without a blank. All of them are sent.")
}

// manyClients asks what workers do that share a job and lose each other.
func (q *questioner) manyClients() {
	content := "shared " + q.id
	id := createdID(q.create(q.collection("shared"), content, nil))
	spec := object{"artifactID": id, "name": "a", "md5": digestOf(content)}
	var sent []string
	for _, r := range []reply{q.files(spec), q.files(spec)} { // both before either has sent it
		node := dig(r.json, "data", "createArtifactFiles", "files", "edges", 0, "node")
		sent = append(sent, q.put(node, strings.NewReader(content), int64(len(content))).String())
	}
	q.note("two clients that announce one file of an artifact, and then send it", strings.Join(sent, ", then "),
		"A 2xx, then a 2xx or a refusal to overwrite: a worker whose lease another one has taken over may be behind with its upload.")
	q.note("commitArtifact", q.commit(id, content).words(), "A 200.")
	q.note("commitArtifact once more", q.graphql(`mutation($id: ID!) { commitArtifact(input: {artifactID: $id}) { artifact { id } } }`, object{"id": id}).words(),
		"Nothing: whoever commits looks at the artifact's state first, since an answer may have been lost.")
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
	q.note("a repeated clientID with the same digest", answer, "The same artifact, pending or committed; another one costs only the uploads.")
	q.note("a repeated clientID with another digest", q.create(name, "two", ids).words(), "A refusal that speaks of the client ID, upon which another one is used, or a new artifact.")
	q.note("a repeated sequenceClientID with a new clientID", q.create(name, "three", object{"sequenceClientID": sequence}).words(), "Nothing: each call has a new one.")
	q.note("a repeated sequenceClientID for another collection", q.create(q.collection("ids2"), "three", object{"sequenceClientID": sequence}).words(), "Nothing: each call has a new one.")
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
		q.note(fmt.Sprintf("%d files in one createArtifactFiles", n), fmt.Sprintf("%s, after %s", r.words(), time.Since(began).Round(100*time.Millisecond)),
			"At most 1,000 files a request: only the first of these has to be answered with 200.")
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
	const latest = "Nothing: every version is sent with the alias latest."
	name := q.collection("latest")
	for _, content := range []string{"one", "two"} {
		id := createdID(q.create(name, content, nil))
		committed := q.commit(id, content)
		if committed.status != http.StatusOK {
			q.note("a commit without aliases", committed.words(), latest)
			return
		}
		moved := slices.Contains(q.read.version(id).aliases(), "latest")
		q.note(fmt.Sprintf("version %q that was made without aliases has latest", content), fmt.Sprint(moved), latest)
	}
}

// crossProject uses an artifact by a run of another project, which it makes and, if it was
// not there before, deletes.
func (q *questioner) crossProject() {
	id := createdID(q.create(q.collection("cross"), "cross", nil))
	q.commit(id, "cross")
	other, run := q.target.Project+"-other", "cross-"+q.id
	isNew := q.read.projectID(q.entity, other) == ""
	q.graphql(`mutation($i: UpsertBucketInput!) { upsertBucket(input: $i) { inserted } }`, object{"i": object{"entityName": q.entity, "modelName": other, "name": run}})
	q.note("useArtifact by a run of another project", q.graphql(`mutation($i: UseArtifactInput!) { useArtifact(input: $i) { artifact { id } } }`, object{"i": object{
		"artifactID": id, "entityName": q.entity, "projectName": other, "runName": run,
	}}).words(), "No errors, where predictions name an artifact of another project as their input; a refusal is a warning.")
	q.read.deleteRun(q.entity, other, run)
	if isNew {
		q.note("deleteModel for the project "+other+", which this made", q.deleteProject(other).words(), "Nothing: the plugin deletes no project. With an error, the empty project stays: delete it by hand.")
	}
}

// deleteProject deletes a project, if the server lets it.
func (q *questioner) deleteProject(name string) reply {
	return q.graphql(deleteProjectDocument, object{"id": q.read.projectID(q.entity, name)})
}

func (q *questioner) identity() {
	q.note("project(name:) without an entity", q.graphql(`query($p: String!) { project(name: $p) { id } }`, object{"p": q.target.Project}).String(),
		"Nothing: the viewer's default entity is asked for first.")
	q.agent = "check-server"
	q.note("viewer.apiKeys, asked by another agent than W&B's", q.graphql(`query { viewer { apiKeys { edges { node { id } } } } }`, nil).words(),
		"Nothing: no such field is asked for. Any refusal shows that W&B looks at the user agent.")
	q.agent = ""
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
	q.note("2 GiB in one PUT", q.put(node, io.LimitReader(zeros{}, large), large).String(), "A 2xx: it is what is tried where a store refuses the parts of a large file.")
}

type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
