package wandb_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// obj is a JSON object.
type obj = map[string]any

// server is the stand-in behind hooks: a test can look at a request, answer it itself, or change the
// answer. What no hook answers, the stand-in answers as strictly as W&B. It has the run me/p/r.
type server struct {
	*standin.Server
	t *testing.T
	// api and store are the stand-in behind the hooks; bareAPI and bareStore are without them.
	api, store, bareAPI, bareStore http.Handler

	mu sync.Mutex
	// first, if set, sees every request before its body is read, and reports whether it has answered it.
	first    func(w http.ResponseWriter, r *http.Request) bool
	hooks    []*hook
	requests []request
	// storeURL, if set, replaces the address of the store in answers.
	storeURL string
}

// hook answers an operation instead of the stand-in, a number of times.
type hook struct {
	op     string
	times  int
	answer http.HandlerFunc
	// only, if set, limits it to requests with such variables.
	only func(variables obj) bool
}

// request is a request that the server got.
type request struct {
	// op is the GraphQL operation, "file_stream", "oidc", or PUT or GET for the store.
	op string
	// head is the request line with the headers.
	head string
	// body is that of a request to the API.
	body []byte
	// variables are those of a GraphQL request.
	variables obj
	// hooked says that a hook answered it.
	hooked bool
}

func newServer(t *testing.T) *server { return newServerAs(t, standin.Behaviour{}) }

func newServerAs(t *testing.T, behaviour standin.Behaviour) *server {
	srv := &server{t: t}
	var err error
	srv.Server, err = standin.New(standin.Options{
		Dir: t.TempDir(), Entity: "me", Teams: []string{"team", "other", "team-a"}, Forbidden: []string{"strangers"},
		Behaviour: behaviour, Middleware: srv.hooked,
	})
	require.NoError(t, err)
	require.NoError(t, srv.Start())
	t.Cleanup(func() { _ = srv.Close() })
	srv.have("r", "running", "{}")
	return srv
}

// hooked is the stand-in's middleware.
func (srv *server) hooked(bare http.Handler) http.Handler {
	h := recorded(http.HandlerFunc(srv.serve))
	if srv.api == nil {
		srv.api, srv.bareAPI = h, bare
	} else {
		srv.store, srv.bareStore = h, bare
	}
	return h
}

// serve answers a request by a hook, or else by the stand-in.
func (srv *server) serve(w http.ResponseWriter, r *http.Request) {
	srv.mu.Lock()
	first := srv.first
	srv.mu.Unlock()
	if first != nil && first(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client left
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if answer := srv.take(r, body); answer != nil {
		answer(w, r)
		return
	}
	srv.pass(w, r)
}

// take notes a request, and gives the hook that answers it, if there is one.
func (srv *server) take(r *http.Request, body []byte) http.HandlerFunc {
	head, err := httputil.DumpRequest(r, false)
	if err != nil {
		panic(err)
	}
	req := request{op: r.Method, head: string(head)}
	switch {
	case r.URL.Path == "/graphql":
		var q struct {
			OperationName string
			Variables     obj
		}
		_ = json.Unmarshal(body, &q)
		req.op, req.variables, req.body = q.OperationName, q.Variables, body
	case r.URL.Path == "/oidc/token":
		req.op, req.body = "oidc", body
	case strings.HasSuffix(r.URL.Path, "/file_stream"):
		req.op, req.body = "file_stream", body
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	var found http.HandlerFunc
	for _, h := range srv.hooks {
		of := h.op == req.op || h.op == req.op+" manifest" && strings.HasPrefix(r.URL.Path, "/storage/manifests/")
		if of && h.times > 0 && (h.only == nil || h.only(req.variables)) {
			h.times--
			found, req.hooked = h.answer, true
			break
		}
	}
	srv.requests = append(srv.requests, req)
	return found
}

// pass has the stand-in answer a request.
func (srv *server) pass(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/storage/") {
		srv.bareStore.ServeHTTP(w, r)
		return
	}
	srv.mu.Lock()
	storeURL := srv.storeURL
	srv.mu.Unlock()
	if storeURL == "" {
		srv.bareAPI.ServeHTTP(w, r)
		return
	}
	rec := httptest.NewRecorder()
	srv.bareAPI.ServeHTTP(rec, r)
	w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
	w.WriteHeader(rec.Code)
	_, _ = w.Write(bytes.ReplaceAll(rec.Body.Bytes(), []byte(srv.StorageURL()), []byte(storeURL)))
}

// on has the next calls of an operation answered by answer.
func (srv *server) on(op string, times int, answer http.HandlerFunc) {
	srv.add(&hook{op: op, times: times, answer: answer})
}

// onIf has every call of an operation with such variables answered by answer.
func (srv *server) onIf(op string, only func(variables obj) bool, answer http.HandlerFunc) {
	srv.add(&hook{op: op, times: math.MaxInt, answer: answer, only: only})
}

func (srv *server) add(h *hook) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.hooks = append(srv.hooks, h)
}

// alter has change change the data that the stand-in answers the next calls of an operation with.
func (srv *server) alter(op string, times int, change func(data obj)) {
	srv.on(op, times, func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		srv.pass(rec, r)
		var answer struct{ Data obj }
		if rec.Code != http.StatusOK || json.Unmarshal(rec.Body.Bytes(), &answer) != nil || answer.Data == nil {
			w.WriteHeader(rec.Code)
			_, _ = w.Write(rec.Body.Bytes())
			return
		}
		change(answer.Data)
		reply(w, http.StatusOK, obj{"data": answer.Data})
	})
}

// done has the stand-in do what it is asked, and answer answer in its stead.
func (srv *server) done(answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		srv.pass(httptest.NewRecorder(), r)
		answer(w, r)
	}
}

// before sets first.
func (srv *server) before(first func(w http.ResponseWriter, r *http.Request) bool) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.first = first
}

// forget forgets the requests so far, and the hooks.
func (srv *server) forget() {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.requests, srv.hooks = nil, nil
}

// seen are the requests of an operation; of all if it is empty.
func (srv *server) seen(op string) (out []request) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for _, r := range srv.requests {
		if op == "" || r.op == op {
			out = append(out, r)
		}
	}
	return out
}

// count is how often an operation was called.
func (srv *server) count(op string) int { return len(srv.seen(op)) }

// calls are the operations that were called, in this order.
func (srv *server) calls() (ops []string) {
	for _, r := range srv.seen("") {
		ops = append(ops, r.op)
	}
	return ops
}

// posts are the messages to runs that no hook answered.
func (srv *server) posts() (out []obj) {
	for _, r := range srv.seen("file_stream") {
		if !r.hooked {
			out = append(out, object(srv.t, string(r.body)))
		}
	}
	return out
}

// puts is how often each object was sent to the store.
func (srv *server) puts() map[string]int {
	out := map[string]int{}
	for _, r := range srv.seen("PUT") {
		path, _, _ := strings.Cut(strings.TrimPrefix(r.head, "PUT /storage/"), "?")
		out[path]++
	}
	return out
}

// refusals is how often the store refused to replace an object.
func (srv *server) refusals() (n int) {
	for _, text := range srv.Stats().Refusals {
		if strings.HasPrefix(text, "storage: 403 ") {
			n++
		}
	}
	return n
}

// quick are timings for tests: nothing is waited for that need not be.
func quick() wandb.Timings {
	return wandb.Timings{
		RetryWait: 2 * time.Millisecond, RetryWaitMax: 8 * time.Millisecond,
		// The number of tries is what ends these waits, however slow the machine is.
		Patience: time.Minute, FirstPatience: time.Minute,
		ServerWaitMax: 100 * time.Millisecond, ServerPatience: 500 * time.Millisecond,
		Dial: 5 * time.Second, Try: 5 * time.Second, SlowTry: 5 * time.Second, Stall: 5 * time.Second, Heartbeat: 5 * time.Millisecond,
	}
}

func (srv *server) inputs() config.Inputs {
	return config.Inputs{APIKey: srv.Key(), BaseURL: srv.URL(), Entity: "me", Project: "p", UserAgent: "fiftyone-wandb-test/1"}
}

func (srv *server) client(opts ...wandb.Option) *wandb.Client {
	return clientFor(srv.t, srv.inputs(), append([]wandb.Option{wandb.WithTimings(quick())}, opts...)...)
}

func clientFor(t *testing.T, in config.Inputs, opts ...wandb.Option) *wandb.Client {
	settings, err := config.Resolve(in)
	require.NoError(t, err)
	c, err := wandb.NewClient(settings, opts...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// ask has the stand-in answer a document, without hooks and without being noted.
func (srv *server) ask(document string, variables obj) {
	body, err := json.Marshal(obj{"query": document, "variables": variables})
	require.NoError(srv.t, err)
	r := httptest.NewRequest(http.MethodPost, srv.URL()+"/graphql", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("api", srv.Key().Reveal())
	rec := httptest.NewRecorder()
	srv.bareAPI.ServeHTTP(rec, r)
	require.Equal(srv.t, http.StatusOK, rec.Code, rec.Body)
}

// get reads a file by the address that the API has for it.
func (srv *server) get(parts ...string) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	r := httptest.NewRequest(http.MethodGet, srv.URL()+"/"+strings.Join(parts, "/"), nil)
	r.SetBasicAuth("api", srv.Key().Reveal())
	rec := httptest.NewRecorder()
	srv.bareAPI.ServeHTTP(rec, r)
	require.Equal(srv.t, http.StatusTemporaryRedirect, rec.Code, rec.Body)
	r = httptest.NewRequest(http.MethodGet, rec.Header().Get("Location"), nil)
	rec = httptest.NewRecorder()
	srv.bareStore.ServeHTTP(rec, r)
	require.Equal(srv.t, http.StatusOK, rec.Code, rec.Body)
	return rec.Body.String()
}

const haveRun = `mutation Have($entity: String, $project: String, $run: String, $state: String, $config: JSONString, $summary: JSONString) {
	upsertBucket(input: {entityName: $entity, modelName: $project, name: $run, state: $state, config: $config, summaryMetrics: $summary}) { inserted }
}`

// have puts a run on the server, or changes one that is there.
func (srv *server) have(id, state, config string) { srv.haveRun(ref(id), state, config, "") }

func (srv *server) haveRun(run config.RunRef, state, config, summary string) {
	variables := obj{"entity": run.Entity, "project": run.Project, "run": run.ID, "state": state}
	for name, text := range map[string]string{"config": config, "summary": summary} {
		if text != "" {
			variables[name] = text
		}
	}
	srv.ask(haveRun, variables)
}

// run is a run of the project me/p.
func (srv *server) run(id string) standin.RunState {
	for _, r := range srv.State().Runs {
		if r.Entity == "me" && r.Project == "p" && r.Name == id {
			return r
		}
	}
	require.Fail(srv.t, "there is no run "+id)
	return standin.RunState{}
}

// version is an artifact by its id.
func (srv *server) version(id string) standin.ArtifactState {
	for _, a := range srv.State().Artifacts {
		if a.ID == id {
			return a
		}
	}
	require.Fail(srv.t, "there is no artifact "+id)
	return standin.ArtifactState{}
}

// only is the one artifact that the server has.
func (srv *server) only() standin.ArtifactState {
	all := srv.State().Artifacts
	require.Len(srv.t, all, 1)
	return all[0]
}

// committed is the number of versions that anybody can see.
func (srv *server) committed() (n int) {
	for _, a := range srv.State().Artifacts {
		if a.State == "COMMITTED" {
			n++
		}
	}
	return n
}

// assertStored checks that there is one version, that its manifest names every file with its bytes'
// digest, and that these bytes are on the server.
func (srv *server) assertStored(files *artifact.Files) {
	srv.t.Helper()
	var a standin.ArtifactState
	for _, one := range srv.State().Artifacts {
		if one.State == "COMMITTED" {
			require.Empty(srv.t, a.ID, "one version is there")
			a = one
		}
	}
	require.NotEmpty(srv.t, a.ID)
	require.Len(srv.t, a.Files, files.Len())
	for _, e := range files.Sorted() {
		require.Equal(srv.t, standin.FileState{Digest: e.Digest, Size: e.Size, Birth: a.ID, Ref: e.Ref}, a.Files[e.Path])
		raw, err := os.ReadFile(e.LocalPath)
		require.NoError(srv.t, err)
		require.Equal(srv.t, string(raw), srv.get("artifactsV2", "local", a.Entity, a.Project, a.Collection, a.ID, hexOf(e.Digest), e.Path))
	}
}

func hexOf(digest string) string {
	raw, err := base64.StdEncoding.DecodeString(digest)
	if err != nil {
		panic(err)
	}
	return hex.EncodeToString(raw)
}

// object is a JSON object that was sent.
func object(t *testing.T, text string) obj {
	var out obj
	require.NoError(t, json.Unmarshal([]byte(text), &out), text)
	return out
}

func str(v any) string { s, _ := v.(string); return s }

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// refuse answers as the real server does: a status and GraphQL errors.
func refuse(status int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		reply(w, status, obj{"errors": []obj{{"message": message}}, "data": nil})
	}
}

// there403 is how wandb.ai's store refuses to overwrite an object.
func there403(w http.ResponseWriter, r *http.Request) {
	body(http.StatusForbidden, "application/xml; charset=UTF-8", "<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code><Message>Access denied.</Message>"+
		"<Details>signer@example.test does not have storage.objects.delete access to the Google Cloud Storage object.</Details></Error>")(w, r)
}

// drop closes the connection without an answer.
func drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
