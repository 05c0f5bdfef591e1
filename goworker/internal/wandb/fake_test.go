package wandb_test

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// obj is a JSON object.
type obj = map[string]any

// fake is a W&B server small enough to be told to misbehave: it answers what the
// client asks and keeps what it is given. What a real server would check, it checks
// only as far as a test is about it.
type fake struct {
	t          *testing.T
	key        secret.String
	api, store *httptest.Server
	// storeURL, if set, is where addresses of files lead instead of to store.
	storeURL string

	mu sync.Mutex
	// first, if set, sees every request before its body is read, and says whether it
	// has answered it.
	first    func(w http.ResponseWriter, r *http.Request) bool
	hooks    []*hook
	calls    []string
	dumps    []string
	entities map[string]bool
	projects map[string]bool
	runs     map[string]*fakeRun
	arts     []*fakeArtifact
	blobs    map[string][]byte
	streams  []obj
	uses     []string
	parts    map[string][]string
	refusals []string // the objects that were not overwritten
	// overwrites has the store replace objects; forgetful has the server give addresses for
	// bytes of a pending artifact although they are there.
	overwrites, forgetful bool
	// byPath has the server name objects by the files' paths, as no known one does.
	byPath bool
}

// hook stands in for the server's answer to one operation, some times.
type hook struct {
	op     string
	times  int
	answer http.HandlerFunc
	// only, if set, says for which variables it does so.
	only func(variables obj) bool
}

type fakeRun struct{ state, config, summary, displayName string }

type fakeArtifact struct {
	id, clientID, name, kind, digest, state, run string
	index                                        int
	aliases                                      []string
	input                                        obj
	manifest                                     []byte
	born                                         map[string]string // path -> digest, as asked for
}

func newFake(t *testing.T) *fake {
	f := &fake{
		t: t, key: secret.String("local-" + strings.ToLower(rand.Text()+rand.Text())),
		entities: map[string]bool{"me": true, "team": true, "strangers": true},
		projects: map[string]bool{"me/p": true}, runs: map[string]*fakeRun{},
		blobs: map[string][]byte{}, parts: map[string][]string{}, forgetful: true,
	}
	f.api = httptest.NewServer(recorded(http.HandlerFunc(f.serveAPI)))
	f.store = httptest.NewServer(http.HandlerFunc(f.serveStore))
	t.Cleanup(f.api.Close)
	t.Cleanup(f.store.Close)
	return f
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

func (f *fake) inputs() config.Inputs {
	return config.Inputs{APIKey: f.key, BaseURL: f.api.URL, Entity: "me", Project: "p", UserAgent: "fiftyone-wandb-test/1"}
}

func (f *fake) client(opts ...wandb.Option) *wandb.Client {
	return clientFor(f.t, f.inputs(), append([]wandb.Option{wandb.WithTimings(quick())}, opts...)...)
}

func clientFor(t *testing.T, in config.Inputs, opts ...wandb.Option) *wandb.Client {
	settings, err := config.Resolve(in)
	require.NoError(t, err)
	c, err := wandb.NewClient(settings, opts...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// on has the next calls of an operation ("PUT" for uploads, "file_stream") answered
// by answer.
func (f *fake) on(op string, times int, answer http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hooks = append(f.hooks, &hook{op: op, times: times, answer: answer})
}

// hookIf has every call of an operation with such variables answered by answer.
func (f *fake) hookIf(op string, only func(variables obj) bool, answer http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hooks = append(f.hooks, &hook{op: op, times: math.MaxInt, answer: answer, only: only})
}

// before sets first.
func (f *fake) before(first func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.first = first
}

func (f *fake) answered(w http.ResponseWriter, r *http.Request) bool {
	f.mu.Lock()
	first := f.first
	f.mu.Unlock()
	return first != nil && first(w, r)
}

// take is the hook for a call, if there is one, and notes the call.
func (f *fake) take(op string, r *http.Request, body []byte, variables obj) http.HandlerFunc {
	dump, err := httputil.DumpRequest(r, false)
	if err != nil {
		panic(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, op)
	f.dumps = append(f.dumps, string(dump)+string(body))
	for _, h := range f.hooks {
		of := h.op == op || h.op == op+" manifest" && strings.HasPrefix(r.URL.Path, "/manifest/")
		if of && h.times > 0 && (h.only == nil || h.only(variables)) {
			h.times--
			return h.answer
		}
	}
	return nil
}

// count is how often an operation was called.
func (f *fake) count(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if c == op {
			n++
		}
	}
	return n
}

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

func (f *fake) serveAPI(w http.ResponseWriter, r *http.Request) {
	if f.answered(w, r) {
		return
	}
	body, _ := io.ReadAll(r.Body)
	op := "file_stream"
	var q struct {
		Query, OperationName string
		Variables            obj
	}
	switch r.URL.Path {
	case "/graphql":
		_ = json.Unmarshal(body, &q)
		op = q.OperationName
	case "/oidc/token":
		op = "oidc"
	}
	if answer := f.take(op, r, body, q.Variables); answer != nil {
		answer(w, r)
		return
	}
	if _, password, _ := r.BasicAuth(); password != f.key.Reveal() {
		refuse(http.StatusUnauthorized, "user is not logged in")(w, r)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if op == "file_stream" {
		f.stream(w, r, body)
		return
	}
	data, message := f.resolve(op, q.Variables)
	if message != "" {
		refuse(http.StatusConflict, message)(w, r)
		return
	}
	reply(w, http.StatusOK, obj{"data": data})
}

func (f *fake) stream(w http.ResponseWriter, r *http.Request, body []byte) {
	var line obj
	_ = json.Unmarshal(body, &line)
	f.streams = append(f.streams, line)
	part := strings.Split(r.URL.Path, "/")
	run := f.runs[strings.Join(part[2:5], "/")]
	if run == nil {
		reply(w, http.StatusNotFound, obj{"error": "run not found"})
		return
	}
	run.state = "running"
	if line["complete"] == true {
		if run.state = "finished"; line["exitcode"] != 0.0 {
			run.state = "failed"
		}
	}
	reply(w, http.StatusOK, obj{})
}

// serveStore keeps an upload, and checks what a store checks.
func (f *fake) serveStore(w http.ResponseWriter, r *http.Request) {
	if f.answered(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	key := strings.TrimPrefix(r.URL.Path, "/")
	if answer := f.take(r.Method, r, nil, nil); answer != nil {
		answer(w, r)
		return
	}
	if r.Method == http.MethodGet {
		f.mu.Lock()
		defer f.mu.Unlock()
		_, _ = w.Write(f.blobs[key])
		return
	}
	sum := md5.Sum(body)
	switch {
	case r.Header.Get("Authorization") != "":
		http.Error(w, "<Error><Code>InvalidArgument</Code><Message>no key here</Message></Error>", http.StatusBadRequest)
		return
	case r.Header.Get("Content-MD5") != "" && r.Header.Get("Content-MD5") != base64.StdEncoding.EncodeToString(sum[:]):
		http.Error(w, "<Error><Code>BadDigest</Code><Message>other bytes</Message></Error>", http.StatusBadRequest)
		return
	case r.Header.Get("Content-Length") == "" && r.ContentLength < 0:
		http.Error(w, "", http.StatusLengthRequired)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.blobs[key]; there && !f.overwrites {
		f.refusals = append(f.refusals, key)
		there403(w, r)
		return
	}
	f.blobs[key] = body
	if id, ok := strings.CutPrefix(key, "manifest/"); ok {
		f.artifact(id).manifest = body
	}
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
}

func (f *fake) artifact(id string) *fakeArtifact {
	for _, a := range f.arts {
		if a.id == id {
			return a
		}
	}
	return nil
}

func (f *fake) address(key string) string {
	base := f.store.URL
	if f.storeURL != "" {
		base = f.storeURL
	}
	return base + "/" + key + "?signature=" + strings.ToLower(rand.Text())
}

func artifactID(n int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "Artifact:%d", n))
}
