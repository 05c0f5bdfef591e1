package wandb_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

// wholeJob does what an operator does: from the first look to the finished run.
func wholeJob(t *testing.T, c *wandb.Client, run string) error {
	ctx := t.Context()
	if _, err := c.CheckAccess(ctx, "me", "p", run); err != nil {
		return err
	}
	created, err := c.CreateRun(ctx, wandb.RunSpec{RunRef: ref(run), Config: map[string]any{"model_name": "m"}})
	if err != nil {
		return err
	}
	var table wandb.RunTable
	var done wandb.LoggedArtifact
	s := spec(filesOf(t, t.TempDir(), "one", "two"))
	s.Run = created.RunRef
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		table, err = c.UploadTableCopy(gctx, created.RunRef, wandb.TableCopy{Key: "samples", Open: opened("{}")})
		return err
	})
	g.Go(func() (err error) { done, err = c.LogArtifact(gctx, s, nil); return err })
	if err := g.Wait(); err != nil {
		return err
	}
	if table, err = table.In(done.ID, "samples.table.json"); err != nil {
		return err
	}
	return c.FinishRun(ctx, created.RunRef, 0, table)
}

func TestAWholeJobNeedsFewRequests(t *testing.T) {
	srv := newServer(t)
	require.NoError(t, wholeJob(t, srv.client(), "new"))
	// In series: the first two at once, and those for the table's copy beside the artifact's.
	assert.ElementsMatch(t, []string{
		"Viewer", "FindRun", "CreateRun",
		"CreateRunFiles", "PUT",
		"CreateArtifact", "CreateArtifactManifest", "CreateArtifactFiles", "PUT", "PUT", "CreateArtifactManifest", "PUT", "CommitArtifact",
		"file_stream",
	}, srv.calls())
}

func TestTheKeyIsNowhereButInTheHeaderToTheServer(t *testing.T) {
	ops := []string{"Viewer", "FindRun", "CreateRun", "CreateRunFiles", "CreateArtifact", "CreateArtifactManifest", "CreateArtifactFiles", "PUT", "CommitArtifact", "file_stream"}
	for _, failing := range append(ops, "") {
		srv := newServer(t)
		key := srv.Key().Reveal()
		encoded := base64.StdEncoding.EncodeToString([]byte("api:" + key))
		echo := body(418, "text/plain", "you sent "+key+" as Basic "+encoded)
		if failing != "" {
			srv.on(failing, 1, drop)
			srv.on(failing, 1000, echo)
		}
		var mu sync.Mutex
		var said bytes.Buffer
		c := srv.client(wandb.WithNotices(func(s string) { mu.Lock(); said.WriteString(s); mu.Unlock() }))
		err := wholeJob(t, c, "run")
		assert.Equal(t, failing != "", err != nil, failing)
		for e := err; e != nil; e = errors.Unwrap(e) {
			wandbtest.AssertHidden(t, e, key)
			wandbtest.AssertHidden(t, e, encoded)
		}
		if err != nil {
			require.NotNil(t, fault.As(err))
		}
		assert.NotContains(t, said.String(), key)
		assert.NotContains(t, said.String(), encoded)
		wandbtest.AssertHidden(t, c.Settings(), key)
		wandbtest.AssertHidden(t, c, key)

		require.NoError(t, srv.Close()) // and with it what the client no longer waited for
		const header = "Authorization: Basic "
		for _, r := range srv.seen("") {
			dump, wanted := r.head+string(r.body), 1
			if r.op == "PUT" {
				wanted = 0
			}
			assert.Equal(t, wanted, strings.Count(dump, encoded), r.op)
			assert.Equal(t, wanted, strings.Count(dump, header+encoded), r.op)
			assert.NotContains(t, dump, key, r.op)
		}
	}
}
