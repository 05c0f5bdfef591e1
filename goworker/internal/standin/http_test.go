package standin_test

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
)

func TestKeys(t *testing.T) {
	second := standin.NewKey()
	c := start(t, func(o *standin.Options) { o.Keys = []secret.String{standin.NewKey(), second} })
	for name, test := range map[string]struct {
		user, key string
		want      int
	}{
		"first key":     {"api", c.Key().Reveal(), 200},
		"second key":    {"api", second.Reveal(), 200},
		"another user":  {"user", second.Reveal(), 200},
		"wrong key":     {"api", standin.NewKey().Reveal(), 401},
		"part of a key": {"api", second.Reveal()[:39], 401},
		"empty key":     {"api", "", 401},
	} {
		req := c.graphqlRequest(`{ viewer { id } serverInfo { features { name } } }`, nil)
		req.SetBasicAuth(test.user, test.key)
		a := c.do(req)
		assert.Equal(t, test.want, a.status, name)
		if test.want == 401 {
			assert.Equal(t, "user is not logged in", at(a.json, "errors", 0, "message"), name)
		}
	}
	assert.Equal(t, 401, c.do(c.graphqlRequest(`{ viewer { id } serverInfo { features { name } } }`, nil)).status, "no key")
	bearer := c.graphqlRequest(`{ viewer { id } serverInfo { features { name } } }`, nil)
	bearer.Header.Set("Authorization", "Bearer "+second.Reveal())
	assert.Equal(t, 401, c.do(bearer).status)

	// The viewer alone is null without a good key, and that is not an error.
	a := c.do(c.graphqlRequest(`{ viewer { id } }`, nil))
	assert.Equal(t, 200, a.status)
	assert.Equal(t, `{"data":{"viewer":null}}`, a.text)
	require.NoError(t, c.SetBehaviour(standin.Behaviour{BadKeyRefused: true}))
	a = c.do(c.graphqlRequest(`{ viewer { id } }`, nil))
	assert.Equal(t, 401, a.status)
	assert.Equal(t, `{"errors":[{"message":"user is not logged in","path":["viewer"],"extensions":{"code":"PERMISSION_ERROR"}}],"data":{"viewer":null}}`, a.text)
	stream := c.request(http.MethodPost, c.URL()+"/files/local-user/p/r/file_stream", `{}`)
	stream.Header.Set("Authorization", "Bearer x")
	assert.Equal(t, `{"error":"Malformed token"}`, c.do(stream).text)
}

func TestGeneratedKeysDiffer(t *testing.T) {
	assert.NotEqual(t, start(t).Key().Reveal(), start(t).Key().Reveal())
	assert.Len(t, standin.NewKey().Reveal(), 40)
}

func TestGraphQLTransport(t *testing.T) {
	c := start(t, func(o *standin.Options) { o.Limits.MaxBody = 5000 })
	send := func(media, body string) answer {
		req := c.request(http.MethodPost, c.URL()+"/graphql", body)
		req.Header.Set("Content-Type", media)
		req.SetBasicAuth("api", c.Key().Reveal())
		return c.do(req)
	}
	query := `{"query":"{ viewer { id } }","operationName":""}`
	assert.Equal(t, 200, send("application/json; charset=utf-8", query).status)
	assert.Equal(t, 400, send("text/plain", query).status)
	assert.Equal(t, 400, send("application/json", `{"query":`).status)
	assert.Equal(t, 400, send("application/json", `{"variables":{}}`).status)
	large := send("application/json", `{"query":"{ viewer { id } }","variables":{"x":"`+strings.Repeat("x", 5000)+`"}}`)
	assert.Equal(t, 413, large.status)
	assert.Contains(t, at(large.json, "errors", 0, "message"), "larger")
	assert.Equal(t, 405, c.do(c.request(http.MethodGet, c.URL()+"/graphql", "")).status)
	unknown := c.graphql(`{ viewer { shoeSize } }`, nil)
	assert.Equal(t, 400, unknown.status)
	assert.Contains(t, at(unknown.json, "errors", 0, "message"), "shoeSize")
}

func TestOnlyLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.com:0", "127.0.0.1"} {
		s, err := standin.New(standin.Options{Dir: t.TempDir(), Addr: addr})
		require.NoError(t, err)
		assert.Error(t, s.Start(), addr)
	}
	_, err := standin.New(standin.Options{})
	assert.ErrorContains(t, err, "directory")
}

// TestForeignNames is DNS rebinding: a name of somebody else's that points here.
func TestForeignNames(t *testing.T) {
	c := start(t)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(c.URL(), "http://"))
	require.NoError(t, err)
	for host, want := range map[string]int{"evil.example": 403, "evil.example:" + port: 403, "127.0.0.1": 200, "localhost:" + port: 200, "[::1]:" + port: 200} {
		for _, base := range []string{c.URL() + "/", c.URL() + "/__admin/state"} {
			req := c.request(http.MethodGet, base, "")
			req.Host = host
			assert.Equal(t, want, c.do(req).status, "%s %s", host, base)
		}
		req := c.request(http.MethodGet, c.StorageURL()+"/storage/x", "")
		req.Host = host
		assert.Equal(t, 403, c.do(req).status)
	}
}

// TestForeignPages is a page of another site that posts to the admin endpoints.
func TestForeignPages(t *testing.T) {
	c := start(t)
	req := c.request(http.MethodPost, c.URL()+"/__admin/faults", `{"kind":"any","mode":"drop"}`)
	assert.Equal(t, 415, c.do(req).status, "a form cannot send JSON")
	req = c.request(http.MethodPost, c.URL()+"/__admin/faults", `{"kind":"any","mode":"drop"}`)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	assert.Equal(t, 403, c.do(req).status)
	assert.Empty(t, c.Faults())
}

func TestStorageIsOnAnotherAddress(t *testing.T) {
	c := start(t)
	assert.NotEqual(t, c.URL(), c.StorageURL())
	assert.Equal(t, 404, c.do(c.request(http.MethodGet, c.URL()+"/storage/x", "")).status, "the API does not serve files")
	assert.Equal(t, 404, c.do(c.request(http.MethodGet, c.StorageURL()+"/graphql", "")).status)
}

// pendingFile announces a file and gives the node of the answer.
func (c *client) pendingFile(content string, more ...object) object {
	c.t.Helper()
	c.run("p", "maker")
	file := object{"artifactID": c.create(spec{files: map[string]string{"a": content}})["id"], "name": "dir/a.json", "md5": digest(content)}
	for _, m := range more {
		for k, v := range m {
			file[k] = v
		}
	}
	return c.data(createFiles, object{"input": object{"storageLayout": "V2", "artifactFiles": []object{file}}},
		"createArtifactFiles", "files", "edges", 0, "node").(object)
}

func TestSignedUploads(t *testing.T) {
	c := start(t)
	node := c.pendingFile("content")
	assert.Equal(t, []any{"Content-MD5:" + digest("content"), "Content-Type:application/json"}, node["uploadHeaders"])
	for name, test := range map[string]struct {
		change func(r *http.Request)
		status int
		code   string
	}{
		"with the API key": {func(r *http.Request) { r.SetBasicAuth("api", c.Key().Reveal()) }, 400, "InvalidArgument"},
		"no MD5":           {func(r *http.Request) { r.Header.Del("Content-MD5") }, 403, "SignatureDoesNotMatch"},
		"another MD5":      {func(r *http.Request) { r.Header.Set("Content-MD5", digest("x")) }, 403, "SignatureDoesNotMatch"},
		"another type":     {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 403, "SignatureDoesNotMatch"},
		"another path":     {func(r *http.Request) { r.URL.Path += "0" }, 403, "SignatureDoesNotMatch"},
		"no signature":     {func(r *http.Request) { r.URL.RawQuery = "" }, 403, "AccessDenied"},
		"another expiry":   {func(r *http.Request) { change(r, "expires", "99999999999999") }, 403, "SignatureDoesNotMatch"},
		"fewer headers":    {func(r *http.Request) { change(r, "signed-headers", "content-md5") }, 403, "SignatureDoesNotMatch"},
		"another method":   {func(r *http.Request) { r.Method = http.MethodGet }, 403, "SignatureDoesNotMatch"},
		"no length":        {func(r *http.Request) { r.ContentLength = -1 }, 411, "MissingContentLength"},
		"another body":     {func(r *http.Request) { r.Body, r.ContentLength = body("CONTENT"), 7 }, 400, "BadDigest"},
		"as it should be":  {func(*http.Request) {}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			req := c.request(http.MethodPut, node["uploadUrl"].(string), "content")
			req.Header.Set("Content-MD5", digest("content"))
			req.Header.Set("Content-Type", "application/json")
			test.change(req)
			a := c.do(req)
			assert.Equal(t, test.status, a.status, a.text)
			assert.Contains(t, a.text, test.code)
		})
	}
}

func body(text string) *nopCloser { return &nopCloser{strings.NewReader(text)} }

type nopCloser struct{ *strings.Reader }

func (nopCloser) Close() error { return nil }

func change(r *http.Request, name, value string) {
	query := r.URL.Query()
	query.Set(name, value)
	r.URL.RawQuery = query.Encode()
}

func TestSignedURLsExpire(t *testing.T) {
	c := start(t)
	c.SetLimits(standin.Limits{URLTTL: time.Nanosecond})
	a := c.put(c.pendingFile("content"), "content")
	assert.Equal(t, 400, a.status)
	assert.Contains(t, a.text, "<Code>ExpiredToken</Code>")

	c.SetLimits(standin.Limits{DownloadURLTTL: time.Nanosecond})
	id := c.log(spec{files: map[string]string{"a": "1"}})
	link := c.data(`query($id: ID!) { artifact(id: $id) { files { edges { node { directUrl } } } } }`, object{"id": id}, "artifact", "files", "edges", 0, "node", "directUrl").(string)
	a = c.do(c.request(http.MethodGet, link, ""))
	assert.Equal(t, 403, a.status)
	assert.Contains(t, a.text, "<Code>ExpiredToken</Code>")
}

func TestFileThatIsThereNeedsNoUpload(t *testing.T) {
	c := start(t)
	node := c.pendingFile("content")
	require.Equal(t, 200, c.put(node, "content").status)
	file := object{"artifactID": at(node, "artifact", "id"), "name": "other", "md5": digest("content")}
	ask := func() object {
		return c.data(createFiles, object{"input": object{"storageLayout": "V2", "artifactFiles": []object{file}}}, "createArtifactFiles", "files", "edges", 0, "node").(object)
	}
	assert.NotNil(t, at(ask(), "uploadUrl"), "what a pending artifact has is asked for again")
	require.NoError(t, c.SetBehaviour(standin.Behaviour{NoPendingURLs: true}))
	assert.Nil(t, at(ask(), "uploadUrl"))
}

func TestDownloads(t *testing.T) {
	c := start(t)
	content := strings.Repeat("0123456789", 100_000)
	id := c.log(spec{files: map[string]string{"dir/a b.bin": content}})
	link := c.data(`query($id: ID!) { artifact(id: $id) { files { edges { node { directUrl } } } } }`, object{"id": id}, "artifact", "files", "edges", 0, "node", "directUrl").(string)
	whole := c.do(c.request(http.MethodGet, link, ""))
	assert.Equal(t, content, whole.text)
	part := c.request(http.MethodGet, link, "")
	part.Header.Set("Range", "bytes=10-19")
	a := c.do(part)
	assert.Equal(t, 206, a.status)
	assert.Equal(t, "0123456789", a.text)
	assert.Equal(t, "bytes 10-19/1000000", a.header.Get("Content-Range"))
	withKey := c.request(http.MethodGet, link, "")
	withKey.SetBasicAuth("api", c.Key().Reveal())
	assert.Equal(t, 400, c.do(withKey).status)

	direct := func(parts ...string) answer {
		path := "/artifactsV2/default"
		for _, p := range parts {
			path += "/" + url.PathEscape(p)
		}
		req := c.request(http.MethodGet, c.URL()+path, "")
		req.SetBasicAuth("api", c.Key().Reveal())
		return c.do(req)
	}
	hex := hexOf(digest(content))
	for _, ids := range [][]string{{id, id, hex}, {id, hex}} {
		redirect := direct(append([]string{"local-user", "p", "things"}, append(ids, "a b.bin")...)...)
		require.Equal(t, 307, redirect.status, redirect.text)
		assert.Equal(t, content, c.do(c.request(http.MethodGet, redirect.header.Get("Location"), "")).text)
	}
	assert.Equal(t, 404, direct("local-user", "p", "other", id, hex, "x").status)
	assert.Equal(t, 404, direct("local-user", "p", "things", id, hexOf(digest("x")), "x").status)
	assert.Equal(t, 404, direct("local-user", "p", "things", "nobody", id, hex, "x").status)
	assert.Equal(t, 404, direct("local-user", "p").status)
	assert.Equal(t, 403, direct("forbidden-team", "p", "things", id, hex, "x").status)
	assert.Equal(t, 401, c.do(c.request(http.MethodGet, c.URL()+"/artifactsV2/default/a/b/c/d/e/f", "")).status)
}
