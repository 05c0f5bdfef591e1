package wandb_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
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

// only is the one artifact that the server has.
func (f *fake) only() *fakeArtifact {
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Len(f.t, f.arts, 1)
	return f.arts[0]
}

// committed is the number of versions that anybody can see.
func (f *fake) committed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, a := range f.arts {
		if a.state == "COMMITTED" {
			n++
		}
	}
	return n
}

// assertStored checks that the manifest names every file with its bytes' digest and
// that these bytes are on the server.
func (f *fake) assertStored(files *artifact.Files) {
	f.t.Helper()
	var a *fakeArtifact
	for _, one := range f.arts {
		if one.state == "COMMITTED" {
			require.Nil(f.t, a, "one version is there")
			a = one
		}
	}
	require.NotNil(f.t, a)
	entries := f.entries(a)
	require.Len(f.t, entries, files.Len())
	for _, e := range files.Sorted() {
		require.Equal(f.t, e.Digest, entries[e.Path].Digest)
		require.Equal(f.t, a.id, entries[e.Path].BirthArtifactID)
		raw, err := os.ReadFile(e.LocalPath)
		require.NoError(f.t, err)
		require.Equal(f.t, string(raw), string(f.blobs["file/"+a.id+"/"+hexOf(e.Digest)]))
	}
}

// fakeEntry is a file in a manifest.
type fakeEntry struct{ Digest, BirthArtifactID string }

// entries are the files in a version's manifest.
func (f *fake) entries(a *fakeArtifact) map[string]fakeEntry {
	var m struct{ Contents map[string]fakeEntry }
	require.NoError(f.t, json.Unmarshal(a.manifest, &m))
	return m.Contents
}

// births are the versions that brought the files of one.
func (f *fake) births(id string) map[string]string {
	out := map[string]string{}
	for path, e := range f.entries(f.artifact(id)) {
		out[path] = e.BirthArtifactID
	}
	return out
}

func TestAnArtifactIsLoggedInTheRightOrder(t *testing.T) {
	f := newFake(t)
	files := filesOf(t, t.TempDir(), "one", "")
	s := spec(files)
	s.Aliases, s.Tags, s.Description = []string{"best", "latest", "best"}, []string{"a tag"}, "words"
	done, err := f.client().LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	assert.Equal(t, wandb.LoggedArtifact{
		ID: artifactID(0), Digest: files.Digest(), Version: "v0", New: true, FilesUploaded: 2, BytesUploaded: 3,
	}, done)
	assert.Equal(t, []string{
		"CreateArtifact", "CreateArtifactManifest", "CreateArtifactFiles", "PUT", "PUT", "CreateArtifactManifest", "PUT", "CommitArtifact",
	}, f.calls)
	f.assertStored(files)
	in := f.only().input
	assert.Equal(t, []any{obj{"alias": "latest", "artifactCollectionName": "name"}, obj{"alias": "best", "artifactCollectionName": "name"}}, in["aliases"])
	assert.Equal(t, []any{obj{"tagName": "a tag"}}, in["tags"])
	assert.Equal(t, []any{"words", "r", `{"a":1}`, "MANIFEST_MD5"}, []any{in["description"], in["runName"], in["metadata"], in["digestAlgorithm"]})
}

func TestWhatIsEmptyIsNotSent(t *testing.T) {
	f := newFake(t)
	s := spec(filesOf(t, t.TempDir(), "one"))
	s.Metadata = nil
	_, err := f.client().LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	for _, field := range []string{"description", "metadata", "tags", "historyStep", "ttlDurationSeconds"} {
		assert.NotContains(t, f.only().input, field, "an older server refuses a field that it does not know, even if it is null")
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
		f := newFake(t)
		in := f.inputs()
		target := strings.TrimPrefix(f.api.URL, "http://")
		in.BaseURL, in.Env = "http://wandb.test", map[string]string{"HTTP_PROXY": "http://" + target} // one server for all
		s := spec(filesOf(t, t.TempDir(), "one"))
		change(&s)
		c := clientFor(t, in, wandb.WithTimings(quick()))
		_, err := c.LogArtifact(t.Context(), s, nil)
		require.NoError(t, err)
		id := str(f.only().input["clientID"])
		assert.Regexp(t, regexp.MustCompile(`^[a-z0-9]{128}$`), id)
		assert.NotEqual(t, id, f.only().input["sequenceClientID"])
		ids[name] = id
	}
	assert.Equal(t, ids["as it is"], ids["again"])
	assert.Equal(t, ids["as it is"], ids["run"], "a retry under another run finds what the first one left")
	for _, other := range []string{"name", "project", "entity", "contents"} {
		assert.NotEqual(t, ids["as it is"], ids[other], other)
	}
}

func TestManyFilesGoUpInGrowingBatchesAndWithinTheBound(t *testing.T) {
	f := newFake(t)
	var now, most atomic.Int32
	var once sync.Once
	two := make(chan struct{}) // closed when two are at work at once
	f.on("PUT", 100000, func(_ http.ResponseWriter, r *http.Request) {
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
		case <-r.Context().Done():
		}
	})
	limits := wandb.DefaultLimits()
	limits.Uploads, limits.FirstBatch, limits.MaxBatch = 5, 4, 30
	var sizes []int
	var last wandb.UploadProgress
	files := filesOf(t, t.TempDir(), numbered(120)...)
	require.NoError(t, files.Add(artifact.Entry{Path: "ref", Ref: "https://example.com/x", Digest: "https://example.com/x", Size: 99}))
	done, err := f.client(wandb.WithLimits(limits)).LogArtifact(t.Context(), spec(files), func(p wandb.UploadProgress) {
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
	for i, call := range f.calls {
		if call == "CreateArtifactFiles" {
			sizes = append(sizes, strings.Count(f.dumps[i], `"artifactID"`))
		}
	}
	assert.ElementsMatch(t, []int{4, 16, 30, 30, 30, 10}, sizes)
}

func TestWhatTheServerHasIsNotUploadedAgain(t *testing.T) {
	f := newFake(t)
	c := f.client()
	dir := t.TempDir()
	first, err := c.LogArtifact(t.Context(), spec(filesOf(t, dir, numbered(10)...)), nil)
	require.NoError(t, err)
	puts := f.count("PUT")

	changed := numbered(10)
	changed[3] = "new"
	var last wandb.UploadProgress
	second, err := c.LogArtifact(t.Context(), spec(filesOf(t, dir, changed...)), func(p wandb.UploadProgress) { last = p })
	require.NoError(t, err)
	assert.Equal(t, []any{"v1", true, int64(1), int64(9), int64(3)}, []any{second.Version, second.New, second.FilesUploaded, second.FilesUnchanged, second.BytesUploaded})
	assert.Equal(t, wandb.UploadProgress{FilesDone: 10, FilesTotal: 10, BytesDone: 3, BytesTotal: 3}, last)
	assert.Equal(t, puts+2, f.count("PUT"), "one file and the manifest")
	births := f.births(second.ID)
	assert.Equal(t, second.ID, births["d/0003.txt"])
	assert.Equal(t, first.ID, births["d/0004.txt"])
}

func TestContentThatIsThereIsRecordedAsUsed(t *testing.T) {
	f := newFake(t)
	c := f.client()
	s := spec(filesOf(t, t.TempDir(), "one"))
	first, err := c.LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	f.calls = nil

	s.Run.ID, s.Aliases, s.Tags = "later", []string{"again"}, []string{"tag"}
	second, err := c.LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	assert.Equal(t, wandb.LoggedArtifact{ID: first.ID, Digest: first.Digest, Version: "v0"}, second)
	assert.Equal(t, []string{"later " + first.ID}, f.uses)
	assert.Equal(t, []string{"latest", "again"}, f.artifact(first.ID).aliases)
	assert.Equal(t, []any{obj{"tagName": "tag"}}, f.artifact(first.ID).input["updated"].(obj)["tagsToAdd"])
	assert.ElementsMatch(t, []string{"CreateArtifact", "ArtifactVersion", "AddAliases", "UpdateArtifact", "UseArtifact"}, f.calls)

	s.Run.ID, s.Tags = "r", nil
	f.calls = nil
	_, err = c.LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"CreateArtifact", "ArtifactVersion"}, f.calls, "the run that made it does not use it")
}

func TestAnAliasOfTheSameNameElsewhereIsNotOurs(t *testing.T) {
	f := newFake(t)
	c := f.client()
	s := spec(filesOf(t, t.TempDir(), "one"))
	_, err := c.LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	node := f.only().node()
	node["aliases"] = []obj{{"alias": "latest", "artifactCollection": obj{"name": "a registry's"}}}
	f.on("ArtifactVersion", 1, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, obj{"data": obj{"artifact": node}}) })
	_, err = c.LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	assert.Equal(t, 1, f.count("AddAliases"))
}

func TestAConflictMakesItAnew(t *testing.T) {
	conflict := refuse(409, "conflict detected for file digest x, rebase required")
	for _, op := range []string{"CommitArtifact", "CreateArtifactFiles", "CreateArtifactManifest", "CreateArtifact"} {
		f := newFake(t)
		f.on(op, 2, conflict)
		var notices atomic.Int32
		done, err := f.client(wandb.WithNotices(func(string) { notices.Add(1) })).LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
		require.NoError(t, err, op)
		assert.Equal(t, 3, f.count("CreateArtifact"), op)
		assert.Equal(t, 1, f.committed())
		assert.Equal(t, "v0", done.Version)
		assert.EqualValues(t, 2, notices.Load())
		ids := map[string]bool{}
		for i, call := range f.calls {
			if call == "CreateArtifact" {
				ids[regexp.MustCompile(`"clientID":"(\w+)"`).FindStringSubmatch(f.dumps[i])[1]] = true
			}
		}
		assert.Len(t, ids, 3, "each attempt has its own id")
	}
	f := newFake(t)
	f.on("CommitArtifact", 1000, conflict)
	_, err := f.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
	assert.Equal(t, "refused", fault.Code(err))
	assert.Contains(t, err.Error(), "rebase required")
	assert.Equal(t, 5, f.count("CreateArtifact"))
}

func TestAPendingArtifactThatIsGoneIsMadeAnew(t *testing.T) {
	f := newFake(t)
	f.on("CreateArtifactManifest", 1, refuse(404, "artifact not found"))
	_, err := f.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
	require.NoError(t, err)
	assert.Equal(t, 2, f.count("CreateArtifact"))
}

func TestAVersionThatWasDeletedIsMadeAnew(t *testing.T) {
	state := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			reply(w, 200, obj{"data": obj{"createArtifact": obj{"artifact": obj{"id": artifactID(0), "state": s}}}})
		}
	}
	f := newFake(t)
	f.on("CreateArtifact", 2, state("DELETED"))
	done, err := f.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
	require.NoError(t, err)
	assert.True(t, done.New)
	assert.Equal(t, 3, f.count("CreateArtifact"))

	old := newFake(t)
	old.arts = []*fakeArtifact{{id: artifactID(0), name: "name", kind: "dataset", state: "DELETED", born: map[string]string{}, aliases: []string{"latest"}, run: "r"}}
	old.on("CreateArtifact", 1000, state("DELETED"))
	_, err = old.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
	assert.NoError(t, err, "an old server goes on with it")

	odd := newFake(t)
	odd.on("CreateArtifact", 1, state("FROZEN"))
	_, err = odd.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
	assert.Equal(t, "server_error", fault.Code(err))
	assert.Contains(t, err.Error(), "FROZEN")
}

func TestWhatAnotherRunLeftPendingGetsOurNamesAndLineage(t *testing.T) {
	f := newFake(t)
	c := f.client()
	files := filesOf(t, t.TempDir(), "one")
	left := spec(files)
	left.Run.ID = "crashed"
	f.on("CommitArtifact", 1, refuse(403, "not now"))
	_, err := c.LogArtifact(t.Context(), left, nil)
	require.Error(t, err)
	assert.Zero(t, f.committed())

	s := spec(files)
	s.Aliases, s.Description, s.Tags = []string{"mine"}, "mine", []string{"mine"}
	done, err := c.LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	assert.Zero(t, done.FilesUploaded, "what the first try brought is not brought again")
	a := f.only()
	assert.Contains(t, a.aliases, "mine")
	updated := a.input["updated"].(obj)
	assert.Equal(t, []any{`{"a":1}`, "mine", []any{obj{"tagName": "mine"}}}, []any{updated["metadata"], updated["description"], updated["tagsToAdd"]})
	assert.Equal(t, []string{"r " + a.id}, f.uses)
}

func TestMetadataThatIsTooLargeIsSentSlim(t *testing.T) {
	f := newFake(t)
	s := spec(filesOf(t, t.TempDir(), "one"))
	s.SlimMetadata = json.RawMessage(`{"slim":true}`)
	f.on("CreateArtifact", 1, body(413, "text/html", "<html>too large</html>"))
	done, err := f.client().LogArtifact(t.Context(), s, nil)
	require.NoError(t, err)
	assert.True(t, done.Slim)
	assert.Equal(t, `{"slim":true}`, f.only().input["metadata"])

	f = newFake(t)
	f.on("CreateArtifact", 2, status(413, "too large"))
	_, err = f.client().LogArtifact(t.Context(), s, nil)
	assert.Equal(t, "too_large", fault.Code(err))
	assert.Equal(t, 2, f.count("CreateArtifact"))
}

func TestABatchThatIsTooLargeIsCut(t *testing.T) {
	f := newFake(t)
	f.on("CreateArtifactFiles", 3, status(413, "too large"))
	files := filesOf(t, t.TempDir(), numbered(8)...)
	done, err := f.client().LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	assert.EqualValues(t, 8, done.FilesUploaded)
	f.assertStored(files)
}
