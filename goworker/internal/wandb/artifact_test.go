package wandb_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

// filesOf makes an artifact's files; the contents are in dir under their numbers.
func filesOf(t *testing.T, dir string, contents ...string) *artifact.Files {
	files := new(artifact.Files)
	for i, text := range contents {
		local := wandbtest.WriteFile(t, text, dir, fmt.Sprintf("%04d", i))
		digest, _, size, mod, err := artifact.HashFile(t.Context(), local)
		require.NoError(t, err)
		require.NoError(t, files.Add(artifact.Entry{Path: fmt.Sprintf("d/%04d.txt", i), Digest: digest, Size: size, LocalPath: local, ModTime: mod}))
	}
	return files
}

func spec(files *artifact.Files) wandb.ArtifactSpec {
	return wandb.ArtifactSpec{Run: ref("r"), Type: "dataset", Name: "name", Files: files, Metadata: json.RawMessage(`{"a":1}`)}
}

// numbered are n different texts.
func numbered(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint("text ", i)
	}
	return out
}

// births are the versions that brought the files of one.
func (srv *server) births(id string) map[string]string {
	out := map[string]string{}
	for path, f := range srv.version(id).Files {
		out[path] = f.Birth
	}
	return out
}

// created is what the server was asked to create.
func (srv *server) created() (inputs []obj) {
	for _, r := range srv.seen("CreateArtifact") {
		inputs = append(inputs, r.variables["input"].(obj))
	}
	return inputs
}

func TestAnArtifactIsLoggedInTheRightOrder(t *testing.T) {
	srv := newServer(t)
	files := filesOf(t, t.TempDir(), "one", "")
	s := spec(files)
	s.Aliases, s.Tags, s.Description = []string{"best", "latest", "best"}, []string{"a tag"}, "words"
	done, err := srv.client().LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	assert.Equal(t, wandb.LoggedArtifact{
		ID: srv.only().ID, Digest: files.Digest(), Version: "v0", New: true, FilesUploaded: 2, BytesUploaded: 3,
	}, done)
	assert.Equal(t, []string{
		"CreateArtifact", "CreateArtifactManifest", "CreateArtifactFiles", "PUT", "PUT", "CreateArtifactManifest", "PUT", "CommitArtifact",
	}, srv.calls())
	srv.assertStored(files)
	in := srv.created()[0]
	assert.Equal(t, []any{obj{"alias": "latest", "artifactCollectionName": "name"}, obj{"alias": "best", "artifactCollectionName": "name"}}, in["aliases"])
	assert.Equal(t, []any{obj{"tagName": "a tag"}}, in["tags"])
	assert.Equal(t, []any{"words", "r", `{"a":1}`, "MANIFEST_MD5"}, []any{in["description"], in["runName"], in["metadata"], in["digestAlgorithm"]})
}

func TestWhatIsEmptyIsNotSent(t *testing.T) {
	srv := newServer(t)
	s := spec(filesOf(t, t.TempDir(), "one"))
	s.Metadata = nil
	_, err := srv.client().LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	for _, field := range []string{"description", "metadata", "tags", "historyStep", "ttlDurationSeconds"} {
		assert.NotContains(t, srv.created()[0], field, "an older server refuses a field that it does not know, even if it is null")
	}
}

func TestClientIDsAreDerived(t *testing.T) {
	ids := map[string]string{}
	for name, change := range map[string]func(*wandb.ArtifactSpec){
		"as it is": func(*wandb.ArtifactSpec) {}, "again": func(*wandb.ArtifactSpec) {},
		"name":     func(s *wandb.ArtifactSpec) { s.Name = "other" },
		"project":  func(s *wandb.ArtifactSpec) { s.Run.Project = "other" },
		"entity":   func(s *wandb.ArtifactSpec) { s.Run.Entity = "other" },
		"contents": func(s *wandb.ArtifactSpec) { s.Files = filesOf(t, t.TempDir(), "two") },
		"run":      func(s *wandb.ArtifactSpec) { s.Run.ID = "other" },
	} {
		srv := newServer(t)
		in := srv.inputs()
		proxy := newProxy(t, srv, new(atomic.Int32))
		in.BaseURL, in.Env = "http://wandb.test", map[string]string{"HTTP_PROXY": proxy} // one address for all servers
		s := spec(filesOf(t, t.TempDir(), "one"))
		change(&s)
		srv.haveRun(s.Run, "running", "", "")
		c := clientFor(t, in, wandb.WithTimings(quick()))
		_, err := c.LogArtifact(t.Context(), s, nil)
		require.NoError(t, err)
		asked := srv.created()[0]
		id := str(asked["clientID"])
		assert.Regexp(t, regexp.MustCompile(`^[a-z0-9]{128}$`), id)
		assert.NotEqual(t, id, asked["sequenceClientID"])
		ids[name] = id
	}
	assert.Equal(t, ids["as it is"], ids["again"])
	assert.Equal(t, ids["as it is"], ids["run"], "a retry under another run finds what the first one left")
	for _, other := range []string{"name", "project", "entity", "contents"} {
		assert.NotEqual(t, ids["as it is"], ids[other], other)
	}
}

func TestManyFilesGoUpInGrowingBatchesAndWithinTheBound(t *testing.T) {
	srv := newServer(t)
	var now, most atomic.Int32
	var once sync.Once
	two := make(chan struct{}) // closed when two are at work at once
	srv.on("PUT", 100000, func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		if n == 2 {
			once.Do(func() { close(two) })
		}
		select {
		case <-two:
			srv.pass(w, r)
		case <-r.Context().Done():
		}
	})
	limits := wandb.DefaultLimits()
	limits.Uploads, limits.FirstBatch, limits.MaxBatch = 5, 4, 30
	var sizes []int
	var last wandb.UploadProgress
	files := filesOf(t, t.TempDir(), numbered(120)...)
	require.NoError(t, files.Add(artifact.Entry{Path: "ref", Ref: "https://example.com/x", Digest: "https://example.com/x", Size: 99}))
	done, err := srv.client(wandb.WithLimits(limits)).LogArtifact(t.Context(), spec(files), func(p wandb.UploadProgress) {
		assert.GreaterOrEqual(t, p.FilesDone, last.FilesDone)
		assert.GreaterOrEqual(t, p.BytesDone, last.BytesDone)
		last = p
	})
	require.NoError(t, err)
	assert.EqualValues(t, 120, done.FilesUploaded)
	assert.Equal(t, wandb.UploadProgress{FilesDone: 120, FilesTotal: 120, BytesDone: done.BytesUploaded, BytesTotal: done.BytesUploaded}, last)
	assert.Equal(t, files.Size()-99, done.BytesUploaded)
	assert.LessOrEqual(t, most.Load(), int32(5))
	assert.Greater(t, most.Load(), int32(1))
	for _, r := range srv.seen("CreateArtifactFiles") {
		sizes = append(sizes, len(r.variables["input"].(obj)["artifactFiles"].([]any)))
	}
	assert.ElementsMatch(t, []int{4, 16, 30, 30, 30, 10}, sizes)
}

func TestWhatTheServerHasIsNotUploadedAgain(t *testing.T) {
	srv := newServer(t)
	c := srv.client()
	dir := t.TempDir()
	first, err := c.LogArtifact(t.Context(), spec(filesOf(t, dir, numbered(10)...)), nil)
	require.NoError(t, err)
	puts := srv.count("PUT")

	changed := numbered(10)
	changed[3] = "new"
	var last wandb.UploadProgress
	second, err := c.LogArtifact(t.Context(), spec(filesOf(t, dir, changed...)), func(p wandb.UploadProgress) { last = p })
	require.NoError(t, err)
	assert.Equal(t, []any{"v1", true, int64(1), int64(9), int64(3)}, []any{second.Version, second.New, second.FilesUploaded, second.FilesUnchanged, second.BytesUploaded})
	assert.Equal(t, wandb.UploadProgress{FilesDone: 10, FilesTotal: 10, BytesDone: 3, BytesTotal: 3}, last)
	assert.Equal(t, puts+2, srv.count("PUT"), "one file and the manifest")
	births := srv.births(second.ID)
	assert.Equal(t, second.ID, births["d/0003.txt"])
	assert.Equal(t, first.ID, births["d/0004.txt"])
}

func TestContentThatIsThereIsRecordedAsUsed(t *testing.T) {
	srv := newServer(t)
	c := srv.client()
	s := spec(filesOf(t, t.TempDir(), "one"))
	first, err := c.LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	srv.forget()
	srv.have("later", "running", "")
	unlabelled := func(data obj) { data["artifact"].(obj)["aliases"] = []obj{} } // as of a server that moves no alias by itself
	srv.alter("ArtifactVersion", 1, unlabelled)

	s.Run.ID, s.Aliases, s.Tags, s.Description = "later", []string{"again"}, []string{"tag"}, "words"
	second, err := c.LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	assert.Equal(t, wandb.LoggedArtifact{ID: first.ID, Digest: first.Digest, Version: "v0"}, second)
	assert.Equal(t, []string{first.ID}, srv.run("later").Inputs)
	assert.Equal(t, []string{"again", "latest"}, srv.version(first.ID).Aliases)
	assert.Equal(t, []string{"tag"}, srv.version(first.ID).Tags)
	assert.Equal(t, "words", srv.version(first.ID).Description)
	assert.ElementsMatch(t, []string{"CreateArtifact", "ArtifactVersion", "AddAliases", "UpdateArtifact", "UseArtifact"}, srv.calls())

	s.Run.ID, s.Tags, s.Description = "r", nil, ""
	srv.forget()
	_, err = c.LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"CreateArtifact", "ArtifactVersion"}, srv.calls(), "the run that made it does not use it")
}

func TestAnAliasOfTheSameNameElsewhereIsNotOurs(t *testing.T) {
	srv := newServer(t)
	c := srv.client()
	s := spec(filesOf(t, t.TempDir(), "one"))
	_, err := c.LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	srv.alter("ArtifactVersion", 1, func(data obj) {
		data["artifact"].(obj)["aliases"] = []obj{{"alias": "latest", "artifactCollection": obj{"name": "a registry's"}}}
	})
	_, err = c.LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	assert.Equal(t, 1, srv.count("AddAliases"))
}

func TestAConflictStartsOver(t *testing.T) {
	conflict := refuse(409, "conflict detected for file digest x, rebase required")
	for _, op := range []string{"CommitArtifact", "CreateArtifactFiles", "CreateArtifactManifest", "CreateArtifact"} {
		srv := newServer(t)
		srv.on(op, 2, conflict)
		var notices atomic.Int32
		done, err := srv.client(wandb.WithNotices(func(string) { notices.Add(1) })).LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
		require.NoError(t, err, op)
		assert.Equal(t, 3, srv.count("CreateArtifact"), op)
		assert.Equal(t, 1, srv.committed())
		assert.Equal(t, "v0", done.Version)
		assert.EqualValues(t, 2, notices.Load())
		ids := map[string]bool{}
		for _, input := range srv.created() {
			ids[str(input["clientID"])] = true
		}
		assert.Len(t, ids, 3, "each attempt has its own id")
	}
	srv := newServer(t)
	srv.on("CommitArtifact", 1000, conflict)
	_, err := srv.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
	assert.Equal(t, "refused", fault.Code(err))
	assert.Contains(t, err.Error(), "rebase required")
	assert.Equal(t, 5, srv.count("CreateArtifact"))
}

func TestAPendingArtifactThatIsGoneIsCreatedAgain(t *testing.T) {
	srv := newServer(t)
	srv.on("CreateArtifactManifest", 1, refuse(404, "artifact not found"))
	_, err := srv.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
	require.NoError(t, err)
	assert.Equal(t, 2, srv.count("CreateArtifact"))
}

func TestAVersionThatWasDeletedIsCreatedAgain(t *testing.T) {
	state := func(s string) func(obj) {
		return func(data obj) { data["createArtifact"].(obj)["artifact"].(obj)["state"] = s }
	}
	srv := newServer(t)
	srv.alter("CreateArtifact", 2, state("DELETED"))
	done, err := srv.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
	require.NoError(t, err)
	assert.True(t, done.New)
	assert.Equal(t, 3, srv.count("CreateArtifact"))

	old := newServer(t)
	old.alter("CreateArtifact", 1000, state("DELETED"))
	_, err = old.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
	assert.NoError(t, err, "an old server goes on with it")

	odd := newServer(t)
	odd.alter("CreateArtifact", 1, state("FROZEN"))
	_, err = odd.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
	assert.Equal(t, "server_error", fault.Code(err))
	assert.Contains(t, err.Error(), "FROZEN")
}

func TestWhatAnotherRunLeftPendingGetsOurNamesAndLineage(t *testing.T) {
	srv := newServer(t)
	c := srv.client()
	files := filesOf(t, t.TempDir(), "one")
	left := spec(files)
	left.Run.ID = "crashed"
	srv.have("crashed", "crashed", "")
	srv.on("CommitArtifact", 1, refuse(403, "not now"))
	_, err := c.LogArtifact(t.Context(), left, nil)
	require.Error(t, err)
	assert.Zero(t, srv.committed())

	s := spec(files)
	s.Aliases, s.Description, s.Tags = []string{"mine"}, "mine", []string{"mine"}
	done, err := c.LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	assert.Zero(t, done.FilesUploaded, "what the first try brought is not brought again")
	a := srv.only()
	assert.Contains(t, a.Aliases, "mine")
	assert.Equal(t, []any{`{"a":1}`, "mine", []string{"mine"}}, []any{string(a.Metadata), a.Description, a.Tags})
	assert.Equal(t, []string{a.ID}, srv.run("r").Inputs)
}

func TestMetadataThatIsTooLargeIsSentSlim(t *testing.T) {
	srv := newServer(t)
	s := spec(filesOf(t, t.TempDir(), "one"))
	s.SlimMetadata = json.RawMessage(`{"slim":true}`)
	srv.on("CreateArtifact", 1, body(413, "text/html", "<html>too large</html>"))
	done, err := srv.client().LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	assert.True(t, done.Slim)
	assert.Equal(t, `{"slim":true}`, string(srv.only().Metadata))

	srv = newServer(t)
	srv.on("CreateArtifact", 2, status(413, "too large"))
	_, err = srv.client().LogArtifact(t.Context(), s, nil)
	assert.Equal(t, "too_large", fault.Code(err))
	assert.Equal(t, 2, srv.count("CreateArtifact"))
}

func TestABatchThatIsTooLargeIsCut(t *testing.T) {
	srv := newServer(t)
	srv.on("CreateArtifactFiles", 3, status(413, "too large"))
	files := filesOf(t, t.TempDir(), numbered(8)...)
	done, err := srv.client().LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	assert.EqualValues(t, 8, done.FilesUploaded)
	srv.assertStored(files)
}
