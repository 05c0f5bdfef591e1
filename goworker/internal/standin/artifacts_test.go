package standin_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
)

func TestArtifactIsCommitted(t *testing.T) {
	c := start(t)
	id := c.log(spec{
		files: map[string]string{"a.txt": "hello\n", "b/data.json": `{"a":1}`, "empty": ""},
		input: object{
			"metadata": `{"n": 9007199254740993}`, "description": "words", "tags": []object{{"tagName": "good one"}},
			"aliases": []object{{"artifactCollectionName": "things", "alias": "best"}},
		},
	})
	version := c.version("things:latest")
	assert.Equal(t, id, version["id"])
	assert.EqualValues(t, 0, version["versionIndex"])
	assert.EqualValues(t, 13, version["size"])
	assert.EqualValues(t, 3, version["fileCount"])
	assert.Equal(t, `{"n": 9007199254740993}`, version["metadata"], "as it was sent")
	assert.Equal(t, "words", version["description"])
	assert.Equal(t, []string{"best", "latest"}, aliases(version))
	assert.Equal(t, "good one", at(version, "tags", 0, "name"))
	assert.Equal(t, "dataset", at(version, "artifactType", "name"))
	assert.Equal(t, "maker", at(version, "createdBy", "name"))
	text, err := c.ReadFile(c.Entity(), "p", "things", "best", "a.txt")
	require.NoError(t, err)
	assert.Equal(t, "hello\n", string(text))
	_, err = c.ReadFile(c.Entity(), "p", "things", "best", "nope")
	assert.Error(t, err)
}

// TestDigestExample is the example whose digest the official client gives too.
func TestDigestExample(t *testing.T) {
	c := start(t)
	c.log(spec{files: map[string]string{"a.txt": "hello\n", "b/data.json": `{"a":1}`}})
	assert.Equal(t, "30055c8d27088b0f43f4f6e58b44ca3c", c.version("things:v0")["digest"])
}

func TestPendingArtifactIsInvisible(t *testing.T) {
	c := start(t)
	c.upload(spec{files: map[string]string{"a": "1"}})
	assert.Nil(t, c.version("things:latest"))
	assert.Empty(t, c.data(`{ project(name: "p", entityName: "local-user") { artifactCollections { edges { node { name } } } } }`, nil, "project", "artifactCollections", "edges"))
	assert.Empty(t, c.data(`{ project(name: "p", entityName: "local-user") { run(name:"maker") { outputArtifacts { edges { node { id } } } } } }`, nil, "project", "run", "outputArtifacts", "edges"))
}

func TestSecondVersionUploadsOnlyWhatChanged(t *testing.T) {
	c := start(t)
	first := c.log(spec{files: map[string]string{"same": "1", "changed": "2"}})
	id, sent := c.upload(spec{files: map[string]string{"same": "1", "changed": "3", "new": "4"}})
	assert.Equal(t, 2, sent)
	c.data(commitArtifact, object{"artifactID": id})
	assert.EqualValues(t, 1, c.version("things:latest")["versionIndex"])
	for _, a := range c.State().Artifacts {
		assert.Equal(t, first, a.Files["same"].Birth)
	}
}

func TestSameDigestIsTheSameVersion(t *testing.T) {
	c := start(t)
	files := map[string]string{"a": "1"}
	id := c.log(spec{files: files})
	c.log(spec{files: map[string]string{"a": "2"}})
	c.run("p", "second")
	again := c.create(spec{run: "second", files: files, input: object{"aliases": []object{{"artifactCollectionName": "things", "alias": "again"}}}})
	assert.Equal(t, "COMMITTED", again["state"])
	assert.Equal(t, id, again["id"])
	assert.Equal(t, []string{"again", "latest"}, aliases(c.version("things:v0")), "the names move to it")
	assert.Empty(t, aliases(c.version("things:v1")))
	assert.Equal(t, id, c.data(`{ project(name: "p", entityName: "local-user") { run(name:"second") { outputArtifacts { edges { node { id } } } } } }`, nil,
		"project", "run", "outputArtifacts", "edges", 0, "node", "id"), "and the second run made it too")
	other := c.create(spec{files: files, input: object{"enableDigestDeduplication": false}})
	assert.Equal(t, "PENDING", other["state"])
}

func TestSameClientIDIsTheSameArtifact(t *testing.T) {
	c := start(t)
	c.run("p", "maker")
	mine := object{"clientID": strings.Repeat("x", 128)}
	first := c.create(spec{files: map[string]string{"a": "1"}, input: mine})
	assert.Equal(t, first["id"], c.create(spec{files: map[string]string{"a": "1"}, input: mine})["id"])
	another := object{"input": c.createInput(spec{files: map[string]string{"a": "2"}, input: mine})}
	assert.Equal(t, "Invalid Client ID digest", c.refused(400, createArtifact, another))
	require.NoError(t, c.SetBehaviour(standin.Behaviour{RepeatedClientID: standin.RepeatedRefuse}))
	same := object{"input": c.createInput(spec{files: map[string]string{"a": "1"}, input: mine})}
	assert.Equal(t, "Invalid Client ID digest", c.refused(400, createArtifact, same))
	assert.Equal(t, first["id"], c.data(`query($c:ID!){ clientIDMapping(clientID:$c) { serverID } }`, object{"c": mine["clientID"]}, "clientIDMapping", "serverID"))
	require.NoError(t, c.SetBehaviour(standin.Behaviour{RepeatedClientID: standin.RepeatedNew}))
	assert.NotEqual(t, first["id"], c.create(spec{files: map[string]string{"a": "1"}, input: mine})["id"])
	assert.Error(t, c.SetBehaviour(standin.Behaviour{RepeatedClientID: "what"}))
	assert.Nil(t, c.data(`{ clientIDMapping(clientID:"nobody") { serverID } }`, nil, "clientIDMapping"))
}

func TestCreateArtifactRefusals(t *testing.T) {
	c := start(t)
	c.log(spec{files: map[string]string{"a": "1"}})
	many := `{"k0":0`
	for i := range 100 {
		many += fmt.Sprintf(`,"x%d":%d`, i, i)
	}
	alias := func(names ...string) object {
		var list []object
		for _, name := range names {
			list = append(list, object{"artifactCollectionName": "things", "alias": name})
		}
		return object{"aliases": list}
	}
	for name, test := range map[string]struct {
		status int
		input  object
		want   string
	}{
		"other type":                {409, object{"artifactTypeName": "model"}, "has the type"},
		"no such run":               {404, object{"runName": "nobody"}, "not found"},
		"no such project":           {404, object{"projectName": "nowhere"}, "not found"},
		"no such entity":            {404, object{"entityName": "nobody"}, "not found"},
		"foreign entity":            {403, object{"entityName": "forbidden-team"}, "permission denied"},
		"bad name":                  {400, object{"artifactCollectionName": "a/b"}, "artifact name"},
		"long name":                 {400, object{"artifactCollectionName": strings.Repeat("n", 129)}, "artifact name"},
		"no name":                   {400, object{"artifactCollectionName": nil}, "collection name"},
		"two names":                 {400, object{"artifactCollectionNames": []string{"x"}}, "collection name"},
		"bad type":                  {400, object{"artifactTypeName": "a:b"}, "artifact type"},
		"reserved type":             {400, object{"artifactTypeName": "wandb-history", "artifactCollectionName": "new"}, "reserved"},
		"version as alias":          {400, alias("v3"), "reserved"},
		"slash in alias":            {400, alias("ok", "a/b"), "alias"},
		"empty alias":               {400, alias(""), "alias"},
		"alias elsewhere":           {400, object{"aliases": []object{{"artifactCollectionName": "other", "alias": "a"}}}, "another collection"},
		"bad tag":                   {400, object{"tags": []object{{"tagName": "a/b"}}}, "tag"},
		"bad digest":                {400, object{"digest": "abc"}, "digest"},
		"digest in base64":          {400, object{"digest": digest("x")}, "digest"},
		"other algorithm":           {400, object{"digestAlgorithm": "MANIFEST_XXH128"}, "MANIFEST_MD5"},
		"metadata is not JSON":      {400, object{"metadata": "{"}, "JSON"},
		"metadata is not an object": {500, object{"metadata": `[1]`}, "json: cannot unmarshal array into Go value of type map[string]interface {}"},
		"101 keys of metadata":      {400, object{"metadata": many + "}"}, "100"},
		"unknown field, if null":    {400, object{"newThing": nil}, "unknown field"},
		"wrong type of field":       {400, object{"historyStep": "7"}, "whole number"},
	} {
		t.Run(name, func(t *testing.T) {
			c := *c
			c.t = t
			input := c.createInput(spec{files: map[string]string{"a": "2"}})
			maps.Copy(input, test.input)
			assert.Contains(t, c.refused(test.status, createArtifact, object{"input": input}), test.want)
		})
	}
	assert.Len(t, c.State().Artifacts, 1, "nothing of it is left")
}

func TestCommitRefusals(t *testing.T) {
	files := map[string]string{"a": "1", "b": "22"}
	entry := func(content string, more object) object {
		e := object{"digest": digest(content), "size": len(content), "birthArtifactID": "QXJ0aWZhY3Q6OTk="}
		maps.Copy(e, more)
		return e
	}
	for name, test := range map[string]struct {
		spec spec
		want string
	}{
		"a file was not uploaded":       {spec{files: files, skip: "b"}, "b was not uploaded"},
		"a file is not in the manifest": {spec{files: files, fake: object{"b": nil}}, "has"},
		"another digest":                {spec{files: files, fake: object{"a": entry("x", nil)}}, "announced with digest"},
		"birth is nowhere":              {spec{files: files, fake: object{"a": entry("1", nil)}}, "birthArtifactID"},
		"no birth":                      {spec{files: files, fake: object{"a": entry("1", object{"birthArtifactID": nil})}}, "birthArtifactID"},
		"no size":                       {spec{files: files, fake: object{"a": entry("1", object{"size": nil})}}, "size"},
		"no digest":                     {spec{files: files, fake: object{"a": entry("1", object{"digest": ""})}}, "digest"},
		"a digest that is not valid":    {spec{files: files, fake: object{"a": entry("1", object{"digest": "abc"})}}, "digest"},
		"a path that leads out":         {spec{files: files, fake: object{"../a": entry("1", nil)}}, "file name"},
		"a client's reference":          {spec{files: files, fake: object{"r": object{"digest": "x", "ref": "wandb-client-artifact://abc/x"}}}, "client ID"},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t)
			id, _ := c.upload(test.spec)
			assert.Contains(t, c.refused(400, commitArtifact, object{"artifactID": id}), test.want)
			assert.Nil(t, c.version("things:latest"))
		})
	}
}

func TestCommitChecksSizes(t *testing.T) {
	c := start(t, overwriting)
	id, _ := c.upload(spec{files: map[string]string{"a": "1"}})
	contents := object{"a": object{"digest": digest("1"), "size": 2, "birthArtifactID": id}}
	c.sendManifest(spec{}, id, object{
		"version": 1, "storagePolicy": "wandb-storage-policy-v1", "storagePolicyConfig": object{"storageLayout": "V2"}, "contents": contents,
	})
	assert.Contains(t, c.refused(400, commitArtifact, object{"artifactID": id}), "2 bytes in the manifest and 1 in the storage")
}

func TestCommitWantsAManifest(t *testing.T) {
	c := start(t, overwriting)
	c.run("p", "maker")
	s := spec{files: map[string]string{"a": "1"}}
	id := c.create(s)["id"].(string)
	assert.Contains(t, c.refused(400, commitArtifact, object{"artifactID": id}), "manifest was not uploaded")
	c.manifest(s, id, digest("something else"))
	assert.Contains(t, c.refused(400, commitArtifact, object{"artifactID": id}), "manifest was not uploaded")
	for text, want := range map[string]string{
		"no JSON": "not valid", `{"version":1,"contents":{}}`: "not of version 1",
		`{"version":2,"storagePolicy":"wandb-storage-policy-v1","storagePolicyConfig":{"storageLayout":"V2"},"contents":{}}`: "not of version 1",
		`{"version":1,"storagePolicy":"wandb-storage-policy-v1","storagePolicyConfig":{"storageLayout":"V1"},"contents":{}}`: "not of version 1",
	} {
		require.Equal(t, 200, c.put(c.manifest(s, id, digest(text))["file"].(object), text).status)
		assert.Contains(t, c.refused(400, commitArtifact, object{"artifactID": id}), want)
	}
	assert.Contains(t, c.refused(404, commitArtifact, object{"artifactID": "nothing"}), "not found")
	for _, wrong := range []string{`artifactID: "x"`, `baseArtifactID: "x"`, `runName: "x"`, `entityName: "nobody"`} {
		args := fmt.Sprintf(`artifactID: %q, entityName: "", projectName: "p", runName: "maker", type: FULL`, id)
		field, _, _ := strings.Cut(wrong, ":")
		kept := slices.DeleteFunc(strings.Split(args, ", "), func(arg string) bool { return strings.HasPrefix(arg, field+":") })
		c.refused(404, `mutation { createArtifactManifest(input: {name: "m", digest: "", `+strings.Join(append(kept, wrong), ", ")+`}) { artifactManifest { id } } }`, nil)
	}
	assert.Contains(t, c.refused(400, createManifest, object{
		"artifactID": id, "digest": "no", "upload": true, "e": c.Entity(), "p": "p", "r": "maker",
	}), "digest")
}

func TestSecondCommitChangesNothing(t *testing.T) {
	c := start(t)
	id := c.log(spec{files: map[string]string{"a": "1"}})
	assert.EqualValues(t, 0, c.data(commitArtifact, object{"artifactID": id}, "commitArtifact", "artifact", "versionIndex"))
	list := []object{{"artifactID": id, "name": "late", "md5": digest("2")}}
	assert.Contains(t, c.refused(409, createFiles, object{"input": object{"storageLayout": "V2", "artifactFiles": list}}), "COMMITTED")
}

// TestCommitConflict is what happens when two versions are logged at once and share a new file.
func TestCommitConflict(t *testing.T) {
	c := start(t)
	first, _ := c.upload(spec{files: map[string]string{"shared": "1", "own": "a"}})
	second, _ := c.upload(spec{files: map[string]string{"shared": "1", "own": "b"}})
	c.data(commitArtifact, object{"artifactID": first})
	assert.Contains(t, c.refused(409, commitArtifact, object{"artifactID": second}), "rebase required")
	assert.Contains(t, c.refused(409, commitArtifact, object{"artifactID": second}), "rebase required", "trying again does not help")
	again := c.log(spec{files: map[string]string{"shared": "1", "own": "b"}, input: object{"clientID": "another"}})
	assert.Equal(t, again, c.version("things:v1")["id"])
}

func TestCreateFilesRefusals(t *testing.T) {
	c := start(t)
	c.run("p", "maker")
	id := c.create(spec{files: map[string]string{"a": "1"}})["id"]
	for name, test := range map[string]struct {
		status int
		file   object
	}{
		"bad digest":       {400, object{"md5": "zzz"}},
		"absolute path":    {400, object{"name": "/etc/passwd"}},
		"path upwards":     {400, object{"name": "a/../../b"}},
		"backslash":        {400, object{"name": `a\b`}},
		"empty name":       {400, object{"name": ""}},
		"unknown manifest": {404, object{"artifactManifestID": "x"}},
		"unknown artifact": {404, object{"artifactID": "x"}},
	} {
		file := object{"artifactID": id, "name": "a", "md5": digest("1")}
		maps.Copy(file, test.file)
		a := c.graphql(createFiles, object{"input": object{"storageLayout": "V2", "artifactFiles": []object{file}}})
		assert.Equal(t, test.status, a.status, "%s: %s", name, a.text)
	}
	assert.Contains(t, c.refused(400, createFiles, object{"input": object{"storageLayout": "V1", "artifactFiles": []object{}}}), "V2")
}

func TestLaterChanges(t *testing.T) {
	c := start(t)
	id := c.log(spec{files: map[string]string{"a": "1"}, input: object{"tags": []object{{"tagName": "old"}}}})
	update := `mutation($i: UpdateArtifactInput!) { updateArtifact(input: $i) { artifact { metadata description tags { name } } } }`
	changed := c.data(update, object{"i": object{
		"artifactID": id, "metadata": `{"x":1}`, "description": "d", "tagsToAdd": []object{{"tagName": "new"}}, "tagsToDelete": []object{{"tagName": "old"}},
	}}, "updateArtifact", "artifact")
	assert.Equal(t, object{"metadata": `{"x":1}`, "description": "d", "tags": []any{object{"name": "new"}}}, changed)
	unchanged := c.data(update, object{"i": object{"artifactID": id, "metadata": nil}}, "updateArtifact", "artifact", "metadata")
	assert.Equal(t, `{"x":1}`, unchanged, "null leaves it as it is")
	c.refused(500, update, object{"i": object{"artifactID": id, "metadata": `[]`}})
	c.refused(400, update, object{"i": object{"artifactID": id, "tagsToAdd": []object{{"tagName": "?"}}}})
	c.refused(404, update, object{"i": object{"artifactID": "none"}})
}

func TestAliases(t *testing.T) {
	c := start(t)
	first := c.log(spec{files: map[string]string{"a": "1"}})
	second := c.log(spec{files: map[string]string{"a": "2"}})
	change := func(field, kind, id, alias, collection string) answer {
		return c.graphql(fmt.Sprintf(`mutation($i: %sInput!) { %s(input: $i) { success } }`, kind, field), object{"i": object{
			"artifactID": id, "aliases": []object{{"entityName": c.Entity(), "projectName": "p", "artifactCollectionName": collection, "alias": alias}},
		}})
	}
	require.Equal(t, 200, change("addAliases", "AddAliases", first, "prod", "things").status)
	assert.Equal(t, first, c.version("things:prod")["id"])
	require.Equal(t, 200, change("addAliases", "AddAliases", second, "prod", "things").status)
	assert.Equal(t, second, c.version("things:prod")["id"], "an alias is at one version")
	require.Equal(t, 200, change("deleteAliases", "DeleteAliases", first, "prod", "things").status)
	assert.NotNil(t, c.version("things:prod"), "it was not the first version's any more")
	require.Equal(t, 200, change("deleteAliases", "DeleteAliases", second, "prod", "things").status)
	assert.Nil(t, c.version("things:prod"))
	assert.Equal(t, 400, change("addAliases", "AddAliases", first, "v7", "things").status)
	assert.Equal(t, 404, change("addAliases", "AddAliases", first, "x", "nowhere").status)
	pending, _ := c.upload(spec{files: map[string]string{"a": "3"}})
	assert.Equal(t, 400, change("addAliases", "AddAliases", pending, "x", "things").status)
}

func TestLineage(t *testing.T) {
	c := start(t)
	id := c.log(spec{files: map[string]string{"a": "1"}})
	c.run("p", "user")
	use := `mutation($i: UseArtifactInput!) { useArtifact(input: $i) { artifact { id } } }`
	input := object{"artifactID": id, "entityName": c.Entity(), "projectName": "p", "runName": "user"}
	c.data(use, object{"i": input})
	c.data(use, object{"i": input})
	assert.Equal(t, []any{object{"node": object{"name": "user"}}}, at(c.version("things:v0"), "usedBy", "edges"), "once")
	assert.Equal(t, id, c.data(`{ project(name: "p", entityName: "local-user") { run(name:"user") { inputArtifacts { edges { node { id } } } } } }`, nil,
		"project", "run", "inputArtifacts", "edges", 0, "node", "id"))
	pending, _ := c.upload(spec{files: map[string]string{"a": "2"}})
	for change, status := range map[string]int{"artifactID:" + pending: 400, "artifactID:x": 404, "runName:x": 404, "projectName:x": 404, "entityName:forbidden-team": 403} {
		wrong := maps.Clone(input)
		field, value, _ := strings.Cut(change, ":")
		wrong[field] = value
		assert.Equal(t, status, c.graphql(use, object{"i": wrong}).status, change)
	}
}

func TestDeleteArtifact(t *testing.T) {
	c := start(t)
	first := c.log(spec{files: map[string]string{"a": "1", "b": "1"}})
	second := c.log(spec{files: map[string]string{"a": "1", "b": "2"}, input: object{"aliases": []object{{"artifactCollectionName": "things", "alias": "kept"}}}})
	remove := `mutation($id: ID!, $all: Boolean) { deleteArtifact(input: {artifactID: $id, deleteAliases: $all}) { artifact { state } } }`
	assert.Contains(t, c.refused(400, remove, object{"id": second, "all": false}), "aliases")
	assert.Equal(t, "DELETED", c.data(remove, object{"id": second, "all": true}, "deleteArtifact", "artifact", "state"))
	assert.Nil(t, c.version("things:v1"))
	assert.Equal(t, first, c.version("things:latest")["id"], "latest goes back")
	assert.Nil(t, c.data(`query($id: ID!) { artifact(id: $id) { id } }`, object{"id": second}, "artifact"))
	c.refused(404, remove, object{"id": second, "all": true})
	third := c.log(spec{files: map[string]string{"a": "1", "b": "2"}})
	assert.EqualValues(t, 2, c.version("things:latest")["versionIndex"], "numbers are not used again")
	c.data(remove, object{"id": first, "all": true})
	_, err := c.ReadFile(c.Entity(), "p", "things", "v2", "a")
	assert.NoError(t, err, "files that a deleted version brought stay for the others")
	assert.NotEqual(t, second, third)
}

func TestListings(t *testing.T) {
	c := start(t, withPageMax(2))
	for i := range 5 {
		c.log(spec{name: fmt.Sprintf("ds%d", i), files: map[string]string{"a": "1"}})
	}
	c.log(spec{name: "m", kind: "model", files: map[string]string{"a": "1"}})
	var names []string
	after := any(nil)
	for range 5 {
		page := c.data(`query($a: String) { project(name: "p", entityName: "local-user") { artifactType(name:"dataset") { artifactCollections(first: 10, after: $a) {
			totalCount pageInfo { hasNextPage endCursor } edges { node { __typename name artifactMembership(aliasName:"latest") { versionIndex artifact { id } } } } } } } }`,
			object{"a": after}, "project", "artifactType", "artifactCollections")
		require.EqualValues(t, 5, at(page, "totalCount"))
		for _, edge := range at(page, "edges").([]any) {
			names = append(names, at(edge, "node", "name").(string))
		}
		if at(page, "pageInfo", "hasNextPage") == false {
			break
		}
		after = at(page, "pageInfo", "endCursor")
	}
	assert.Equal(t, []string{"ds4", "ds3", "ds2", "ds1", "ds0"}, names, "newest first, as W&B lists them")
	assert.Equal(t, 400, c.graphql(`{ project(name: "p", entityName: "local-user") { artifactCollections(after: "zz") { totalCount } } }`, nil).status)
	assert.Equal(t, 400, c.graphql(`{ project(name: "p", entityName: "local-user") { artifactCollections(first: -1) { totalCount } } }`, nil).status)
	types := c.data(`{ project(name: "p", entityName: "local-user") { artifactTypes { edges { node { name } } } artifactType(name:"nope") { id } } }`, nil, "project")
	assert.Equal(t, "model", at(types, "artifactTypes", "edges", 1, "node", "name"))
	assert.Nil(t, at(types, "artifactType"))
}

func TestVersionsCanBeFiltered(t *testing.T) {
	c := start(t)
	for i := range 4 {
		c.log(spec{files: map[string]string{"a": fmt.Sprint(i)}, input: object{"metadata": fmt.Sprintf(`{"n":{"m":%d}}`, i)}})
	}
	query := `query($f: JSONString, $o: String) { project(name: "p", entityName: "local-user") { artifactType(name:"dataset") { artifactCollection(name:"things") {
		artifacts(filters: $f, order: $o) { edges { version } } } } } }`
	for filter, want := range map[string]string{
		`{"state":"COMMITTED"}`:                                   "[v3 v2 v1 v0]",
		`{"metadata.n.m":{"$gte":2}}`:                             "[v3 v2]",
		`{"alias":"latest"}`:                                      "[v3]",
		`{"name":{"$in":["v0","v2"]}}`:                            "[v2 v0]",
		`{"$or":[{"versionIndex":1},{"versionIndex":{"$lt":1}}]}`: "[v1 v0]",
	} {
		var got []any
		for _, edge := range c.data(query, object{"f": filter}, "project", "artifactType", "artifactCollection", "artifacts", "edges").([]any) {
			got = append(got, at(edge, "version"))
		}
		assert.Equal(t, want, fmt.Sprint(got), filter)
	}
	assert.Equal(t, "v0", c.data(query, object{"o": "+versionIndex"}, "project", "artifactType", "artifactCollection", "artifacts", "edges", 0, "version"))
	c.refused(400, query, object{"f": `{"nonsense":1}`})
	c.refused(400, query, object{"f": `{"state":{"$near":1}}`})
	c.refused(400, query, object{"f": `[]`})
}

func TestFilesOfAnArtifact(t *testing.T) {
	c := start(t)
	id := c.log(spec{files: map[string]string{"a": "1", "b": "2", "c": "3"}})
	query := `query($id: ID!, $n: [String!], $a: String) { artifact(id: $id) { currentManifest { file { directUrl } } files(names: $n, first: 2, after: $a) {
		totalCount pageInfo { hasNextPage endCursor } edges { node { name directUrl sizeBytes digest } } } } }`
	page := c.data(query, object{"id": id}, "artifact", "files")
	assert.EqualValues(t, 3, at(page, "totalCount"))
	rest := c.data(query, object{"id": id, "a": at(page, "pageInfo", "endCursor")}, "artifact", "files")
	assert.Equal(t, "c", at(rest, "edges", 0, "node", "name"))
	assert.Equal(t, false, at(rest, "pageInfo", "hasNextPage"))
	picked := c.data(query, object{"id": id, "n": []string{"b", "zzz"}}, "artifact", "files")
	assert.EqualValues(t, 1, at(picked, "totalCount"))
	assert.Equal(t, "2", c.do(c.request(http.MethodGet, at(picked, "edges", 0, "node", "directUrl").(string), "")).text)
	manifest := c.data(query, object{"id": id}, "artifact", "currentManifest", "file", "directUrl").(string)
	assert.Contains(t, c.do(c.request(http.MethodGet, manifest, "")).text, `"contents"`)
	entries := `query($id: ID!, $e: [ArtifactManifestEntryInput!]) { artifact(id: $id) { filesByManifestEntries(storageLayout: "V2", manifestVersion: "1", entries: $e) { edges { node { name directUrl } } } } }`
	found := c.data(entries, object{"id": id, "e": []object{{"name": "x", "digest": digest("3"), "birthArtifactID": id}}}, "artifact", "filesByManifestEntries", "edges", 0, "node")
	assert.Equal(t, "3", c.do(c.request(http.MethodGet, at(found, "directUrl").(string), "")).text)
	c.refused(404, entries, object{"id": id, "e": []object{{"name": "x", "digest": digest("9"), "birthArtifactID": id}}})
}

// TestManyAtOnce logs versions of one artifact and of others from many goroutines.
func TestManyAtOnce(t *testing.T) {
	c := start(t)
	const n = 16
	c.run("p", "maker")
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			files := map[string]string{"own": fmt.Sprint(i), "large": strings.Repeat(fmt.Sprint(i), 300_000)}
			c.log(spec{files: files})
			c.log(spec{name: fmt.Sprintf("other%d", i%4), files: files})
			c.State()
		})
	}
	wg.Wait()
	state := c.State()
	assert.Len(t, state.Artifacts, 2*n)
	seen := map[int]bool{}
	for _, a := range state.Artifacts {
		if a.Collection == "things" {
			assert.False(t, seen[a.Version], "v%d twice", a.Version)
			seen[a.Version] = true
			assert.Equal(t, "COMMITTED", a.State)
		}
	}
	assert.Len(t, seen, n)
}
