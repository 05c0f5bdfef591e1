package wandb_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/wandbtest"
)

// answer is one line of testdata/answers.jsonl: an answer of the real W&B server, byte
// for byte, and what a user must get when it comes.
type answer struct {
	// ID names the answer.
	ID string `json:"id"`
	// Op is the operation that it answers: a GraphQL document, file_stream (ended with
	// and without a table), oidc, PUT, "PUT manifest" or GET.
	Op string `json:"op"`
	// Status is 0 where no answer came in time.
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	// Times is how often it comes before the server is well again; 0 is always.
	Times int `json:"times"`
	// WithoutEntity says that it answers questions without an entity only.
	WithoutEntity bool `json:"without_entity"`

	Want struct {
		// Code is the fault's code; empty for success.
		Code string `json:"code"`
		// Source is whose matter the fault is: settings, wandb, media or plugin.
		Source string `json:"source"`
		// Calls is how often the operation is called; 0 for any number.
		Calls int `json:"calls"`
		// Retried says that the request is sent again: if the answer comes only twice, the
		// operation succeeds.
		Retried bool `json:"retried"`
		// Says and SaysNot are parts of the sentence, or what it must not hold.
		Says    []string `json:"says"`
		SaysNot []string `json:"says_not"`
		// NoCall are operations that must not be called.
		NoCall []string `json:"no_call"`
	} `json:"want"`
}

func readAnswers(t *testing.T) (out []answer) {
	f, err := os.Open(filepath.Join("testdata", "answers.jsonl"))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var a answer
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&a), lines.Text())
		out = append(out, a)
	}
	require.NoError(t, lines.Err())
	return out
}

// serve answers with the line. An upload or a message to a run that it accepts, or says to have, is taken in first.
func (a answer) serve(srv *server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if a.Status == 0 {
			<-r.Context().Done()
			return
		}
		stored := a.Status/100 == 2 || a.ID == "put-403-exists"
		rec := httptest.NewRecorder()
		if stored {
			srv.pass(rec, r)
		}
		for name, value := range a.Headers {
			w.Header().Set(name, value)
		}
		w.WriteHeader(a.Status)
		body := a.Body
		if strings.Contains(body, "https://store.example/") {
			body = srv.fillIn(body, rec.Body.Bytes())
		}
		_, _ = io.WriteString(w, body)
	}
}

// fillIn puts what the stand-in answered into an answer that leaves the file, its digest and its address open. The headers
// that the answer asks for are not those that the stand-in's address is signed for: these replace them.
func (srv *server) fillIn(body string, real []byte) string {
	var data struct {
		Data struct {
			CreateArtifactFiles struct {
				Files struct {
					Edges []struct {
						Node struct {
							UploadURL     string
							UploadHeaders []string
							Artifact      struct{ ID string }
						}
					}
				}
			}
		}
	}
	require.NoError(srv.t, json.Unmarshal(real, &data))
	node := data.Data.CreateArtifactFiles.Files.Edges[0].Node
	target, err := url.Parse(node.UploadURL)
	require.NoError(srv.t, err)
	srv.before(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/storage/recorded/") {
			r.URL = target
			for _, h := range node.UploadHeaders {
				name, value, _ := strings.Cut(h, ":")
				r.Header.Set(name, value)
			}
		}
		return false
	})
	digest := filesOf(srv.t, srv.t.TempDir(), "one").At(0).Digest
	return strings.NewReplacer(
		"https://store.example/wandb_artifacts/85831262/524907710/<md5 hex>", srv.StorageURL()+"/storage/recorded/"+hexOf(digest),
		"<md5 base64>", digest, "QXJ0aWZhY3Q6NTI0OTA3NzEw", node.Artifact.ID,
	).Replace(body)
}

// drivers do what makes the client ask the operation.
var drivers = map[string]func(ctx context.Context, srv *server, c *wandb.Client) error{
	"Viewer": func(ctx context.Context, _ *server, c *wandb.Client) error { _, err := c.Viewer(ctx); return err },
	"oidc":   func(ctx context.Context, _ *server, c *wandb.Client) error { _, err := c.Viewer(ctx); return err },
	"CreateRun": func(ctx context.Context, _ *server, c *wandb.Client) error {
		_, err := c.CreateRun(ctx, wandb.RunSpec{RunRef: config.RunRef{Entity: "team-a", Project: "proj-a", ID: "run00001"}})
		return err
	},
	"SetRunConfig": func(ctx context.Context, srv *server, c *wandb.Client) error {
		srv.have("r", "finished", "{}")
		_, err := c.UpdateRunConfig(ctx, &wandb.Run{RunRef: ref("r")}, map[string]any{"a": 1})
		return err
	},
	"FindRun": func(ctx context.Context, _ *server, c *wandb.Client) error {
		_, err := c.FindRun(ctx, ref("r"))
		return err
	},
	"ListRuns": func(ctx context.Context, _ *server, c *wandb.Client) error {
		_, err := c.ListRuns(ctx, wandb.RunOptions{ListOptions: wandb.ListOptions{Project: "p"}})
		return err
	},
	"RunDetails": func(ctx context.Context, srv *server, c *wandb.Client) error {
		srv.have("run00001", "running", "")
		_, err := c.ReadRun(ctx, wandb.RunQuery{Project: "p", Reference: "run00001"})
		return err
	},
	"ArtifactByName": func(ctx context.Context, _ *server, c *wandb.Client) error {
		_, err := c.FindArtifact(ctx, config.ArtifactRef{Name: "name"}, []string{})
		return err
	},
	"UseArtifact": func(ctx context.Context, _ *server, c *wandb.Client) error {
		return c.UseArtifact(ctx, ref("r"), someArtifact)
	},
	"AddAliases": func(ctx context.Context, srv *server, c *wandb.Client) error {
		srv.alter("ArtifactVersion", 1, func(data obj) { data["artifact"].(obj)["aliases"] = []obj{} })
		return srv.log(ctx, c, "another alias")
	},
	"ArtifactVersion": func(ctx context.Context, srv *server, c *wandb.Client) error {
		return srv.log(ctx, c, "another alias")
	},
	"CreateArtifact":         func(ctx context.Context, srv *server, c *wandb.Client) error { return srv.log(ctx, c) },
	"CreateArtifactManifest": func(ctx context.Context, srv *server, c *wandb.Client) error { return srv.log(ctx, c) },
	"CreateArtifactFiles":    func(ctx context.Context, srv *server, c *wandb.Client) error { return srv.log(ctx, c) },
	"CommitArtifact":         func(ctx context.Context, srv *server, c *wandb.Client) error { return srv.log(ctx, c) },
	"PUT":                    func(ctx context.Context, srv *server, c *wandb.Client) error { return srv.log(ctx, c) },
	"PUT manifest":           func(ctx context.Context, srv *server, c *wandb.Client) error { return srv.log(ctx, c) },
	"GET": func(ctx context.Context, srv *server, c *wandb.Client) error {
		v, err := c.FindArtifact(ctx, config.ArtifactRef{Name: "name"}, []string{"d/0000.txt"})
		require.NoError(srv.t, err)
		r, err := c.OpenFile(ctx, v.Files["d/0000.txt"])
		require.NoError(srv.t, err)
		defer func() { _ = r.Close() }()
		_, err = io.ReadAll(r)
		return err
	},
	"file_stream": func(ctx context.Context, srv *server, c *wandb.Client) error {
		srv.have("r", "running", "")
		return c.FinishRun(ctx, ref("r"), 0)
	},
	"file_stream with a table": func(ctx context.Context, srv *server, c *wandb.Client) error {
		srv.have("r", "running", "")
		return c.FinishRun(ctx, ref("r"), 0, srv.table(srv.t, c, "table"))
	},
}

// prepared are operations for which the server must have an artifact.
var prepared = []string{"AddAliases", "ArtifactVersion", "GET", "ArtifactByName"}

// log logs an artifact of one file.
func (srv *server) log(ctx context.Context, c *wandb.Client, aliases ...string) error {
	srv.have("r", "running", "{}")
	s := spec(filesOf(srv.t, srv.t.TempDir(), "one"))
	s.Aliases = aliases
	_, err := c.LogArtifact(ctx, s, nil)
	return err
}

// play has the answer come some times (0: always), and gives the server, how often the
// operation was called, and what a user gets.
func (a answer) play(t *testing.T, times int) (srv *server, calls int, got error) {
	srv = newServer(t)
	in := srv.inputs()
	timings := quick()
	timings.ServerPatience = 100 * time.Millisecond
	if times == 0 && a.Status != 0 { // Else the number of answers or tries ends it, however slow the machine is.
		timings.Patience = 200 * time.Millisecond
	}
	if a.Status == 0 {
		timings.Try = 30 * time.Millisecond
	}
	if a.Op == "oidc" {
		in.APIKey, in.Env = "", map[string]string{"WANDB_IDENTITY_TOKEN_FILE": wandbtest.WriteFile(t, "header.body.signature", t.TempDir(), "token")}
	}
	if a.WithoutEntity {
		in.Entity = ""
	}
	c := clientFor(t, in, wandb.WithTimings(timings))
	if slices.Contains(prepared, a.Op) {
		require.NoError(t, srv.log(t.Context(), c))
	}
	if times == 0 {
		times = 1_000_000
	}
	op, _, _ := strings.Cut(a.Op, " with ")
	called, _, _ := strings.Cut(op, " manifest")
	h := &hook{op: op, times: times, answer: a.serve(srv)}
	if a.WithoutEntity {
		h.only = func(variables obj) bool { return variables["entity"] == nil }
	}
	srv.forget()
	srv.add(h)
	drive := drivers[a.Op]
	require.NotNil(t, drive, "nothing drives %s", a.Op)
	got = drive(t.Context(), srv, c)
	return srv, srv.count(called), got
}

// problems are what a user would not get as wanted.
func (a answer) problems(t *testing.T) (out []string) {
	miss := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	srv, calls, err := a.play(t, a.Times)
	want := a.Want
	if code := fault.Code(err); code != want.Code || err != nil && code == "" {
		miss("fault %q and not %q: %v", code, want.Code, err)
	}
	sources := map[string]fault.Source{"settings": fault.Settings, "wandb": fault.WandB, "media": fault.Media, "plugin": fault.Plugin}
	if f := fault.As(err); f != nil && f.Source != sources[want.Source] {
		miss("the source is %d and not %s", f.Source, want.Source)
	}
	if want.Calls > 0 && calls != want.Calls {
		miss("%d calls and not %d", calls, want.Calls)
	}
	for _, text := range want.Says {
		if err != nil && !strings.Contains(err.Error(), text) {
			miss("it does not say %q: %v", text, err)
		}
	}
	for _, text := range want.SaysNot {
		if err != nil && strings.Contains(err.Error(), text) {
			miss("it says %q: %v", text, err)
		}
	}
	for _, op := range want.NoCall {
		if srv.count(op) > 0 {
			miss("%s was called", op)
		}
	}
	if want.Retried {
		if _, calls, err := a.play(t, 2); err != nil || calls < 3 {
			miss("two such answers end it after %d calls: %v", calls, err)
		}
	}
	return out
}

// TestAnswersOfTheRealServer replays every known answer of the real W&B server through
// the client.
func TestAnswersOfTheRealServer(t *testing.T) {
	for _, a := range readAnswers(t) {
		t.Run(a.ID, func(t *testing.T) {
			assert.Empty(t, a.problems(t))
		})
	}
}

// TestNoKnownAnswerIsMissing compares with the collection that the lines were taken
// from, where that is at hand.
func TestNoKnownAnswerIsMissing(t *testing.T) {
	raw, err := os.ReadFile(filepath.FromSlash("../../../../shared/golden/wandb-answers/answers.jsonl"))
	if err != nil {
		raw, err = os.ReadFile(filepath.FromSlash("../../../../../shared/golden/wandb-answers/answers.jsonl"))
	}
	if err != nil {
		require.ErrorIs(t, err, os.ErrNotExist)
		return
	}
	ours := map[string]answer{}
	for _, a := range readAnswers(t) {
		ours[a.ID] = a
	}
	for line := range strings.Lines(string(raw)) {
		var theirs answer
		require.NoError(t, json.Unmarshal([]byte(line), &theirs))
		a, there := ours[theirs.ID]
		assert.True(t, there, "%s is missing", theirs.ID)
		assert.Equal(t, []any{theirs.Status, theirs.Body, theirs.Headers}, []any{a.Status, a.Body, a.Headers}, theirs.ID)
	}
}
