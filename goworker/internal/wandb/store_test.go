package wandb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// storedThen has the store keep the next uploads under a prefix, and the answer go another way. A part that is sent again
// is refused, as W&B's store refuses every object that is there; what else is there the stand-in refuses itself. It gives
// the number of parts that were refused.
func (srv *server) storedThen(prefix string, times int, answer http.HandlerFunc) (refused func() int) {
	var mu sync.Mutex
	var again int
	stored := map[string]bool{}
	srv.before(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || !strings.HasPrefix(r.URL.Path, "/storage/"+prefix) {
			return false
		}
		mu.Lock()
		isAgain := stored[r.URL.Path] && prefix == "multipart/"
		now := !stored[r.URL.Path] && len(stored) < times
		if now {
			stored[r.URL.Path] = true
		}
		if isAgain {
			again++
		}
		mu.Unlock()
		switch {
		case now:
			srv.done(answer)(w, r)
		case isAgain:
			_, _ = io.Copy(io.Discard, r.Body)
			there403(w, r)
		}
		return now || isAgain
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return again
	}
}

func TestAnUploadWhoseAnswerIsLost(t *testing.T) {
	late := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, answer := range map[string]http.HandlerFunc{"dropped": drop, "503": status(503, ""), "after the time-out": late} {
		for _, of := range []string{"wandb_artifacts/", "manifests/"} {
			t.Run(name+" "+of, func(t *testing.T) {
				srv := newServer(t)
				srv.storedThen(of, 1, answer)
				timings := quick()
				timings.Stall = 200 * time.Millisecond
				files := filesOf(t, t.TempDir(), "one", "two", "one")
				done, err := srv.client(wandb.WithTimings(timings)).LogArtifact(t.Context(), spec(files), nil)
				require.NoError(t, err)
				srv.assertStored(files)
				assert.Equal(t, 1, srv.refusals(), "the repeated upload was refused")
				assert.Equal(t, []int64{3, 0, 6}, []int64{done.FilesUploaded, done.FilesUnchanged, done.BytesUploaded}, "it was this call that brought it")
				assert.Equal(t, 1, srv.count("CreateArtifact"))
			})
		}
	}
}

func TestARunFileThatIsThereIsDone(t *testing.T) {
	srv := newServer(t)
	c := srv.client()
	for range 2 {
		_, err := c.UploadTableCopy(t.Context(), ref("r"), wandb.TableCopy{Key: "k", Open: opened("{}")})
		require.NoError(t, err)
	}
	assert.Equal(t, 1, srv.refusals())
}

func TestARerunAfterACommitThatFailed(t *testing.T) {
	for _, forgetful := range []bool{true, false} {
		srv := newServerAs(t, standin.Behaviour{NoPendingURLs: !forgetful})
		files := filesOf(t, t.TempDir(), "one", "two", "one", "")
		srv.on("CommitArtifact", 1, refuse(403, "not now"))
		_, err := srv.client().LogArtifact(t.Context(), spec(files), nil)
		require.Error(t, err)
		done, err := srv.client().LogArtifact(t.Context(), spec(files), nil)
		require.NoError(t, err)
		assert.Zero(t, done.BytesUploaded)
		srv.assertStored(files)
		srv.only()
	}
}

// TestMain's child logs an artifact and is killed before the commit.
func TestAKillBetweenUploadAndCommit(t *testing.T) {
	for _, forgetful := range []bool{true, false} {
		srv := newServerAs(t, standin.Behaviour{NoPendingURLs: !forgetful})
		dir := t.TempDir()
		texts := []string{"one", "two", "one", "", ""}
		files := filesOf(t, dir, texts...)
		atCommit := make(chan struct{})
		srv.on("CommitArtifact", 1, func(_ http.ResponseWriter, r *http.Request) {
			close(atCommit)
			<-r.Context().Done()
		})
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), childVariable+"="+srv.URL(), childVariable+"_KEY="+srv.Key().Reveal(), childVariable+"_DIR="+dir)
		var said bytes.Buffer
		child.Stderr = &said
		require.NoError(t, child.Start())
		ended := make(chan error, 1)
		go func() { ended <- child.Wait() }()
		select {
		case <-atCommit:
			require.NoError(t, child.Process.Kill())
			require.Error(t, <-ended)
		case <-ended:
			require.Fail(t, "the child ended by itself", said.String())
		}
		assert.Zero(t, srv.committed())

		done, err := srv.client().LogArtifact(t.Context(), spec(files), nil)
		require.NoError(t, err)
		assert.Zero(t, done.BytesUploaded, "what went up before the kill is not brought again")
		srv.assertStored(files)
		srv.only()
	}
}

// childVariable is the server of the process that is killed.
const childVariable = "FIFTYONE_WANDB_TEST_CHILD"

// beKilled logs what TestAKillBetweenUploadAndCommit made.
func beKilled(url string) {
	ctx, files := context.Background(), new(artifact.Files)
	dir := os.Getenv(childVariable + "_DIR")
	found, err := os.ReadDir(dir)
	for _, e := range found {
		local := filepath.Join(dir, e.Name())
		digest, _, size, mod, hashErr := artifact.HashFile(ctx, local)
		err = errors.Join(err, hashErr, files.Add(artifact.Entry{Path: "d/" + e.Name() + ".txt", Digest: digest, Size: size, LocalPath: local, ModTime: mod}))
	}
	if err != nil {
		panic(err)
	}
	settings, err := config.Resolve(config.Inputs{APIKey: secret.String(os.Getenv(childVariable + "_KEY")), BaseURL: url, Entity: "me", Project: "p"})
	if err != nil {
		panic(err)
	}
	c, err := wandb.NewClient(settings)
	if err != nil {
		panic(err)
	}
	_, err = c.LogArtifact(ctx, spec(files), nil)
	panic(fmt.Sprint("it should have been killed: ", err))
}

// createdWith are the client ids of all artifacts that were to be created.
func (srv *server) createdWith() (ids []string) {
	for _, input := range srv.created() {
		ids = append(ids, str(input["clientID"]))
	}
	return ids
}

func TestOtherBytesUnderTheManifestsName(t *testing.T) {
	refusal := refuse(400, "invalid artifact manifest digest:id 123 expected hKe9kigCHwx5P4T5JRbnYg==, got aEtlOWtpZ0NId3g1UDRUNUpSYm5ZZz09")
	for times, want := range map[int][]int{1: {1, 2}, 2: {2, 3}, 3: {2, 4}, 1000: {5, 10}} {
		srv := newServer(t)
		srv.on("CommitArtifact", times, refusal)
		files := filesOf(t, t.TempDir(), "one", "one")
		_, err := srv.client().LogArtifact(t.Context(), spec(files), nil)
		assert.Equal(t, want, []int{srv.count("CreateArtifact"), srv.count("CommitArtifact")}, times)
		if times == 1000 {
			assert.Equal(t, "refused", fault.Code(err))
			assert.Contains(t, err.Error(), "invalid artifact manifest digest")
			assert.Zero(t, srv.committed())
			continue
		}
		require.NoError(t, err)
		srv.assertStored(files)
	}
}

func TestAClientIDThatWasUsedForOtherContent(t *testing.T) {
	var second []string
	for range 2 {
		srv := newServer(t)
		srv.on("CreateArtifact", 1, refuse(400, "Invalid Client ID digest"))
		files := filesOf(t, t.TempDir(), "one")
		_, err := srv.client().LogArtifact(t.Context(), spec(files), nil)
		require.NoError(t, err)
		srv.assertStored(files)
		ids := srv.createdWith()
		require.Len(t, ids, 2)
		second = append(second, ids[1])
		assert.NotEqual(t, ids[0], ids[1])
	}
	assert.NotEqual(t, second[0], second[1], "one that nobody can have used")
	srv := newServer(t)
	srv.on("CreateArtifact", 1000, refuse(400, "Invalid Client ID digest"))
	_, err := srv.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
	assert.Equal(t, "refused", fault.Code(err))
	assert.Equal(t, 5, srv.count("CreateArtifact"))
}

func TestSequenceClientIDsAreNewForEachCall(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		srv := newServer(t)
		_, err := srv.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
		require.NoError(t, err)
		id := str(srv.created()[0]["sequenceClientID"])
		assert.Regexp(t, `^[a-z0-9]{128}$`, id)
		seen[id] = true
	}
	assert.Len(t, seen, 3)
}

func TestACommitThatMetAnotherOneIsRepeated(t *testing.T) {
	srv := newServer(t)
	srv.on("CommitArtifact", 2, refuse(409, "Error 1062: Duplicate entry '6394579-1' for key 'unique_artifact_collection_membership_version'"))
	_, err := srv.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 3}, []int{srv.count("CreateArtifact"), srv.count("CommitArtifact")})
}

// noParts is how Google's store refuses uploads in parts.
var noParts = body(403, "application/xml", "<Error><Code>AccessDenied</Code><Message>Access denied.</Message>"+
	"<Details>signer@example.test does not have storage.multipartUploads.create access to the Google Cloud Storage object.</Details></Error>")

func TestAStoreThatTakesNoParts(t *testing.T) {
	large := strings.Repeat("0123456789", 130_000)
	plain := body(501, "application/xml", "<Error><Code>NotImplemented</Code></Error>")
	for name, prepare := range map[string]func(srv *server){
		"the parts": func(srv *server) { srv.refuseParts(noParts) },
		"not by S3": func(srv *server) { srv.refuseParts(plain) },
		"the question": func(srv *server) {
			srv.on("CreateArtifactFiles", 1, refuse(500, "signer does not have storage.multipartUploads.create access"))
		},
		"the end": func(srv *server) {
			srv.on("CompleteMultipart", 1, refuse(400, "signer does not have storage.multipartUploads.create access"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			prepare(srv)
			files := filesOf(t, t.TempDir(), large, large)
			_, err := srv.client(wandb.WithLimits(multipart())).LogArtifact(t.Context(), spec(files), nil)
			require.NoError(t, err)
			srv.assertStored(files)
		})
	}
	t.Run("nor so much at once", func(t *testing.T) {
		srv := newServer(t)
		srv.refuseParts(plain)
		limits := multipart()
		limits.Whole = 1_000_000
		_, err := srv.client(wandb.WithLimits(limits)).LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), large)), nil)
		assert.Equal(t, "refused", fault.Code(err))
		assert.Contains(t, err.Error(), "NotImplemented")
		assert.Contains(t, err.Error(), "in parts")
	})
	t.Run("nor in one piece", func(t *testing.T) {
		srv := newServer(t)
		srv.on("PUT", 1000, noParts)
		_, err := srv.client(wandb.WithLimits(multipart())).LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), large)), nil)
		assert.Equal(t, "refused", fault.Code(err))
		assert.Contains(t, err.Error(), "storage.multipartUploads.create")
	})
}

// refuseParts has the store refuse parts of files.
func (srv *server) refuseParts(answer http.HandlerFunc) {
	srv.before(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/storage/multipart/") {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, r)
		return true
	})
}

func TestPartsWhoseAnswerIsLost(t *testing.T) {
	large := strings.Repeat("0123456789", 130_000)
	srv := newServer(t)
	refused := srv.storedThen("multipart/", 2, drop)
	files := filesOf(t, t.TempDir(), large)
	_, err := srv.client(wandb.WithLimits(multipart())).LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	srv.assertStored(files)
	assert.Equal(t, 2, refused())

	srv = newServer(t)
	srv.on("CompleteMultipart", 1, srv.done(refuse(404, "upload not found"))) // The first answer was lost: the file is there.
	_, err = srv.client(wandb.WithLimits(multipart())).LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	srv.assertStored(files)
}

func TestAStoreThatIsDownEndsThePatienceForAll(t *testing.T) {
	srv := newServer(t)
	srv.on("PUT", 1_000_000, status(500, "database is locked"))
	limits := wandb.DefaultLimits()
	limits.Uploads = 2
	_, err := srv.client(wandb.WithLimits(limits)).LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), numbered(40)...)), nil)
	assert.Equal(t, "server_error", fault.Code(err))
	assert.Contains(t, err.Error(), "The file store of W&B at "+strings.TrimPrefix(srv.StorageURL(), "http://"))
	assert.Contains(t, err.Error(), "database is locked")
	assert.LessOrEqual(t, srv.count("PUT"), 2*20+2)
}
