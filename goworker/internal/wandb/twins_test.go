package wandb_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/standin"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// isFile reports whether a request uploads a file of an artifact.
func isFile(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/storage/wandb_artifacts/")
}

// repeated are so many texts, each of kinds different ones many times.
func repeated(n, kinds int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint("text ", i*7%kinds)
	}
	return out
}

// smallBatches spread the files over many requests.
func smallBatches() wandb.Option {
	limits := wandb.DefaultLimits()
	limits.FirstBatch, limits.MaxBatch, limits.Uploads = 2, 16, 8
	return wandb.WithLimits(limits)
}

func TestEachContentGoesUpOnce(t *testing.T) {
	for name, texts := range map[string][]string{
		"one in 1,000 files": repeated(1000, 1), "many in some": repeated(1000, 77), "two empty lists": {"", "", "other"}, "all different": numbered(50),
	} {
		for _, forgetful := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, forgetful %v", name, forgetful), func(t *testing.T) {
				srv := newServerAs(t, standin.Behaviour{NoPendingURLs: !forgetful})
				files := filesOf(t, t.TempDir(), texts...)
				var last wandb.UploadProgress
				done, err := srv.client(smallBatches()).LogArtifact(t.Context(), spec(files), func(p wandb.UploadProgress) { last = p })
				require.NoError(t, err)
				srv.assertStored(files)
				for object, times := range srv.puts() {
					assert.Equal(t, 1, times, object)
				}
				sent := int64(0)
				for _, text := range slices.Compact(slices.Sorted(slices.Values(texts))) {
					sent += int64(len(text))
				}
				assert.Zero(t, srv.refusals())
				assert.Equal(t, []int64{int64(len(texts)), 0, sent}, []int64{done.FilesUploaded, done.FilesUnchanged, done.BytesUploaded})
				assert.Equal(t, wandb.UploadProgress{FilesDone: int64(len(texts)), FilesTotal: int64(len(texts)), BytesDone: sent, BytesTotal: sent}, last)
			})
		}
	}
}

func TestATwinOfWhatAnOlderVersionHasBringsTheBytesAgain(t *testing.T) {
	srv := newServer(t)
	c := srv.client()
	dir := t.TempDir()
	first, err := c.LogArtifact(t.Context(), spec(filesOf(t, dir, "old", "x")), nil)
	require.NoError(t, err)
	// The older version has "old" under the path of the first file only.
	files := filesOf(t, dir, "old", "old", "old")
	second, err := c.LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	assert.Equal(t, []int64{2, 1, 3}, []int64{second.FilesUploaded, second.FilesUnchanged, second.BytesUploaded})
	births := srv.births(second.ID)
	assert.Equal(t, []string{first.ID, second.ID, second.ID}, []string{births["d/0000.txt"], births["d/0001.txt"], births["d/0002.txt"]})
	for path, birth := range births {
		assert.Equal(t, "old", srv.get("artifactsV2", "local", "me", "p", "name", birth, hexOf(files.At(0).Digest), path))
	}
	assert.Zero(t, srv.refusals())
}

func TestTwinsOnAServerThatNamesObjectsByTheirPaths(t *testing.T) {
	srv := newServer(t)
	var mu sync.Mutex
	addresses, sent := map[string]*url.URL{}, map[string]int{}
	srv.alterFiles(1000, func(node obj) { // no known server does it; the stand-in takes the first of each content
		mu.Lock()
		defer mu.Unlock()
		byPath := fmt.Sprint("/storage/by-path/", len(addresses))
		addresses[byPath], _ = url.Parse(str(node["uploadUrl"]))
		node["storagePath"], node["uploadUrl"] = byPath, srv.StorageURL()+byPath
	})
	srv.before(func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		address := addresses[r.URL.Path]
		if address != nil {
			sent[r.URL.Path]++
		}
		mu.Unlock()
		if address != nil {
			r.URL = address
			srv.pass(httptest.NewRecorder(), r)
		}
		return address != nil
	})
	files := filesOf(t, t.TempDir(), repeated(20, 2)...)
	_, err := srv.client(smallBatches()).LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	srv.assertStored(files)
	assert.Len(t, sent, files.Len(), "each file's bytes are where the server looks for them")
}

func TestTwinsFailWithTheFileThatBringsTheirBytes(t *testing.T) {
	srv := newServer(t)
	srv.on("PUT", 1000, status(507, ""))
	_, err := srv.client(smallBatches()).LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), repeated(100, 1)...)), nil)
	assert.Equal(t, "server_error", fault.Code(err), "%v", err)
	assert.Equal(t, 1, srv.count("PUT"), "nobody else tries")
	assert.Zero(t, srv.committed())
}

func TestTwinsWaitWhileTheAddressIsRenewed(t *testing.T) {
	srv := newServer(t)
	srv.on("PUT", 3, body(403, "application/xml", "<Error><Code>ExpiredToken</Code></Error>"))
	files := filesOf(t, t.TempDir(), repeated(100, 1)...)
	_, err := srv.client(smallBatches()).LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	srv.assertStored(files)
	assert.Equal(t, 5, srv.count("PUT"), "three refusals, the file, the manifest")
}

func TestACancelWhileTwinsWait(t *testing.T) {
	srv := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	srv.before(func(_ http.ResponseWriter, r *http.Request) bool {
		if !isFile(r) {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		for srv.announced() < 100 { // All others are waiting, or about to.
			time.Sleep(time.Millisecond)
		}
		cancel()
		<-r.Context().Done()
		return true
	})
	limits := wandb.DefaultLimits()
	limits.FirstBatch, limits.MaxBatch = 25, 25 // Four batches, which are as many as may run at once.
	_, err := srv.client(wandb.WithLimits(limits)).LogArtifact(ctx, spec(filesOf(t, t.TempDir(), repeated(100, 1)...)), nil)
	assert.Equal(t, context.Canceled, err)
	assert.Zero(t, srv.committed())
}

// announced is the number of files for which addresses were asked.
func (srv *server) announced() (n int) {
	for _, r := range srv.seen("CreateArtifactFiles") {
		n += len(r.variables["input"].(obj)["artifactFiles"].([]any))
	}
	return n
}

func TestABatchOfTwinsThatIsCut(t *testing.T) {
	for _, refusal := range []http.HandlerFunc{status(413, "too large"), refuse(400, "too many files in one request: 49 > 2")} {
		srv := newServer(t)
		srv.on("CreateArtifactFiles", 3, refusal)
		files := filesOf(t, t.TempDir(), repeated(64, 3)...)
		_, err := srv.client().LogArtifact(t.Context(), spec(files), nil)
		require.NoError(t, err)
		srv.assertStored(files)
		assert.Zero(t, srv.refusals())
	}
}

func TestLargeTwinsGoUpInPartsOnce(t *testing.T) {
	srv := newServer(t)
	large := strings.Repeat("0123456789", 130_000)
	files := filesOf(t, t.TempDir(), large, large, large, "small")
	done, err := srv.client(wandb.WithLimits(multipart())).LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	assert.Equal(t, int64(len(large)+5), done.BytesUploaded)
	srv.assertStored(files)
	assert.Equal(t, 1, srv.count("CompleteMultipart"))
	assert.Zero(t, srv.refusals())
	sizes := slices.Collect(func(yield func(int) bool) {
		for _, n := range srv.puts() {
			if !yield(n) {
				return
			}
		}
	})
	assert.Equal(t, 1, slices.Max(sizes))
}
