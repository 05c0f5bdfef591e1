package wandb_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

func TestTheKeyDoesNotFollowARedirect(t *testing.T) {
	var visits atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	t.Cleanup(other.Close)
	srv := newServer(t)
	for _, code := range []int{301, 302, 303, 307, 308} {
		srv.on("Viewer", 1, status(code, "", "Location", other.URL+"/graphql"))
		_, err := srv.client().Viewer(t.Context())
		assert.Equal(t, "bad_settings", fault.Code(err))
	}
	assert.Zero(t, visits.Load())
}

func TestAServerBelowAPath(t *testing.T) {
	srv := newServer(t)
	in := srv.inputs()
	mux := http.NewServeMux()
	mux.Handle("/wandb/", http.StripPrefix("/wandb", srv.api))
	below := httptest.NewServer(mux)
	t.Cleanup(below.Close)
	in.BaseURL = below.URL + "/wandb/"
	_, err := clientFor(t, in, wandb.WithTimings(quick())).Viewer(t.Context())
	assert.NoError(t, err)
}

// newIdentityServer exchanges the token "header.body.signature" for "access-<n>",
// and knows the viewer who brings the newest.
func newIdentityServer(t *testing.T, life int, exchanges *atomic.Int32, answer func(w http.ResponseWriter, n int32) bool) *httptest.Server {
	tokens := []string{"access-0", "access-1", "access-2", "access-3", "access-4"}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/oidc/token" {
			if r.Header.Get("Authorization") != "Bearer "+tokens[exchanges.Load()] {
				refuse(401, "user is not logged in")(w, r)
				return
			}
			reply(w, 200, obj{"data": obj{"viewer": obj{"id": "u"}}})
			return
		}
		n := exchanges.Add(1)
		switch {
		case answer != nil && answer(w, n):
		case r.FormValue("assertion") != "header.body.signature" || r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer",
			r.Header.Get("Authorization") != "":
			reply(w, 400, obj{"error": "invalid_grant"})
		default:
			reply(w, 200, obj{"access_token": tokens[n], "expires_in": life, "token_type": "Bearer"})
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestAnIdentityTokenIsExchanged(t *testing.T) {
	var exchanges atomic.Int32
	s := newIdentityServer(t, 3600, &exchanges, nil)
	file := wandbtest.WriteFile(t, "header.body.signature\n", t.TempDir(), "token")
	c := clientFor(t, config.Inputs{BaseURL: s.URL, Env: map[string]string{"WANDB_IDENTITY_TOKEN_FILE": file}}, wandb.WithTimings(quick()))
	for range 3 {
		_, err := c.Viewer(t.Context())
		require.NoError(t, err)
	}
	assert.EqualValues(t, 1, exchanges.Load(), "an access token is kept while it lasts")
}

func TestAnAccessTokenThatRanOutIsRenewed(t *testing.T) {
	var exchanges atomic.Int32
	s := newIdentityServer(t, 0, &exchanges, func(w http.ResponseWriter, n int32) bool {
		reply(w, 200, obj{"access_token": []string{"", "access-1", "access-2"}[n], "expires_in": 1e-9})
		return true
	})
	file := wandbtest.WriteFile(t, "header.body.signature\n", t.TempDir(), "token")
	c := clientFor(t, config.Inputs{BaseURL: s.URL, Env: map[string]string{"WANDB_IDENTITY_TOKEN_FILE": file}}, wandb.WithTimings(quick()))
	for range 2 {
		_, err := c.Viewer(t.Context())
		require.NoError(t, err)
	}
	assert.EqualValues(t, 2, exchanges.Load())
}

func TestAnIdentityTokenThatDoesNotWork(t *testing.T) {
	dir := t.TempDir()
	wrong := wandbtest.WriteFile(t, "another", dir, "token")
	busy := func(w http.ResponseWriter, n int32) bool {
		if n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return n == 1
	}
	for name, c := range map[string]struct {
		file, code string
		answer     func(http.ResponseWriter, int32) bool
	}{
		"refused":  {wrong, "bad_key", nil},
		"no file":  {filepath.Join(dir, "none"), "bad_settings", nil},
		"busy":     {wandbtest.WriteFile(t, "header.body.signature", dir, "good"), "", busy},
		"no token": {wrong, "bad_key", func(w http.ResponseWriter, _ int32) bool { reply(w, 200, obj{}); return true }},
	} {
		t.Run(name, func(t *testing.T) {
			var exchanges atomic.Int32
			s := newIdentityServer(t, 3600, &exchanges, c.answer)
			client := clientFor(t, config.Inputs{BaseURL: s.URL, Env: map[string]string{"WANDB_IDENTITY_TOKEN_FILE": c.file}}, wandb.WithTimings(quick()))
			_, err := client.Viewer(t.Context())
			assert.Equal(t, c.code, fault.Code(err), "%v", err)
			if c.code != "" {
				assert.Contains(t, err.Error(), "WANDB_IDENTITY_TOKEN_FILE")
			}
		})
	}
}

func TestAClientNeedsAServerAndAKey(t *testing.T) {
	for _, s := range []config.Settings{{}, {BaseURL: "http://x"}, {APIKey: secret.String(wandbtest.SomeKey())}} {
		_, err := wandb.NewClient(s)
		assert.Equal(t, "internal", fault.Code(err))
	}
}
