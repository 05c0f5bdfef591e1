package wandb_test

import (
	"context"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

// rawServer answers every connection with some bytes once it has read something.
func rawServer(t *testing.T, answer string) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = conn.Read(make([]byte, 64<<10))
				_, _ = io.WriteString(conn, answer)
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// way is a way to a server that does not work.
type way struct {
	// address is that of the server; env holds the caller's variables.
	address string
	env     map[string]string
	code    string
	// words are parts of the sentence.
	words []string
}

func brokenWays(t *testing.T) map[string]way {
	login := rawServer(t, "HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n")
	wall := rawServer(t, "HTTP/1.1 403 Blocked by policy 17\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>")
	alert := rawServer(t, "\x15\x03\x01\x00\x02\x02\x16")
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	secured := newTLSServer(http.NotFoundHandler())
	t.Cleanup(secured.Close)
	_, port, err := net.SplitHostPort(secured.Listener.Addr().String())
	require.NoError(t, err)
	trusted := wandbtest.WriteFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw})), t.TempDir(), "ca.pem")
	far, farPlain := "https://far.test", "http://far.test"
	https := func(proxy string) map[string]string { return map[string]string{"HTTPS_PROXY": proxy} }
	return map[string]way{
		"a proxy wants a login":             {far, https("http://" + login), "unreachable", []string{"The proxy at " + login + " wants a login", "HTTPS_PROXY"}},
		"a proxy does not accept the login": {far, https("http://user:hunter2@" + login), "unreachable", []string{"The proxy at " + login + " wants a login"}},
		"a proxy wants a login, HTTP":       {farPlain, map[string]string{"HTTP_PROXY": "http://" + login}, "unreachable", []string{"The proxy at " + login + " wants a login"}},
		"a proxy forbids it":                {far, https("http://" + wall), "unreachable", []string{"The proxy at " + wall + " does not let this plugin through", "far.test", "403"}},
		"a proxy forbids it, HTTP":          {farPlain, map[string]string{"HTTP_PROXY": "http://" + wall}, "unreachable", []string{wall, "far.test", "403"}},
		"a proxy without TLS":               {far, https(strings.Replace(plain.URL, "http:", "https:", 1)), "tls", []string{"The proxy at", "does not speak HTTPS"}},
		"a proxy with a strange name":       {far, https(secured.URL), "tls", []string{"The proxy at", "certificate"}},
		"HTTPS asked of HTTP":               {strings.Replace(plain.URL, "http:", "https:", 1), nil, "tls", []string{"speaks HTTP, not HTTPS"}},
		"HTTP asked of HTTPS":               {strings.Replace(secured.URL, "https:", "http:", 1), nil, "tls", []string{"expects HTTPS"}},
		"HTTP answered with an alert":       {"http://" + alert, nil, "tls", []string{"expects HTTPS"}},
		"TLS answered with nonsense":        {"https://" + rawServer(t, "220 mail.test ready\r\n"), nil, "tls", []string{"No secure connection"}},
		"nobody knows the certificate":      {secured.URL, nil, "tls", []string{"is not accepted", "REQUESTS_CA_BUNDLE"}},
		"another host's certificate":        {"https://localhost:" + port, map[string]string{"SSL_CERT_FILE": trusted}, "tls", []string{"belongs to another host", "localhost"}},
	}
}

// TestABrokenWayIsToldAtOnceAsWhatItIs: with the client's real patience, for requests to
// the API, for uploads and for downloads.
func TestABrokenWayIsToldAtOnceAsWhatItIs(t *testing.T) {
	calls := map[string]func(ctx context.Context, srv *server, w way) error{
		"API": func(ctx context.Context, srv *server, w way) error {
			in := srv.inputs()
			in.BaseURL, in.Env = w.address, w.env
			_, err := clientFor(t, in).Viewer(ctx)
			return err
		},
		"upload": func(ctx context.Context, srv *server, w way) error {
			in := srv.inputs()
			in.Env, srv.storeURL = w.env, w.address
			return srv.log(ctx, clientFor(t, in))
		},
		"download": func(ctx context.Context, srv *server, w way) error {
			in := srv.inputs()
			in.Env = w.env
			require.NoError(t, srv.log(ctx, clientFor(t, in)))
			srv.storeURL = w.address
			c := clientFor(t, in)
			v, err := c.FindArtifact(ctx, config.ArtifactRef{Name: "name"}, []string{"d/0000.txt"})
			require.NoError(t, err)
			r, err := c.OpenFile(ctx, v.Files["d/0000.txt"])
			require.NoError(t, err)
			defer func() { _ = r.Close() }()
			_, err = io.ReadAll(r)
			return err
		},
	}
	for name, w := range brokenWays(t) {
		for what, call := range calls {
			t.Run(name+"/"+what, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // Far below the patience for what may pass.
				defer cancel()
				err := call(ctx, newServer(t), w)
				require.Equal(t, w.code, fault.Code(err), "%v", err)
				for _, text := range w.words {
					assert.Contains(t, err.Error(), text)
				}
				assert.NotContains(t, err.Error(), "hunter2")
				assert.NotContains(t, err.Error(), "owner of the entity")
				if what != "API" {
					assert.Contains(t, err.Error(), "file store")
				}
			})
		}
	}
}
