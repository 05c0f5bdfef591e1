package wandb_test

import (
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// newProxy passes requests for http://wandb.test on to the server, if they bring the
// password. It gives its address with the password.
func newProxy(t *testing.T, srv *server, passed *atomic.Int32) string {
	target, err := url.Parse(srv.URL())
	require.NoError(t, err)
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:hunter2"))
	onward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != want {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		passed.Add(1)
		onward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	return "http://user:hunter2@" + proxy.Listener.Addr().String()
}

func TestProxies(t *testing.T) {
	srv := newServer(t)
	var passed atomic.Int32
	good := newProxy(t, srv, &passed)
	in := srv.inputs()
	for name, env := range map[string]map[string]string{
		"HTTP_PROXY": {"HTTP_PROXY": good}, "lower case": {"http_proxy": good}, "all": {"ALL_PROXY": good}, "W&B's own": {"WANDB_HTTP_PROXY": good, "HTTP_PROXY": "http://nowhere.invalid"},
	} {
		passed.Store(0)
		in.BaseURL, in.Env = "http://wandb.test", env
		_, err := clientFor(t, in, wandb.WithTimings(quick())).Viewer(t.Context())
		require.NoError(t, err, name)
		assert.EqualValues(t, 1, passed.Load(), name)
	}

	for name, c := range map[string]struct {
		base string
		env  map[string]string
		word string
	}{
		"no password, HTTPS": {"https://wandb.test", map[string]string{"HTTPS_PROXY": strings.Replace(good, "user:hunter2@", "", 1)}, "wants a login before"},
		"proxy is not there": {"https://wandb.test", map[string]string{"HTTPS_PROXY": "http://user:hunter2@127.0.0.1:1"}, "proxy"},
		"NO_PROXY":           {"http://wandb.test.invalid", map[string]string{"HTTP_PROXY": good, "NO_PROXY": ".invalid"}, "host wandb.test.invalid could not be found"},
	} {
		in.BaseURL, in.Env = c.base, c.env
		_, err := clientFor(t, in, wandb.WithTimings(quick())).Viewer(t.Context())
		require.Equal(t, "unreachable", fault.Code(err), "%s: %v", name, err)
		assert.Contains(t, err.Error(), c.word)
		assert.NotContains(t, err.Error(), "hunter2")
	}
}

func TestOwnCertificates(t *testing.T) {
	srv := newServer(t)
	secured := newTLSServer(srv.api)
	t.Cleanup(secured.Close)
	dir := t.TempDir()
	file := filepath.Join(dir, "ca.pem")
	raw := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw})
	require.NoError(t, os.WriteFile(file, raw, 0o600))
	in := srv.inputs()
	in.BaseURL = secured.URL
	for name, env := range map[string]map[string]string{
		"SSL_CERT_FILE": {"SSL_CERT_FILE": file}, "REQUESTS_CA_BUNDLE": {"REQUESTS_CA_BUNDLE": file}, "CURL_CA_BUNDLE": {"CURL_CA_BUNDLE": file},
		"directory": {"REQUESTS_CA_BUNDLE": dir}, "switched off": {"WANDB_INSECURE_DISABLE_SSL": "true"}, "in words": {"WANDB_INSECURE_DISABLE_SSL": "yes"},
	} {
		in.Env = env
		_, err := clientFor(t, in, wandb.WithTimings(quick())).Viewer(t.Context())
		assert.NoError(t, err, name)
	}
	in.Env = map[string]string{"WANDB_INSECURE_DISABLE_SSL": "false"}
	_, err := clientFor(t, in, wandb.WithTimings(quick())).Viewer(t.Context())
	assert.Equal(t, "tls", fault.Code(err))
}
