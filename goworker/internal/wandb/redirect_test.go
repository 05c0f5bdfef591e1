package wandb

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// TestExtraHeadersDoNotFollowARedirect: they go where we send a request, to the same place again,
// and to the API; never to another host.
func TestExtraHeadersDoNotFollowARedirect(t *testing.T) {
	seen := map[string]string{}
	note := func(name string) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) { seen[name+r.URL.Path] = r.Header.Get("X-Access") }
	}
	api := httptest.NewServer(note("api"))
	t.Cleanup(api.Close)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note("other")(w, r)
		if r.URL.Path == "/onward" {
			http.Redirect(w, r, "http://"+r.Host+"/end", http.StatusFound)
		}
	}))
	t.Cleanup(other.Close)
	var store *httptest.Server
	store = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note("store")(w, r)
		to := map[string]string{"/same": store.URL + "/end", "/api": api.URL + "/end", "/elsewhere": other.URL + "/onward"}[r.URL.Path]
		if to != "" {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		}
	}))
	t.Cleanup(store.Close)

	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: &stallTransport{limit: 1 << 40, next: &headerTransport{
		headers: []config.ExtraHeader{{Name: "X-Access", Value: "open-sesame"}}, base: api.URL, next: transport,
	}}}
	for _, path := range []string{"/same", "/api", "/elsewhere"} {
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			clear(seen)
			req, err := http.NewRequestWithContext(t.Context(), method, store.URL+path, http.NoBody)
			require.NoError(t, err)
			resp, err := client.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			want := map[string]map[string]string{
				"/same":      {"store/same": "open-sesame", "store/end": "open-sesame"},
				"/api":       {"store/api": "open-sesame", "api/end": "open-sesame"},
				"/elsewhere": {"store/elsewhere": "open-sesame", "other/onward": "", "other/end": ""},
			}[path]
			assert.Equal(t, want, seen, method)
			assert.Empty(t, req.Header.Get("X-Access"), "the caller's request is left as it is")
		}
	}
}
