package wandb_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// storedThen has the store keep the next uploads under a prefix, and the answer go another way.
func (f *fake) storedThen(prefix string, times int32, answer http.HandlerFunc) {
	var left atomic.Int32
	left.Store(times)
	f.before(func(w http.ResponseWriter, r *http.Request) bool {
		key := strings.TrimPrefix(r.URL.Path, "/")
		if r.Method != http.MethodPut || !strings.HasPrefix(key, prefix) || left.Add(-1) < 0 {
			return false
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return false
		}
		f.mu.Lock()
		f.blobs[key] = body
		if id, ok := strings.CutPrefix(key, "manifest/"); ok {
			f.artifact(id).manifest = body
		}
		f.mu.Unlock()
		answer(w, r)
		return true
	})
}

func TestAnUploadWhoseAnswerIsLost(t *testing.T) {
	late := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, answer := range map[string]http.HandlerFunc{"dropped": drop, "503": status(503, ""), "after the time-out": late} {
		for _, of := range []string{"file/", "manifest/"} {
			t.Run(name+" "+of, func(t *testing.T) {
				f := newFake(t)
				f.storedThen(of, 1, answer)
				timings := quick()
				timings.Stall = 200 * time.Millisecond
				files := filesOf(t, t.TempDir(), "one", "two", "one")
				done, err := f.client(wandb.WithTimings(timings)).LogArtifact(t.Context(), spec(files), nil)
				require.NoError(t, err)
				f.assertStored(files)
				assert.Len(t, f.refusals, 1, "the repeated upload was refused")
				assert.Equal(t, []int64{3, 0, 6}, []int64{done.FilesUploaded, done.FilesUnchanged, done.BytesUploaded}, "it was this call that brought it")
				assert.Equal(t, 1, f.count("CreateArtifact"))
			})
		}
	}
}

func TestARunFileThatIsThereIsDone(t *testing.T) {
	f := newFake(t)
	c := f.client()
	for range 2 {
		_, err := c.UploadTableCopy(t.Context(), ref("r"), wandb.TableCopy{Key: "k", Open: opened("{}")})
		require.NoError(t, err)
	}
	assert.Len(t, f.refusals, 1)
}

func TestARerunAfterACommitThatFailed(t *testing.T) {
	for _, forgetful := range []bool{true, false} {
		f := newFake(t)
		f.forgetful = forgetful
		files := filesOf(t, t.TempDir(), "one", "two", "one", "")
		f.on("CommitArtifact", 1, refuse(403, "not now"))
		_, err := f.client().LogArtifact(t.Context(), spec(files), nil)
		require.Error(t, err)
		done, err := f.client().LogArtifact(t.Context(), spec(files), nil)
		require.NoError(t, err)
		assert.Zero(t, done.BytesUploaded)
		f.assertStored(files)
		f.only()
	}
}

// TestMain's child logs an artifact and is killed before the commit.
func TestAKillBetweenUploadAndCommit(t *testing.T) {
	for _, forgetful := range []bool{true, false} {
		f := newFake(t)
		f.forgetful = forgetful
		dir := t.TempDir()
		texts := []string{"one", "two", "one", "", ""}
		files := filesOf(t, dir, texts...)
		atCommit := make(chan struct{})
		f.on("CommitArtifact", 1, func(_ http.ResponseWriter, r *http.Request) {
			close(atCommit)
			<-r.Context().Done()
		})
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), childVariable+"="+f.api.URL, childVariable+"_KEY="+f.key.Reveal(), childVariable+"_DIR="+dir)
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
		assert.Zero(t, f.committed())

		done, err := f.client().LogArtifact(t.Context(), spec(files), nil)
		require.NoError(t, err)
		assert.Zero(t, done.BytesUploaded, "what went up before the kill is not brought again")
		f.assertStored(files)
		f.only()
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

var clientIDs = regexp.MustCompile(`"clientID":"(\w+)"`)

// createdWith are the client ids of all artifacts that were to be created.
func (f *fake) createdWith() (ids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, call := range f.calls {
		if call == "CreateArtifact" {
			ids = append(ids, clientIDs.FindStringSubmatch(f.dumps[i])[1])
		}
	}
	return ids
}

func TestOtherBytesUnderTheManifestsName(t *testing.T) {
	refusal := refuse(400, "invalid artifact manifest digest:id 123 expected hKe9kigCHwx5P4T5JRbnYg==, got aEtlOWtpZ0NId3g1UDRUNUpSYm5ZZz09")
	for times, want := range map[int][]int{1: {1, 2}, 2: {2, 3}, 3: {2, 4}, 1000: {5, 10}} {
		f := newFake(t)
		f.on("CommitArtifact", times, refusal)
		files := filesOf(t, t.TempDir(), "one", "one")
		_, err := f.client().LogArtifact(t.Context(), spec(files), nil)
		assert.Equal(t, want, []int{f.count("CreateArtifact"), f.count("CommitArtifact")}, times)
		if times == 1000 {
			assert.Equal(t, "refused", fault.Code(err))
			assert.Contains(t, err.Error(), "invalid artifact manifest digest")
			assert.Zero(t, f.committed())
			continue
		}
		require.NoError(t, err)
		f.assertStored(files)
	}
}

func TestAClientIDThatWasUsedForOtherContent(t *testing.T) {
	var second []string
	for range 2 {
		f := newFake(t)
		f.on("CreateArtifact", 1, refuse(400, "Invalid Client ID digest"))
		files := filesOf(t, t.TempDir(), "one")
		_, err := f.client().LogArtifact(t.Context(), spec(files), nil)
		require.NoError(t, err)
		f.assertStored(files)
		ids := f.createdWith()
		require.Len(t, ids, 2)
		second = append(second, ids[1])
		assert.NotEqual(t, ids[0], ids[1])
	}
	assert.NotEqual(t, second[0], second[1], "one that nobody can have used")
	f := newFake(t)
	f.on("CreateArtifact", 1000, refuse(400, "Invalid Client ID digest"))
	_, err := f.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
	assert.Equal(t, "refused", fault.Code(err))
	assert.Equal(t, 5, f.count("CreateArtifact"))
}

func TestSequenceClientIDsAreNewForEachCall(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		f := newFake(t)
		_, err := f.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
		require.NoError(t, err)
		id := str(f.only().input["sequenceClientID"])
		assert.Regexp(t, `^[a-z0-9]{128}$`, id)
		seen[id] = true
	}
	assert.Len(t, seen, 3)
}

func TestACommitThatMetAnotherOneIsRepeated(t *testing.T) {
	f := newFake(t)
	f.on("CommitArtifact", 2, refuse(409, "Error 1062: Duplicate entry '6394579-1' for key 'unique_artifact_collection_membership_version'"))
	_, err := f.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 3}, []int{f.count("CreateArtifact"), f.count("CommitArtifact")})
}

// noParts is how Google's store refuses uploads in parts.
var noParts = body(403, "application/xml", "<Error><Code>AccessDenied</Code><Message>Access denied.</Message>"+
	"<Details>signer@example.test does not have storage.multipartUploads.create access to the Google Cloud Storage object.</Details></Error>")

func TestAStoreThatTakesNoParts(t *testing.T) {
	large := strings.Repeat("0123456789", 130_000)
	plain := body(501, "application/xml", "<Error><Code>NotImplemented</Code></Error>")
	for name, prepare := range map[string]func(f *fake){
		"the parts": func(f *fake) { f.refuseParts(noParts) },
		"not by S3": func(f *fake) { f.refuseParts(plain) },
		"the question": func(f *fake) {
			f.on("CreateArtifactFiles", 1, refuse(500, "signer does not have storage.multipartUploads.create access"))
		},
		"the end": func(f *fake) {
			f.on("CompleteMultipart", 1, refuse(400, "signer does not have storage.multipartUploads.create access"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			prepare(f)
			files := filesOf(t, t.TempDir(), large, large)
			_, err := f.client(wandb.WithLimits(multipart())).LogArtifact(t.Context(), spec(files), nil)
			require.NoError(t, err)
			f.assertStored(files)
		})
	}
	t.Run("nor so much at once", func(t *testing.T) {
		f := newFake(t)
		f.refuseParts(plain)
		limits := multipart()
		limits.Whole = 1_000_000
		_, err := f.client(wandb.WithLimits(limits)).LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), large)), nil)
		assert.Equal(t, "refused", fault.Code(err))
		assert.Contains(t, err.Error(), "NotImplemented")
		assert.Contains(t, err.Error(), "in parts")
	})
	t.Run("nor in one piece", func(t *testing.T) {
		f := newFake(t)
		f.on("PUT", 1000, noParts)
		_, err := f.client(wandb.WithLimits(multipart())).LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), large)), nil)
		assert.Equal(t, "refused", fault.Code(err))
		assert.Contains(t, err.Error(), "storage.multipartUploads.create")
	})
}

// refuseParts has the store refuse parts of files.
func (f *fake) refuseParts(answer http.HandlerFunc) {
	f.before(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/part/") {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, r)
		return true
	})
}

func TestPartsWhoseAnswerIsLost(t *testing.T) {
	large := strings.Repeat("0123456789", 130_000)
	f := newFake(t)
	f.storedThen("part/", 2, drop)
	files := filesOf(t, t.TempDir(), large)
	_, err := f.client(wandb.WithLimits(multipart())).LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	f.assertStored(files)

	f = newFake(t)
	f.on("CompleteMultipart", 1, refuse(404, "upload not found"))
	sum := md5.Sum([]byte(large))
	key := "file/" + artifactID(0) + "/" + hex.EncodeToString(sum[:])
	f.blobs[key] = []byte(large) // The first answer was lost: the file is there.
	_, err = f.client(wandb.WithLimits(multipart())).LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	f.assertStored(files)
}

func TestAStoreThatIsDownEndsThePatienceForAll(t *testing.T) {
	f := newFake(t)
	f.on("PUT", 1_000_000, status(500, "database is locked"))
	limits := wandb.DefaultLimits()
	limits.Uploads = 2
	_, err := f.client(wandb.WithLimits(limits)).LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), numbered(40)...)), nil)
	assert.Equal(t, "server_error", fault.Code(err))
	assert.Contains(t, err.Error(), "The file store of W&B at "+strings.TrimPrefix(f.store.URL, "http://"))
	assert.Contains(t, err.Error(), "database is locked")
	assert.LessOrEqual(t, f.count("PUT"), 2*20+2)
}
