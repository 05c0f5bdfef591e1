package wandb_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
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

func body(code int, kind, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(code)
		_, _ = w.Write([]byte(text))
	}
}

// page answers with a web page, as web servers do with a redirect, too.
func page(code int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		body(code, "text/html", "<html><body><h1>See elsewhere</h1></body></html>")(w, nil)
	}
}

func TestRefusalsInEveryForm(t *testing.T) {
	const html = "<!DOCTYPE html><html><body>Welcome</body></html>"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		source fault.Source
		code   string
		words  []string
	}{
		"GraphQL errors":       {refuse(422, "the thing is odd"), fault.WandB, "refused", []string{"It says: the thing is odd."}},
		"errors as texts":      {body(400, "application/json", `{"errors":["one","two"]}`), fault.WandB, "refused", []string{"one; two"}},
		"error as text":        {body(409, "application/json", `{"error":"a conflict"}`), fault.WandB, "refused", []string{"a conflict"}},
		"error as object":      {body(400, "application/json", `{"error":{"message":"inside"}}`), fault.WandB, "refused", []string{"inside"}},
		"message":              {body(400, "application/json", `{"message":"at the top"}`), fault.WandB, "refused", []string{"at the top"}},
		"plain text":           {body(400, "text/plain", "just words"), fault.WandB, "refused", []string{"just words"}},
		"nothing":              {body(400, "", ""), fault.WandB, "refused", []string{"status 400", "checking the API key failed."}},
		"200 with errors":      {refuse(200, "went wrong"), fault.WandB, "refused", []string{"went wrong"}},
		"200, no permission":   {refuse(200, "permission denied"), fault.WandB, "no_permission", nil},
		"200, not logged in":   {refuse(200, "user is not logged in"), fault.Settings, "bad_key", nil},
		"200, nobody":          {body(200, "application/json", `{"data":{"viewer":null}}`), fault.Settings, "bad_key", nil},
		"200, other form":      {body(200, "application/json", `{"data":{"viewer":[1]}}`), fault.WandB, "refused", []string{"a form that this plugin does not know"}},
		"401":                  {refuse(401, "user is not logged in"), fault.Settings, "bad_key", []string{"wandb login", "FIFTYONE_WANDB_API_KEY", "/authorize"}},
		"403":                  {refuse(403, "permission denied"), fault.WandB, "no_permission", []string{"permission denied", "access"}},
		"404":                  {refuse(404, "gone"), fault.Settings, "bad_settings", []string{"does not look like a W&B server"}},
		"410":                  {refuse(410, "gone"), fault.WandB, "not_found", nil},
		"413":                  {body(413, "text/html", html), fault.WandB, "too_large", []string{"too large"}},
		"429":                  {status(429, "slow"), fault.WandB, "rate_limited", []string{"few minutes"}},
		"500":                  {refuse(500, "oh"), fault.WandB, "server_error", []string{"Try again later"}},
		"502 of a gateway":     {body(502, "text/html", html), fault.WandB, "server_error", []string{"502"}},
		"501":                  {refuse(501, "not here"), fault.WandB, "refused", nil},
		"a web page":           {body(200, "text/html", html), fault.Settings, "bad_settings", []string{"does not look like a W&B server", "WANDB_BASE_URL"}},
		"a page, 404":          {body(404, "text/html; charset=utf-8", html), fault.Settings, "bad_settings", []string{"does not look like a W&B server"}},
		"a page, no type":      {body(200, "text/plain", html), fault.Settings, "bad_settings", []string{"does not look like a W&B server"}},
		"another API":          {body(404, "text/plain", ""), fault.Settings, "bad_settings", []string{"does not look like a W&B server"}},
		"very long words":      {refuse(422, strings.Repeat("word ", 1000)), fault.WandB, "refused", []string{"…"}},
		"moved":                {status(308, "", "Location", "https://elsewhere.example.com/graphql"), fault.Settings, "bad_settings", []string{"https://elsewhere.example.com", "WANDB_BASE_URL"}},
		"moved, no address":    {status(302, ""), fault.Settings, "bad_settings", []string{"redirects to"}},
		"moved, as a page":     {page(301, "Location", "https://elsewhere.example.com/graphql"), fault.Settings, "bad_settings", []string{"redirects to https://elsewhere.example.com"}},
		"binary":               {body(400, "application/octet-stream", "\x00\x01\xff"), fault.WandB, "refused", nil},
		"an array":             {body(400, "application/json", `[1,2]`), fault.WandB, "refused", nil},
		"errors without words": {body(400, "application/json", `{"errors":[{}],"error":5}`), fault.WandB, "refused", nil},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			srv.on("Viewer", 1000, c.answer)
			timings := quick()
			timings.Patience = 0
			_, err := srv.client(wandb.WithTimings(timings)).Viewer(t.Context())
			require.Equal(t, c.code, fault.Code(err), "%v", err)
			assert.Equal(t, c.source, fault.As(err).Source)
			assert.Less(t, len(err.Error()), 700)
			for _, w := range c.words {
				assert.Contains(t, err.Error(), w)
			}
		})
	}
}

func TestTheKeyIsTakenOutOfTheServersWords(t *testing.T) {
	srv := newServer(t)
	srv.on("Viewer", 1, func(w http.ResponseWriter, r *http.Request) {
		reply(w, 422, obj{"error": "bad key " + srv.Key().Reveal() + " of " + r.Header.Get("Authorization")})
	})
	_, err := srv.client().Viewer(t.Context())
	require.Error(t, err)
	assert.Contains(t, err.Error(), "bad key **redacted** of Basic **redacted**")
	for ; err != nil; err = errors.Unwrap(err) {
		wandbtest.AssertHidden(t, err, srv.Key().Reveal())
	}
}

func TestServersThatCannotBeReached(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := closed.Addr().String()
	require.NoError(t, closed.Close())
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	secured := newTLSServer(http.NotFoundHandler())
	t.Cleanup(secured.Close)

	for name, c := range map[string]struct{ url, code, words string }{
		"nobody listens":       {"http://" + address, "unreachable", address},
		"no such computer":     {"http://no-such-host.invalid", "unreachable", "no-such-host.invalid"},
		"HTTPS asked of HTTP":  {strings.Replace(plain.URL, "http:", "https:", 1), "tls", "speaks HTTP"},
		"unknown certificates": {secured.URL, "tls", "REQUESTS_CA_BUNDLE"},
	} {
		t.Run(name, func(t *testing.T) {
			client := clientFor(t, config.Inputs{BaseURL: c.url, APIKey: secret.String(wandbtest.SomeKey())}, wandb.WithTimings(quick()))
			_, err := client.Viewer(t.Context())
			require.Equal(t, c.code, fault.Code(err), "%v", err)
			assert.Contains(t, err.Error(), c.words)
			assert.Equal(t, fault.WandB, fault.As(err).Source)
		})
	}
}

func TestAServerThatDiesIsWaitedForLongerThanOneThatNeverWas(t *testing.T) {
	notices := func(reachedFirst bool) int {
		srv := newServer(t)
		n := 0
		timings := quick()
		timings.FirstPatience = 0
		c := srv.client(wandb.WithTimings(timings), wandb.WithNotices(func(string) { n++ }))
		if reachedFirst {
			_, err := c.Viewer(t.Context())
			require.NoError(t, err)
		}
		require.NoError(t, srv.Close())
		_, err := c.Viewer(t.Context())
		require.Equal(t, "unreachable", fault.Code(err), "%v", err)
		return n
	}
	assert.Zero(t, notices(false))
	assert.Positive(t, notices(true))
}

// Somebody without a network gets one sentence, not one for each try.
func TestAServerThatNeverWasGetsNoNotices(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	var tries atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			tries.Add(1)
			_ = conn.Close()
		}
	}()
	inputs := config.Inputs{BaseURL: "http://" + listener.Addr().String(), APIKey: secret.String(wandbtest.SomeKey())}
	notice := func(text string) { t.Errorf("a notice: %s", text) }
	_, err = clientFor(t, inputs, wandb.WithTimings(quick()), wandb.WithNotices(notice)).Viewer(t.Context())
	assert.Equal(t, "unreachable", fault.Code(err), "%v", err)
	assert.Greater(t, tries.Load(), int32(1))
}

// newTLSServer is a server with a certificate that nobody knows, and no log.
func newTLSServer(h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	return s
}

func TestMessagesAreWholeSentences(t *testing.T) {
	srv := newServer(t)
	for code := 300; code < 600; code++ {
		srv.on("Viewer", 1, status(code, "words"))
		timings := quick()
		timings.Patience, timings.ServerPatience = 0, 0
		_, err := srv.client(wandb.WithTimings(timings)).Viewer(t.Context())
		require.NotNil(t, fault.As(err), fmt.Sprint(code))
		assert.Regexp(t, `^[A-Z].*\.$`, err.Error())
		assert.NotContains(t, err.Error(), "%!")
	}
}
