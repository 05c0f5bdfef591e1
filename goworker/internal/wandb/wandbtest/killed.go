package wandbtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// childVariable marks the process that is killed.
const childVariable = "FIFTYONE_WANDB_CHECK_CHILD"

// childJob is what the process that is killed has to log. It comes by its standard input,
// since it holds the key.
type childJob struct {
	BaseURL, Key, Entity, Project, Run, Name, Dir string
	Env, Contents                                 map[string]string
}

// ServeChild does nothing but in the process that rerunAfterKill starts from the same test
// binary: there it logs an artifact until it is killed. TestMain calls it first.
func ServeChild() {
	if os.Getenv(childVariable) == "" {
		return
	}
	var j childJob
	err := json.NewDecoder(os.Stdin).Decode(&j)
	if err == nil {
		err = j.log()
	}
	fmt.Fprintln(os.Stderr, "the process should have been killed:", err)
	os.Exit(1)
}

func (j childJob) log() error {
	ctx := context.Background()
	settings, err := config.Resolve(config.Inputs{
		APIKey: secret.String(j.Key), BaseURL: j.BaseURL, Entity: j.Entity, Project: j.Project, Env: j.Env, UserAgent: "fiftyone-wandb-contract",
	})
	if err != nil {
		return err
	}
	client, err := wandb.NewClient(settings)
	if err != nil {
		return err
	}
	files, err := filesIn(ctx, j.Dir, j.Contents)
	if err != nil {
		return err
	}
	_, err = client.LogArtifact(ctx, wandb.ArtifactSpec{Run: config.RunRef{Entity: j.Entity, Project: j.Project, ID: j.Run}, Type: "dataset", Name: j.Name, Files: files}, nil)
	return err
}

// rerunAfterKill kills a process that has uploaded everything and is about to commit, and
// logs the same in this one.
func (q *questioner) rerunAfterKill() {
	const asked = "a rerun after a kill between upload and commit"
	address, atCommit := q.holdCommit()
	run := q.suite.newRun(q.t, "killed", nil)
	job := childJob{
		BaseURL: address, Key: q.target.APIKey.Reveal(), Entity: run.Entity, Project: run.Project, Run: run.ID, Name: q.collection("killed"), Dir: q.t.TempDir(),
		Env: q.target.Env, Contents: map[string]string{"a.txt": "one " + q.id, "b.txt": "two " + q.id, "twin.txt": "one " + q.id, "empty.txt": ""},
	}
	input, err := json.Marshal(job) //nolint:gosec // the key goes to our own child, by a pipe
	require.NoError(q.t, err)
	child := exec.CommandContext(q.t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"=1")
	child.Stdin = bytes.NewReader(input)
	var said bytes.Buffer
	child.Stderr = &said
	require.NoError(q.t, child.Start())
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	select {
	case <-atCommit:
		require.NoError(q.t, child.Process.Kill())
		<-ended
	case <-ended:
		q.note(asked, "not asked: the process ended before its commit: "+said.String(), "")
		return
	}

	again := *q.suite
	again.target.BaseURL = address // the client ID is derived from it, too
	files := q.suite.files(q.t, job.Contents)
	done, err := again.newClient(q.t, q.target.APIKey).LogArtifact(q.t.Context(), wandb.ArtifactSpec{Run: run.RunRef, Type: "dataset", Name: job.Name, Files: files}, nil)
	answer := ""
	if err != nil {
		answer = "it failed: " + err.Error()
	} else {
		answer = fmt.Sprintf("%s, %d bytes uploaded again, all files right: %t", done.Version, done.BytesUploaded, q.holds(done.ID, job.Contents))
	}
	q.note(asked, answer, "One right version, v0. That nothing is uploaded again is not needed.")
}

// holdCommit gives the address of a way to the server that never lets the first commit through, and
// says when it came.
func (q *questioner) holdCommit() (address string, atCommit <-chan struct{}) {
	to, err := url.Parse(q.target.BaseURL)
	require.NoError(q.t, err)
	at := make(chan struct{})
	var held atomic.Bool
	proxy := &httputil.ReverseProxy{Transport: q.web.Transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	way := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("commitArtifact(")) && held.CompareAndSwap(false, true) {
			close(at)
			<-r.Context().Done()
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	q.t.Cleanup(way.Close)
	return way.URL, at
}
