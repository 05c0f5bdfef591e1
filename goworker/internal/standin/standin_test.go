package standin_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
)

// start runs a stand-in in a directory of its own until the test ends.
func start(t *testing.T, change ...func(*standin.Options)) *client {
	t.Helper()
	opts := standin.Options{Dir: t.TempDir(), Teams: []string{"team"}, Forbidden: []string{"forbidden-team"}}
	for _, c := range change {
		c(&opts)
	}
	s, err := standin.New(opts)
	require.NoError(t, err)
	require.NoError(t, s.Start())
	c := &client{t: t, Server: s, http: &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		c.http.CloseIdleConnections()
	})
	return c
}

// client talks to a stand-in as a W&B client does.
type client struct {
	*standin.Server
	t    *testing.T
	http *http.Client
}

type object = map[string]any

// answer is what came back, its body decoded if it is JSON.
type answer struct {
	status int
	header http.Header
	text   string
	json   object
}

// do sends a request as it is and reads the answer whole.
func (c *client) do(req *http.Request) answer {
	c.t.Helper()
	res, err := c.http.Do(req)
	require.NoError(c.t, err)
	return c.read(res)
}

func (c *client) read(res *http.Response) answer {
	c.t.Helper()
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(c.t, err)
	a := answer{status: res.StatusCode, header: res.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.json)
	return a
}

func (c *client) request(method, url, body string) *http.Request {
	c.t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(c.t, err)
	return req
}

// graphql sends a document with the right key.
func (c *client) graphql(query string, variables object) answer {
	c.t.Helper()
	req := c.graphqlRequest(query, variables)
	req.SetBasicAuth("api", c.Key().Reveal())
	return c.do(req)
}

func (c *client) graphqlRequest(query string, variables object) *http.Request {
	c.t.Helper()
	body, err := json.Marshal(object{"query": query, "variables": variables})
	require.NoError(c.t, err)
	req, err := http.NewRequest(http.MethodPost, c.URL()+"/graphql", bytes.NewReader(body))
	require.NoError(c.t, err)
	req.Header.Set("Content-Type", "application/json")
	return req
}

// data sends a document that must succeed and gives the value at a path of its data.
func (c *client) data(query string, variables object, path ...any) any {
	c.t.Helper()
	a := c.graphql(query, variables)
	require.Equal(c.t, 200, a.status, a.text)
	require.NotContains(c.t, a.json, "errors", a.text)
	return at(a.json["data"], path...)
}

// refused sends a document that must fail with a status and gives the message.
func (c *client) refused(status int, query string, variables object) string {
	c.t.Helper()
	a := c.graphql(query, variables)
	require.Equal(c.t, status, a.status, a.text)
	return at(a.json, "errors", 0, "message").(string)
}

// at follows keys and indexes into decoded JSON; nil where there is nothing.
func at(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := value.(object)
			value = m[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

// run makes a run in a project of the default entity and gives its storage ID.
func (c *client) run(project, name string) string {
	c.t.Helper()
	return c.data(`mutation($p:String,$n:String){upsertBucket(input:{modelName:$p,name:$n}){bucket{id}}}`,
		object{"p": project, "n": name}, "upsertBucket", "bucket", "id").(string)
}

// overwriting is a store in which everything can be written again.
func overwriting(o *standin.Options) { o.Behaviour.Overwrite = standin.OverwriteAll }

// withPageMax serves short pages.
func withPageMax(n int) func(*standin.Options) {
	return func(o *standin.Options) { o.Limits.PageMax = n }
}

func TestViewer(t *testing.T) {
	c := start(t)
	viewer := c.data(`query Viewer { viewer { id entity username teams { edges { node { name } } } } }`, nil, "viewer")
	require.Equal(t, "local-user", at(viewer, "entity"))
	require.Equal(t, "team", at(viewer, "teams", "edges", 1, "node", "name"))
}
