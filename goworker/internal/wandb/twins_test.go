package wandb_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// isFile reports whether a request uploads a file of an artifact.
func isFile(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/file/")
}

// puts is how often each object was sent to the store.
func (f *fake) puts() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]int{}
	for i, call := range f.calls {
		if call == "PUT" {
			path, _, _ := strings.Cut(strings.TrimPrefix(f.dumps[i], "PUT /"), "?")
			out[path]++
		}
	}
	return out
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
				f := newFake(t)
				f.forgetful = forgetful
				files := filesOf(t, t.TempDir(), texts...)
				var last wandb.UploadProgress
				done, err := f.client(smallBatches()).LogArtifact(t.Context(), spec(files), func(p wandb.UploadProgress) { last = p })
				require.NoError(t, err)
				f.assertStored(files)
				sent := int64(0)
				for object, times := range f.puts() {
					assert.Equal(t, 1, times, object)
					if strings.HasPrefix(object, "file/") {
						sent += int64(len(f.blobs[object]))
					}
				}
				assert.Empty(t, f.refusals)
				assert.Equal(t, []int64{int64(len(texts)), 0, sent}, []int64{done.FilesUploaded, done.FilesUnchanged, done.BytesUploaded})
				assert.Equal(t, wandb.UploadProgress{FilesDone: int64(len(texts)), FilesTotal: int64(len(texts)), BytesDone: sent, BytesTotal: sent}, last)
			})
		}
	}
}

func TestATwinOfWhatAnOlderVersionHasBringsTheBytesAgain(t *testing.T) {
	f := newFake(t)
	c := f.client()
	dir := t.TempDir()
	first, err := c.LogArtifact(t.Context(), spec(filesOf(t, dir, "old", "x")), nil)
	require.NoError(t, err)
	// The older version has "old" under the path of the first file only.
	files := filesOf(t, dir, "old", "old", "old")
	second, err := c.LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	assert.Equal(t, []int64{2, 1, 3}, []int64{second.FilesUploaded, second.FilesUnchanged, second.BytesUploaded})
	births := f.births(second.ID)
	assert.Equal(t, []string{first.ID, second.ID, second.ID}, []string{births["d/0000.txt"], births["d/0001.txt"], births["d/0002.txt"]})
	for path, birth := range births {
		assert.Contains(t, f.blobs, "file/"+birth+"/"+hexOf(files.At(0).Digest), path)
	}
	assert.Empty(t, f.refusals)
}

func TestTwinsOnAServerThatNamesObjectsByTheirPaths(t *testing.T) {
	f := newFake(t)
	f.byPath = true
	files := filesOf(t, t.TempDir(), repeated(20, 2)...)
	_, err := f.client(smallBatches()).LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	for i := range files.Len() {
		assert.Contains(t, f.blobs, "file/"+f.only().id+"/"+files.At(i).Path, "each file's bytes are where the server looks for them")
	}
}

func TestTwinsFailWithTheFileThatBringsTheirBytes(t *testing.T) {
	f := newFake(t)
	f.on("PUT", 1000, status(507, ""))
	_, err := f.client(smallBatches()).LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), repeated(100, 1)...)), nil)
	assert.Equal(t, "server_error", fault.Code(err), "%v", err)
	assert.Equal(t, 1, f.count("PUT"), "nobody else tries")
	assert.Zero(t, f.committed())
}

func TestTwinsWaitWhileTheAddressIsRenewed(t *testing.T) {
	f := newFake(t)
	f.on("PUT", 3, body(403, "application/xml", "<Error><Code>ExpiredToken</Code></Error>"))
	files := filesOf(t, t.TempDir(), repeated(100, 1)...)
	_, err := f.client(smallBatches()).LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	f.assertStored(files)
	assert.Equal(t, 5, f.count("PUT"), "three refusals, the file, the manifest")
}

func TestACancelWhileTwinsWait(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.before(func(_ http.ResponseWriter, r *http.Request) bool {
		if !isFile(r) {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		for f.announced() < 100 { // All others are waiting, or about to.
			time.Sleep(time.Millisecond)
		}
		cancel()
		<-r.Context().Done()
		return true
	})
	limits := wandb.DefaultLimits()
	limits.FirstBatch, limits.MaxBatch = 25, 25 // Four batches, which are as many as may run at once.
	_, err := f.client(wandb.WithLimits(limits)).LogArtifact(ctx, spec(filesOf(t, t.TempDir(), repeated(100, 1)...)), nil)
	assert.Equal(t, context.Canceled, err)
	assert.Zero(t, f.committed())
}

// announced is the number of files for which addresses were asked.
func (f *fake) announced() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, a := range f.arts {
		n += len(a.born)
	}
	return n
}

func TestABatchOfTwinsThatIsCut(t *testing.T) {
	for _, refusal := range []http.HandlerFunc{status(413, "too large"), refuse(400, "too many files in one request: 49 > 2")} {
		f := newFake(t)
		f.on("CreateArtifactFiles", 3, refusal)
		files := filesOf(t, t.TempDir(), repeated(64, 3)...)
		_, err := f.client().LogArtifact(t.Context(), spec(files), nil)
		require.NoError(t, err)
		f.assertStored(files)
		assert.Empty(t, f.refusals)
	}
}

func TestLargeTwinsGoUpInPartsOnce(t *testing.T) {
	f := newFake(t)
	large := strings.Repeat("0123456789", 130_000)
	files := filesOf(t, t.TempDir(), large, large, large, "small")
	done, err := f.client(wandb.WithLimits(multipart())).LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	assert.Equal(t, int64(len(large)+5), done.BytesUploaded)
	f.assertStored(files)
	assert.Equal(t, 1, f.count("CompleteMultipart"))
	assert.Empty(t, f.refusals)
	sizes := slices.Collect(func(yield func(int) bool) {
		for _, n := range f.puts() {
			if !yield(n) {
				return
			}
		}
	})
	assert.Equal(t, 1, slices.Max(sizes))
}
