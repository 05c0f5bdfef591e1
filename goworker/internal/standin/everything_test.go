package standin_test

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// required are values for the arguments that must be given, by name; those of some fields are others.
var required = map[string]string{
	"name": `"things:latest"`, "id": `"x"`, "clientID": `"x"`, "specs": `[]`, "liveKeys": `["loss"]`, "rampIDType": "OrgName",
	"aliasName": `"latest"`, "storageLayout": `"V2"`, "manifestVersion": `"1"`,
	"run": `"maker"`, "bucket": `"maker"`, "artifactType": `"dataset"`, "artifactCollection": `"things"`,
}

// selectAll asks for every field of a type, that far down. Fields have their type in front,
// so that the same name of two types does not clash.
func selectAll(schema *ast.Schema, def *ast.Definition, depth int) string {
	var out strings.Builder
	if def.IsAbstractType() {
		out.WriteString("__typename ")
		for _, possible := range schema.GetPossibleTypes(def) {
			fmt.Fprintf(&out, "... on %s { %s } ", possible.Name, selectAll(schema, possible, depth))
		}
		return out.String()
	}
	for _, field := range def.Fields {
		inner := schema.Types[field.Type.Name()]
		if strings.HasPrefix(field.Name, "__") || (!inner.IsLeafType() && depth == 0) {
			continue
		}
		var args []string
		for _, arg := range field.Arguments {
			if arg.Type.NonNull {
				value := required[arg.Name]
				if other := required[field.Name]; other != "" && arg.Name == "name" {
					value = other
				}
				args = append(args, arg.Name+": "+value)
			}
		}
		call := ""
		if len(args) > 0 {
			call = "(" + strings.Join(args, ", ") + ")"
		}
		fmt.Fprintf(&out, "%s_%s: %s%s ", def.Name, field.Name, field.Name, call)
		if !inner.IsLeafType() {
			fmt.Fprintf(&out, "{ __typename %s} ", selectAll(schema, inner, depth-1))
		}
	}
	return out.String()
}

// TestEveryFieldIsServed asks for all that the schema promises, of things that are there.
func TestEveryFieldIsServed(t *testing.T) {
	c := start(t)
	demo(t, c)
	sdl, err := os.ReadFile("schema.graphql")
	require.NoError(t, err)
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: string(sdl)})
	all := func(name string, depth int) string { return selectAll(schema, schema.Types[name], depth) }
	id := c.version("things:v0")["id"].(string)
	collection := c.data(`{ project(name: "p", entityName: "local-user") { artifactCollection(name:"things") { id } } }`, nil, "project", "artifactCollection", "id").(string)
	for document, path := range map[string][]any{
		`{ viewer { ` + all("User", 3) + `} }`:                                                                                                      {"viewer", "User_username"},
		`{ user(userName: "local-user") { ` + all("User", 1) + `} }`:                                                                                {"user", "User_username"},
		`{ entity(name: "team") { ` + all("Entity", 2) + `} }`:                                                                                      {"entity", "Entity_name"},
		`{ serverInfo { ` + all("ServerInfo", 2) + `} }`:                                                                                            {"serverInfo", "ServerInfo_features"},
		`{ project(name: "p", entityName: "local-user") { ` + all("Project", 3) + `} }`:                                                             {"project", "Project_artifact", "Artifact_digest"},
		`{ model(name: "p") { run(name: "maker") { ` + all("Run", 3) + `} } }`:                                                                      {"model", "run", "Run_historyKeys", "lastStep"},
		`{ artifact(id: "` + id + `") { ` + all("Artifact", 3) + `} }`:                                                                              {"artifact", "Artifact_createdBy", "Run_name"},
		`{ artifactCollection(id: "` + collection + `") { ` + all("ArtifactCollection", 3) + `} }`:                                                  {"artifactCollection", "ArtifactSequence_latestArtifact", "Artifact_id"},
		`{ ` + strings.Replace(all("Query", 1), "Query_project: project ", `Query_project: project(name: "p", entityName: "local-user") `, 1) + `}`: {"Query_viewer", "User_username"},
	} {
		a := c.graphql(document, nil)
		assert.Equal(t, 200, a.status, a.text[:min(len(a.text), 2000)])
		assert.NotNil(t, at(at(a.json["data"], path[:len(path)-1]...), path[len(path)-1]), "%v of %s", path, a.text[:min(len(a.text), 300)])
	}
}

func TestCollections(t *testing.T) {
	c := start(t)
	first := c.log(spec{files: map[string]string{"a": "1"}})
	id := c.data(`{ project(name: "p", entityName: "local-user") { artifactCollection(name:"things") { id } } }`, nil, "project", "artifactCollection", "id").(string)
	described := c.data(`mutation($id: ID!) { updateArtifactSequence(input: {artifactSequenceID: $id, description: "words"}) { artifactCollection { description } } }`,
		object{"id": id}, "updateArtifactSequence", "artifactCollection", "description")
	assert.Equal(t, "words", described)
	tags := object{"entityName": "", "projectName": "p", "artifactCollectionName": "things", "tags": []object{{"tagName": "a"}, {"tagName": "b"}}}
	add := `mutation($i: CreateArtifactCollectionTagAssignmentsInput!) { createArtifactCollectionTagAssignments(input: $i) { tags { name } } }`
	remove := `mutation($i: DeleteArtifactCollectionTagAssignmentsInput!) { deleteArtifactCollectionTagAssignments(input: $i) { success } }`
	assert.Len(t, c.data(add, object{"i": tags}, "createArtifactCollectionTagAssignments", "tags"), 2)
	assert.Len(t, c.data(add, object{"i": tags}, "createArtifactCollectionTagAssignments", "tags"), 2, "once each")
	c.refused(400, add, object{"i": with(tags, "tags", []object{{"tagName": "a:b"}})})
	c.refused(400, add, object{"i": with(tags, "tags", make([]object, 0, 1), 21)})
	c.refused(404, add, object{"i": with(tags, "artifactCollectionName", "none")})
	c.data(remove, object{"i": with(tags, "tags", []object{{"tagName": "a"}})})
	assert.Equal(t, []string{"b"}, c.State().Collections[0].Tags)

	rename := `mutation($id: ID!, $n: String) { updateArtifactSequence(input: {artifactSequenceID: $id, name: $n}) { artifactCollection { name } } }`
	c.log(spec{name: "taken", files: map[string]string{"a": "1"}})
	c.refused(409, rename, object{"id": id, "n": "taken"})
	c.refused(400, rename, object{"id": id, "n": "a/b"})
	assert.Equal(t, "renamed", c.data(rename, object{"id": id, "n": "renamed"}, "updateArtifactSequence", "artifactCollection", "name"))
	assert.Equal(t, first, c.version("renamed:v0")["id"])
	assert.Nil(t, c.version("things:v0"))
	c.data(rename, object{"id": id, "n": "things"})

	drop := `mutation($id: ID!) { deleteArtifactSequence(input: {artifactSequenceID: $id}) { artifactCollection { name } } }`
	assert.Equal(t, "things", c.data(drop, object{"id": id}, "deleteArtifactSequence", "artifactCollection", "name"))
	assert.Nil(t, c.version("things:latest"))
	c.refused(404, drop, object{"id": id})
	c.refused(404, `mutation($id: ID!) { updateArtifactSequence(input: {artifactSequenceID: $id}) { artifactCollection { name } } }`, object{"id": id})
	second := c.log(spec{kind: "model", files: map[string]string{"a": "1"}})
	assert.NotEqual(t, first, second)
	assert.EqualValues(t, 0, c.version("things:latest")["versionIndex"], "the name is free, for any type")
}

// with is an input with one field changed; a list is filled up to n tags.
func with(input object, field string, value any, n ...int) object {
	out := maps.Clone(input)
	out[field] = value
	if list, ok := value.([]object); ok && len(n) > 0 {
		for i := range n[0] {
			list = append(list, object{"tagName": fmt.Sprintf("t%d", i)})
		}
		out[field] = list
	}
	return out
}

func TestManifestCanBeGivenLater(t *testing.T) {
	c := start(t)
	c.run("p", "maker")
	s := spec{files: map[string]string{"a": "1"}}
	id := c.create(s)["id"].(string)
	manifestID := c.manifest(s, id, "")["id"]
	update := `mutation($id: ID!, $d: String) { updateArtifactManifest(input: {artifactManifestID: $id, digest: $d}) { artifactManifest { id file { uploadUrl uploadHeaders } } } }`
	file := c.data(update, object{"id": manifestID, "d": digest("{}")}, "updateArtifactManifest", "artifactManifest", "file").(object)
	assert.Equal(t, 200, c.put(file, "{}").status)
	c.refused(400, update, object{"id": manifestID, "d": "x"})
	c.refused(404, update, object{"id": "x", "d": nil})
}
