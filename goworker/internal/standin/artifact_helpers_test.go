package standin_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
)

// The documents of an upload.
const (
	createArtifact = `mutation CreateArtifact($input: CreateArtifactInput!) { createArtifact(input: $input) { artifact {
		id state digest versionIndex artifactSequence { latestArtifact { id } } } } }`
	createManifest = `mutation CreateArtifactManifest($artifactID: ID!, $digest: String!, $upload: Boolean!, $e: String!, $p: String!, $r: String!) {
		createArtifactManifest(input: {artifactID: $artifactID, digest: $digest, name: "wandb_manifest.json", type: FULL, entityName: $e, projectName: $p, runName: $r}) {
			artifactManifest { id file { id uploadUrl @include(if: $upload) uploadHeaders @include(if: $upload) } } } }`
	createFiles = `mutation CreateArtifactFiles($input: CreateArtifactFilesInput!) { createArtifactFiles(input: $input) { files { edges { node {
		name storagePath uploadUrl uploadHeaders uploadMultipartUrls { uploadID uploadUrlParts { partNumber uploadUrl } } artifact { id } } } } } }`
	commitArtifact = `mutation CommitArtifact($artifactID: ID!) { commitArtifact(input: {artifactID: $artifactID}) { artifact { id digest state versionIndex } } }`
)

// spec is an artifact that a test logs.
type spec struct {
	run, name, kind string
	files           map[string]string
	input           object // more for, or instead of, what createArtifact is sent
	fake            object // more for, or instead of, what the manifest's contents say, by path; nil leaves a path out
	skip            string // a file that is not uploaded
}

func (s spec) withDefaults() spec {
	if s.run == "" {
		s.run = "maker"
	}
	if s.name == "" {
		s.name = "things"
	}
	if s.kind == "" {
		s.kind = "dataset"
	}
	return s
}

func digest(content string) string {
	sum := md5.Sum([]byte(content))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// artifactDigest is the digest of an artifact with these files.
func artifactDigest(digests map[string]string) string {
	text := "wandb-artifact-manifest-v1\n"
	for _, name := range slices.Sorted(maps.Keys(digests)) {
		text += name + ":" + digests[name] + "\n"
	}
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (s spec) digests() map[string]string {
	out := map[string]string{}
	for name, content := range s.files {
		out[name] = digest(content)
	}
	return out
}

// create announces an artifact and gives it as answered.
func (c *client) create(s spec) object {
	c.t.Helper()
	return c.data(createArtifact, object{"input": c.createInput(s)}, "createArtifact", "artifact").(object)
}

func (c *client) createInput(s spec) object {
	s = s.withDefaults()
	input := object{
		"entityName": c.Entity(), "projectName": "p", "runName": s.run, "artifactTypeName": s.kind, "artifactCollectionName": s.name,
		"digest": artifactDigest(s.digests()), "digestAlgorithm": "MANIFEST_MD5", "enableDigestDeduplication": true,
	}
	maps.Copy(input, s.input)
	return input
}

// upload sends an artifact's files and its manifest, so that only the commit is left. It gives
// the artifact's ID and how many files were sent.
func (c *client) upload(s spec) (id string, sent int) {
	c.t.Helper()
	s = s.withDefaults()
	c.run("p", s.run)
	id = c.create(s)["id"].(string)
	contents, put := object{}, map[string]bool{}
	names := slices.Sorted(maps.Keys(s.files))
	manifestID := c.manifest(s, id, "")["id"]
	var list []object
	for _, name := range names {
		list = append(list, object{"artifactID": id, "artifactManifestID": manifestID, "name": name, "md5": digest(s.files[name])})
	}
	edges := c.data(createFiles, object{"input": object{"storageLayout": "V2", "artifactFiles": list}}, "createArtifactFiles", "files", "edges").([]any)
	require.Len(c.t, edges, len(names))
	for i, name := range names {
		node := at(edges[i], "node").(object)
		contents[name] = object{"digest": digest(s.files[name]), "size": len(s.files[name]), "birthArtifactID": at(node, "artifact", "id")}
		if node["uploadUrl"] == nil || name == s.skip || put[s.files[name]] {
			continue
		}
		put[s.files[name]] = true // the same bytes are the same object
		require.Equal(c.t, 200, c.put(node, s.files[name]).status)
		sent++
	}
	for name, entry := range s.fake {
		if contents[name] = entry; entry == nil {
			delete(contents, name)
		}
	}
	c.sendManifest(s, id, object{
		"version": 1, "storagePolicy": "wandb-storage-policy-v1", "storagePolicyConfig": object{"storageLayout": "V2"}, "contents": contents,
	})
	return id, sent
}

func (c *client) manifest(s spec, id, digest string) object {
	c.t.Helper()
	return c.data(createManifest, object{
		"artifactID": id, "digest": digest, "upload": digest != "", "e": c.Entity(), "p": "p", "r": s.withDefaults().run,
	}, "createArtifactManifest", "artifactManifest").(object)
}

func (c *client) sendManifest(s spec, id string, manifest any) {
	c.t.Helper()
	text, err := json.Marshal(manifest)
	require.NoError(c.t, err)
	file := c.manifest(s, id, digest(string(text)))["file"].(object)
	require.Equal(c.t, 200, c.put(file, string(text)).status)
}

// put sends a body as a node of the answer says.
func (c *client) put(node object, body string) answer {
	c.t.Helper()
	req := c.request(http.MethodPut, node["uploadUrl"].(string), body)
	for _, line := range node["uploadHeaders"].([]any) {
		name, value, _ := strings.Cut(line.(string), ":")
		req.Header.Set(name, strings.TrimSpace(value))
	}
	return c.do(req)
}

// log makes a committed version and gives its ID.
func (c *client) log(s spec) string {
	c.t.Helper()
	id, _ := c.upload(s)
	require.Equal(c.t, "COMMITTED", c.data(commitArtifact, object{"artifactID": id}, "commitArtifact", "artifact", "state"))
	return id
}

// version asks for a version by "name:alias"; nil if there is none.
func (c *client) version(name string) object {
	c.t.Helper()
	found, _ := c.data(fmt.Sprintf(`{ project(name: "p", entityName: "local-user") { artifact(name: %q) { id state digest versionIndex size fileCount metadata description
		aliases { alias } tags { name } artifactType { name } createdBy { __typename ... on Run { name } } usedBy { edges { node { name } } } } } }`, name),
		nil, "project", "artifact").(object)
	return found
}

// aliases are a version's, sorted, but for vN.
func aliases(version object) []string {
	var out []string
	for _, item := range version["aliases"].([]any) {
		if name := at(item, "alias").(string); !strings.HasPrefix(name, "v") {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func decoded(text string) []byte {
	raw, _ := base64.StdEncoding.DecodeString(text)
	return raw
}
