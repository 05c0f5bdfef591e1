package wandb_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

func TestArtifactsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*server)
		change  func(*wandb.ArtifactSpec)
		code    string
	}{
		"another type":      {logModel, nil, "type_taken"},
		"no permission":     {func(srv *server) { srv.on("CreateArtifact", 1, refuse(403, "permission denied")) }, nil, "no_permission"},
		"no run":            {nil, func(s *wandb.ArtifactSpec) { s.Run.ID = "none" }, "not_found"},
		"no project":        {nil, func(s *wandb.ArtifactSpec) { s.Run.Project = "none" }, "unknown_project"},
		"bad input":         {func(srv *server) { srv.on("CreateArtifact", 1, refuse(400, "unknown field")) }, nil, "refused"},
		"bad input, by 200": {func(srv *server) { srv.on("CreateArtifact", 1, refuse(200, "unknown field")) }, nil, "refused"},
		"no artifact":       {func(srv *server) { srv.on("CreateArtifact", 1, body(200, "", `{"data":{"createArtifact":{}}}`)) }, nil, "refused"},
		"too few addresses": {func(srv *server) {
			srv.on("CreateArtifactFiles", 1, body(200, "", `{"data":{"createArtifactFiles":{"files":{"edges":[]}}}}`))
		}, nil, "server_error"},
		"no manifest address": {func(srv *server) {
			srv.on("CreateArtifactManifest", 1, body(200, "", `{"data":{"createArtifactManifest":{}}}`))
		}, nil, "server_error"},
		"commit refused":     {func(srv *server) { srv.on("CommitArtifact", 1, refuse(422, "file missing")) }, nil, "refused"},
		"commit not allowed": {func(srv *server) { srv.on("CommitArtifact", 1, refuse(403, "permission denied")) }, nil, "no_permission"},
		"store refuses":      {func(srv *server) { srv.on("PUT", 1000, body(403, "", "<Error><Code>AccessDenied</Code></Error>")) }, nil, "refused"},
		"store is gone":      {func(srv *server) { srv.on("PUT", 1000, body(404, "", "")) }, nil, "refused"},
		"store is full":      {func(srv *server) { srv.on("PUT", 1000, status(507, "")) }, nil, "server_error"},
		"bad name":           {nil, func(s *wandb.ArtifactSpec) { s.Name = "a:b" }, "bad_name"},
		"bad type":           {nil, func(s *wandb.ArtifactSpec) { s.Type = "job" }, "bad_name"},
		"bad alias":          {nil, func(s *wandb.ArtifactSpec) { s.Aliases = []string{"v1"} }, "bad_name"},
		"bad tag":            {nil, func(s *wandb.ArtifactSpec) { s.Tags = []string{"a/b"} }, "bad_name"},
		"metadata is a list": {nil, func(s *wandb.ArtifactSpec) { s.Metadata = json.RawMessage(`[1]`) }, "internal"},
		"too much metadata":  {nil, func(s *wandb.ArtifactSpec) { s.Metadata = manyKeys(101) }, "bad_name"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			if c.prepare != nil {
				c.prepare(srv)
			}
			s := spec(filesOf(t, t.TempDir(), "one"))
			if c.change != nil {
				c.change(&s)
			}
			_, err := srv.client().LogArtifact(t.Context(), s, nil)
			assert.Equal(t, c.code, fault.Code(err), "%v", err)
			for _, a := range srv.State().Artifacts {
				assert.False(t, a.Type == "dataset" && a.State == "COMMITTED")
			}
		})
	}
}

// logModel logs an artifact of another type under the name of spec.
func logModel(srv *server) {
	s := spec(filesOf(srv.t, srv.t.TempDir(), "weights"))
	s.Type = "model"
	_, err := srv.client().LogArtifact(srv.t.Context(), s, nil)
	require.NoError(srv.t, err)
}

func manyKeys(n int) json.RawMessage {
	m := map[string]int{}
	for i := range n {
		m[fmt.Sprint("k", i)] = i
	}
	raw, _ := json.Marshal(m)
	return raw
}

func TestACommitWhoseAnswerIsLost(t *testing.T) {
	for name, after := range map[string]http.HandlerFunc{
		"dropped": drop, "refused the second time": refuse(400, "artifact is not pending"), "without version": body(200, "", `{"data":{"commitArtifact":{"artifact":{"id":"x"}}}}`),
	} {
		srv := newServer(t)
		srv.on("CommitArtifact", 1, srv.done(after))
		done, err := srv.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
		require.NoError(t, err, name)
		assert.Equal(t, "v0", done.Version)
	}
}

func TestCancelCommitsNothing(t *testing.T) {
	for _, op := range []string{"CreateArtifact", "CreateArtifactManifest", "CreateArtifactFiles", "PUT"} {
		srv := newServer(t)
		ctx, cancel := context.WithCancel(t.Context())
		srv.on(op, 1000, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		})
		_, err := srv.client().LogArtifact(ctx, spec(filesOf(t, t.TempDir(), numbered(100)...)), nil)
		assert.Equal(t, context.Canceled, err, op)
		assert.Zero(t, srv.committed())
	}
}

func TestRandomTroubleNeverCommitsPartOfAnArtifact(t *testing.T) {
	for seed := range uint64(20) {
		srv := newServer(t)
		random := rand.New(rand.NewPCG(seed, 0))
		for range random.IntN(12) {
			op := []string{"CreateArtifact", "CreateArtifactManifest", "CreateArtifactFiles", "PUT", "PUT", "PUT", "CommitArtifact"}[random.IntN(7)]
			answer := []http.HandlerFunc{drop, status(500, ""), status(403, ""), status(409, "rebase required"), status(429, "", "Retry-After", "0.001")}[random.IntN(5)]
			srv.on(op, 1+random.IntN(3), answer)
		}
		files := filesOf(t, t.TempDir(), numbered(60)...)
		_, err := srv.client().LogArtifact(t.Context(), spec(files), nil)
		if err != nil {
			assert.NotNil(t, fault.As(err), "%v", err)
			assert.Zero(t, srv.committed())
			continue
		}
		srv.assertStored(files)
	}
}
