package wandb_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

// http2Server serves h over HTTP/2 and ends a connection with GOAWAY at every n-th answer, as load
// balancers do when they are replaced. Another part of the requests dies with its stream.
func http2Server(t *testing.T, h http.Handler, n int32, ended, died *atomic.Int32) *httptest.Server {
	var seen atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !assert.Equal(t, 2, r.ProtoMajor, "the test is about HTTP/2") {
			return
		}
		switch k := seen.Add(1); {
		case k%n == 0:
			ended.Add(1)
			w.Header().Set("Connection", "close") // net/http's server makes a GOAWAY of it.
		case k%n == n/2:
			died.Add(1)
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(w, r)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// TestConnectionsThatGoAway: an artifact is whole although server and store end their connections
// again and again, and reset streams in between.
func TestConnectionsThatGoAway(t *testing.T) {
	srv := newServer(t)
	var ended, died atomic.Int32
	api := http2Server(t, srv.api, 5, &ended, &died)
	store := http2Server(t, srv.store, 7, &ended, &died)
	srv.storeURL = store.URL

	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: store.Certificate().Raw})...)
	wandbtest.WriteFile(t, string(text), filepath.Dir(ca), filepath.Base(ca))
	in := srv.inputs()
	in.BaseURL, in.Env = api.URL, map[string]string{"SSL_CERT_FILE": ca}

	files := filesOf(t, t.TempDir(), numbered(60)...)
	done, err := clientFor(t, in, wandb.WithTimings(quick())).LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	assert.True(t, done.New)
	assert.Equal(t, 1, srv.committed())
	srv.assertStored(files)
	assert.Positive(t, ended.Load())
	assert.Positive(t, died.Load())
}
