package wandb_test

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// find is the newest version of an artifact with one of its files.
func (l *library) find(name, path string) (*wandb.ArtifactVersion, wandb.RemoteFile) {
	v, err := l.client.FindArtifact(l.t.Context(), config.ArtifactRef{Name: name}, []string{path})
	require.NoError(l.t, err)
	require.Contains(l.t, v.Files, path)
	return v, v.Files[path]
}

// read reads a file to its end.
func (l *library) read(f wandb.RemoteFile) (string, error) {
	r, err := l.client.OpenFile(l.t.Context(), f)
	if err != nil {
		return "", err
	}
	defer func() { require.NoError(l.t, r.Close()) }()
	raw, err := io.ReadAll(r)
	return string(raw), err
}

func TestFindArtifact(t *testing.T) {
	l := newLibrary(t)
	run := l.Run("maker", "a maker", nil)
	user := l.Run("user", "", nil)
	l.Artifact(run, "dataset", "view", `{"n":1}`, map[string]string{"dir/f": "one", "g": ""}, "best")
	second := l.Artifact(run, "dataset", "view", `{"n":2}`, map[string]string{"dir/f": "two"})
	require.NoError(t, l.client.UseArtifact(t.Context(), user, second.ID))
	page := l.server.URL() + "/" + l.Entity + "/p/artifacts/dataset/view"
	for reference, want := range map[string]string{
		"view": "v1", "view:latest": "v1", "view:v0": "v0", "view:best": "v0", "p/view": "v1", l.Entity + "/p/view:v0": "v0",
		page: "v1", page + "/v0": "v0", page + "/best/files/dir": "v0", second.ID: "v1",
	} {
		ref, err := l.client.Settings().ParseArtifactRef(reference)
		require.NoError(t, err, reference)
		v, err := l.client.FindArtifact(t.Context(), ref, []string{"dir/f", "nothing"})
		if assert.NoError(t, err, reference) {
			assert.Equal(t, want, v.Version, reference)
			assert.Equal(t, []string{"view", "dataset", l.Entity, "p"}, []string{v.Name, v.Type, v.Entity, v.Project})
		}
	}
	l.server.ResetStats()
	v, f := l.find("view", "dir/f")
	assert.Equal(t, 1, l.graphqlCalls())
	assert.Equal(t, run, v.CreatedBy.RunRef)
	assert.Equal(t, "a maker", v.CreatedBy.DisplayName)
	require.Len(t, v.UsedBy, 1)
	assert.Equal(t, user, v.UsedBy[0].RunRef)
	assert.JSONEq(t, `{"n":2}`, string(v.Metadata))
	assert.EqualValues(t, 3, f.Size)
	text, err := l.read(f)
	require.NoError(t, err)
	assert.Equal(t, "two", text)

	// A server that does not know memberships is asked in the older way.
	require.NoError(t, l.server.AddFault(standin.Fault{Kind: standin.KindGraphQL, Match: "^ArtifactByName$", Mode: standin.ModeGraphQLError, Message: "Cannot query field"}))
	v, _ = l.find("view", "dir/f")
	assert.Equal(t, "v1", v.Version)
	for reference, want := range map[string]string{
		"none": "not_found", "view:v7": "not_found", "none/view": "unknown_project", "strangers/p/view": "no_permission", "nobody/p/view": "unknown_entity",
		base64.StdEncoding.EncodeToString([]byte("Artifact:1")): "not_found",
	} {
		ref, err := l.client.Settings().ParseArtifactRef(reference)
		require.NoError(t, err)
		_, err = l.client.FindArtifact(t.Context(), ref, nil)
		assert.Equal(t, want, fault.Code(err), "%s: %v", reference, err)
	}
}

func TestDownloadGoesOnWhereItBroke(t *testing.T) {
	l := newLibrary(t)
	content := strings.Repeat("0123456789abcdef", 1<<16)
	l.Artifact(l.Run("maker", "", nil), "dataset", "view", "{}", map[string]string{"f": content})
	for name, f := range map[string]standin.Fault{
		"cut":       {Mode: standin.ModeCut, Count: 3},
		"cut short": {Mode: standin.ModeTruncate, Count: 3},
		"dropped":   {Mode: standin.ModeDrop, Count: 2},
		"busy":      {Mode: standin.ModeStatus, Status: 503, Count: 2},
	} {
		t.Run(name, func(t *testing.T) {
			f.Kind = standin.KindDownload
			_, file := l.find("view", "f")
			require.NoError(t, l.server.AddFault(f))
			text, err := l.read(file)
			require.NoError(t, err)
			assert.True(t, text == content)
		})
	}
}

func TestDownloadOfDamagedFiles(t *testing.T) {
	l := newLibrary(t)
	l.Artifact(l.Run("maker", "", nil), "dataset", "view", "{}", map[string]string{"f": strings.Repeat("x", 1000)})
	for name, c := range map[string]struct {
		fault standin.Fault
		code  string
	}{
		"other bytes":       {standin.Fault{Mode: standin.ModeCorrupt, Match: "^wandb_artifacts/"}, "bad_artifact"},
		"always too short":  {standin.Fault{Mode: standin.ModeTruncate}, "bad_artifact"},
		"gone":              {standin.Fault{Mode: standin.ModeStatus, Status: 404}, "not_found"},
		"refused for good":  {standin.Fault{Mode: standin.ModeStatus, Status: 403}, "refused"},
		"a store that died": {standin.Fault{Mode: standin.ModeStatus, Status: 500}, "server_error"},
	} {
		t.Run(name, func(t *testing.T) {
			_, file := l.find("view", "f")
			c.fault.Kind, c.fault.Count = standin.KindDownload, -1
			require.NoError(t, l.server.AddFault(c.fault))
			defer l.server.ClearFaults()
			_, err := l.read(file)
			assert.Equal(t, c.code, fault.Code(err), "%v", err)
			assert.NotContains(t, err.Error(), "signature=", "an address is a secret for as long as it is good")
		})
	}
}

// TestDownloadOfAFileThatIsShorter: a store refuses to go on behind the end.
func TestDownloadOfAFileThatIsShorter(t *testing.T) {
	l := newLibrary(t)
	l.Artifact(l.Run("maker", "", nil), "dataset", "view", "{}", map[string]string{"f": strings.Repeat("x", 1000)})
	_, file := l.find("view", "f")
	for _, f := range []standin.Fault{{Mode: standin.ModeTruncate}, {Mode: standin.ModeStatus, Status: http.StatusRequestedRangeNotSatisfiable}} {
		f.Kind = standin.KindDownload
		require.NoError(t, l.server.AddFault(f))
	}
	_, err := l.read(file)
	assert.Equal(t, "bad_artifact", fault.Code(err))
	assert.ErrorContains(t, err, "shorter than the artifact says")
}

func TestExpiredAddressIsAskedForAgain(t *testing.T) {
	l := newLibrary(t)
	l.Artifact(l.Run("maker", "", nil), "dataset", "view", "{}", map[string]string{"f": "text"})
	l.server.SetLimits(standin.Limits{URLTTL: time.Nanosecond})
	_, file := l.find("view", "f")
	l.server.SetLimits(standin.Limits{})
	text, err := l.read(file)
	require.NoError(t, err)
	assert.Equal(t, "text", text)
	assert.Equal(t, 1, l.server.Stats().Requests["MembershipFiles"])
}

func TestDownloadIsCancelled(t *testing.T) {
	l := newLibrary(t)
	l.Artifact(l.Run("maker", "", nil), "dataset", "view", "{}", map[string]string{"f": "text"})
	_, file := l.find("view", "f")
	require.NoError(t, l.server.AddFault(standin.Fault{Kind: standin.KindDownload, Mode: standin.ModeHang}))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := l.client.OpenFile(ctx, file)
	require.NoError(t, err)
	defer func() { _ = r.Close() }()
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err = io.ReadAll(r)
	assert.ErrorIs(t, err, context.Canceled)
}

// TestReferenceIsNotFollowed: whoever makes an artifact chooses where its references
// lead, which must not make us send a request there.
func TestReferenceIsNotFollowed(t *testing.T) {
	l := newLibrary(t)
	var asked atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(elsewhere.Close)
	sum := md5.Sum([]byte("text"))
	for name, digest := range map[string]string{"etag": "abc", "as_if_stored": base64.StdEncoding.EncodeToString(sum[:])} {
		files := new(artifact.Files)
		require.NoError(t, files.Add(artifact.Entry{Path: "f", Digest: digest, Size: 4, Ref: elsewhere.URL + "/f"}))
		_, err := l.Client.LogArtifact(t.Context(), wandb.ArtifactSpec{Run: l.Run(name, "", nil), Type: "dataset", Name: name, Files: files}, nil)
		require.NoError(t, err)
		_, file := l.find(name, "f")
		_, err = l.read(file)
		assert.Equal(t, "bad_artifact", fault.Code(err), "%v", err)
	}
	assert.Zero(t, asked.Load())
}
