package wandb_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// alterFiles has change change each file in the next answers to CreateArtifactFiles.
func (srv *server) alterFiles(times int, change func(node obj)) {
	srv.alter("CreateArtifactFiles", times, func(data obj) {
		for _, edge := range data["createArtifactFiles"].(obj)["files"].(obj)["edges"].([]any) {
			change(edge.(obj)["node"].(obj))
		}
	})
}

func TestUploadsSendTheSignedHeadersAndNoKey(t *testing.T) {
	srv := newServer(t)
	srv.alterFiles(100, func(node obj) {
		node["uploadHeaders"] = append(node["uploadHeaders"].([]any), "x-ms-blob-type:BlockBlob")
	})
	_, err := srv.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one", "")), nil)
	require.NoError(t, err)
	puts := srv.seen("PUT")
	require.Len(t, puts, 3)
	lengths := ""
	for i, r := range puts {
		dump := r.head
		assert.NotContains(t, dump, "Authorization")
		assert.Contains(t, dump, "Content-Md5: ")
		assert.Contains(t, dump, "User-Agent: fiftyone-wandb-test/1")
		assert.NotContains(t, dump, "chunked")
		if i < 2 {
			assert.Contains(t, dump, "Content-Type: text/plain")
			assert.Contains(t, dump, "X-Ms-Blob-Type: BlockBlob")
			_, after, _ := strings.Cut(dump, "Content-Length: ")
			lengths += after[:1]
		}
	}
	assert.Contains(t, []string{"30", "03"}, lengths, "the length of an empty file is sent too")
}

func TestUploadsAreTriedAgain(t *testing.T) {
	cut := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 10)
		panic(http.ErrAbortHandler)
	}
	for name, answer := range map[string]http.HandlerFunc{
		"dropped": drop, "500": status(500, ""), "503": status(503, "", "Retry-After", "0.001"), "429": status(429, ""), "408": status(408, ""), "cut": cut,
	} {
		srv := newServer(t)
		srv.on("PUT", 3, answer)
		files := filesOf(t, t.TempDir(), strings.Repeat("long ", 100_000), "short")
		var last wandb.UploadProgress
		done, err := srv.client().LogArtifact(t.Context(), spec(files), func(p wandb.UploadProgress) {
			assert.GreaterOrEqual(t, p.BytesDone, last.BytesDone, "the bar does not go back")
			last = p
		})
		require.NoError(t, err, name)
		assert.Equal(t, files.Size(), done.BytesUploaded)
		assert.Equal(t, wandb.UploadProgress{FilesDone: 2, FilesTotal: 2, BytesDone: files.Size(), BytesTotal: files.Size()}, last)
		srv.assertStored(files)
	}
}

func TestAStoreThatPushesBackGetsFewerAtOnce(t *testing.T) {
	limits := wandb.DefaultLimits()
	limits.FirstUploads = 64
	for name, answer := range map[string]http.HandlerFunc{
		"503": status(503, "", "Retry-After", "0.001"), "429": status(429, ""), "500": status(500, ""), "dropped": drop,
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			c := srv.client(wandb.WithLimits(limits))
			files := filesOf(t, t.TempDir(), numbered(40)...)
			srv.on("PUT", 7, answer)
			done, err := c.LogArtifact(t.Context(), spec(files), nil)
			require.NoError(t, err)
			assert.EqualValues(t, 40, done.FilesUploaded, "no file is lost")
			srv.assertStored(files)
			assert.Less(t, c.UploadLimit(), 64)
		})
	}
	t.Run("other refusals do not push back", func(t *testing.T) {
		srv := newServer(t)
		c := srv.client(wandb.WithLimits(limits))
		files := filesOf(t, t.TempDir(), numbered(40)...)
		srv.on("PUT", 7, body(403, "application/xml", "<Error><Code>ExpiredToken</Code></Error>"))
		_, err := c.LogArtifact(t.Context(), spec(files), nil)
		require.NoError(t, err)
		srv.assertStored(files)
		assert.Equal(t, 64, c.UploadLimit())
	})
}

func TestAServerThatTakesFewFilesIsNotAskedForMoreAgain(t *testing.T) {
	srv := newServer(t)
	limits := wandb.DefaultLimits()
	limits.Batches = 1
	srv.onIf("CreateArtifactFiles", func(v obj) bool { return len(v["input"].(obj)["artifactFiles"].([]any)) > 100 }, refuse(400, "too many files in one request"))
	files := filesOf(t, t.TempDir(), numbered(400)...)
	c := srv.client(wandb.WithLimits(limits))
	_, err := c.LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	srv.assertStored(files)
	// 32, 128 (refused), 64, 64, and from then on 64 each.
	assert.Equal(t, 1+1+2+4, srv.count("CreateArtifactFiles"))
}

func TestAddressesThatExpiredAreAskedForAgain(t *testing.T) {
	for name, c := range map[string]struct {
		times  int
		answer http.HandlerFunc
	}{
		"Google": {3, body(400, "application/xml", "<Error><Code>ExpiredToken</Code><Message>Invalid argument.</Message></Error>")},
		"S3":     {3, body(403, "application/xml", "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")},
		"Azure": {3, body(403, "application/xml", "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>AuthenticationFailed</Code><Message>Server failed to authenticate the request.</Message>"+
			"<AuthenticationErrorDetail>Signature not valid in the specified time frame</AuthenticationErrorDetail></Error>")},
		"plain":   {1, body(403, "text/plain", "Forbidden")},
		"unknown": {1, body(401, "", "")},
	} {
		srv := newServer(t)
		srv.on("PUT", c.times, c.answer)
		files := filesOf(t, t.TempDir(), "one", "two")
		var last wandb.UploadProgress
		_, err := srv.client().LogArtifact(t.Context(), spec(files), func(p wandb.UploadProgress) { last = p })
		require.NoError(t, err, name)
		assert.Equal(t, wandb.UploadProgress{FilesDone: 2, FilesTotal: 2, BytesDone: 6, BytesTotal: 6}, last, "what was refused does not count")
		assert.Greater(t, srv.count("CreateArtifactFiles"), 1)
		srv.assertStored(files)
	}
}

func TestAddressesAreNotAskedForForEver(t *testing.T) {
	for code, times := range map[string]int{"SignatureDoesNotMatch": 2, "ExpiredToken": 4} {
		srv := newServer(t)
		srv.on("PUT", 1000, body(403, "application/xml", "<Error><Code>"+code+"</Code><Message>wrong clock</Message></Error>"))
		_, err := srv.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
		require.Equal(t, "refused", fault.Code(err))
		assert.Contains(t, err.Error(), code+": wrong clock")
		assert.Contains(t, err.Error(), "d/0000.txt")
		assert.Contains(t, err.Error(), strings.TrimPrefix(srv.StorageURL(), "http://"), "it is said who refused")
		assert.NotContains(t, err.Error(), "signature=")
		assert.Equal(t, times, srv.count("CreateArtifactFiles"), code)
	}
}

func TestTheManifestsAddressExpires(t *testing.T) {
	srv := newServer(t)
	srv.on("CreateArtifactManifest", 1, srv.pass)
	srv.alter("CreateArtifactManifest", 1, func(data obj) {
		data["createArtifactManifest"].(obj)["artifactManifest"].(obj)["file"].(obj)["uploadUrl"] = srv.StorageURL() + "/storage/expired"
	})
	var expired atomic.Int32
	srv.before(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/storage/expired" {
			return false
		}
		expired.Add(1)
		w.WriteHeader(400)
		return true
	})
	_, err := srv.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
	require.NoError(t, err)
	assert.EqualValues(t, 1, expired.Load())
}

func TestAddressesRelativeToTheServer(t *testing.T) {
	srv := newServer(t)
	srv.alterFiles(1, func(node obj) { node["uploadUrl"] = strings.TrimPrefix(str(node["uploadUrl"]), srv.StorageURL()) })
	files := filesOf(t, t.TempDir(), "one")
	_, err := srv.client().LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	srv.assertStored(files)
	sent := srv.seen("PUT")[0].head
	assert.Contains(t, sent, "Host: "+strings.TrimPrefix(srv.URL(), "http://"))
	assert.NotContains(t, sent, "Authorization", "signed addresses never get the key")
}

func TestAddressesThatAreNone(t *testing.T) {
	for _, address := range []string{"ftp://x/y", "x", "http://%zz", "http://"} {
		srv := newServer(t)
		srv.on("CreateArtifactFiles", 1, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, 200, obj{"data": obj{"createArtifactFiles": obj{"files": obj{"edges": []obj{{"node": obj{"uploadUrl": address}}}}}}})
		})
		_, err := srv.client().LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
		assert.Equal(t, "server_error", fault.Code(err), address)
	}
}

func TestAFileThatChangedIsNeverWholeOnTheServer(t *testing.T) {
	long := strings.Repeat("x", 300_000)
	for name, change := range map[string]func(path string) error{
		"other bytes": func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("x", 299_999)+"y"), 0o600) },
		"longer":      func(p string) error { return os.WriteFile(p, []byte(long+"y"), 0o600) },
		"shorter":     func(p string) error { return os.WriteFile(p, []byte("x"), 0o600) },
		"emptied":     func(p string) error { return os.Truncate(p, 0) },
		"gone":        os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			files := filesOf(t, t.TempDir(), long)
			require.NoError(t, change(files.At(0).LocalPath))
			_, err := srv.client().LogArtifact(t.Context(), spec(files), nil)
			require.Equal(t, "file_changed", fault.Code(err), "%v", err)
			assert.Contains(t, err.Error(), files.At(0).LocalPath)
			assert.Equal(t, fault.Media, fault.As(err).Source)
			assert.Zero(t, srv.Stats().BytesUp)
			assert.Zero(t, srv.committed())
		})
	}
	t.Run("an empty file is filled", func(t *testing.T) {
		srv := newServer(t)
		files := filesOf(t, t.TempDir(), "")
		require.NoError(t, os.WriteFile(files.At(0).LocalPath, []byte("x"), 0o600))
		_, err := srv.client().LogArtifact(t.Context(), spec(files), nil)
		assert.Equal(t, "file_changed", fault.Code(err))
	})
	t.Run("not to be read", func(t *testing.T) {
		srv := newServer(t)
		files := filesOf(t, t.TempDir(), "x")
		path := files.At(0).LocalPath
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.Symlink(path, path)) // a loop
		_, err := srv.client().LogArtifact(t.Context(), spec(files), nil)
		assert.Equal(t, "unreadable_file", fault.Code(err))
	})
}

// multipart are limits with which files of some MB go up in parts.
func multipart() wandb.Limits {
	limits := wandb.DefaultLimits()
	limits.Multipart, limits.Part = 1<<20, 300_000
	return limits
}

func TestLargeFilesGoUpInParts(t *testing.T) {
	srv := newServer(t)
	large := strings.Repeat("0123456789", 130_000)
	files := filesOf(t, t.TempDir(), large, "small")
	srv.on("PUT", 2, drop)
	srv.alterFiles(100, func(node obj) {
		node["uploadHeaders"] = append(node["uploadHeaders"].([]any), "x-ms-blob-type:BlockBlob")
		if parts, ok := node["uploadMultipartUrls"].(obj); ok {
			slices.Reverse(parts["uploadUrlParts"].([]any)) // they are found by their numbers
		}
	})
	done, err := srv.client(wandb.WithLimits(multipart())).LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	assert.Equal(t, int64(len(large)+5), done.BytesUploaded)
	srv.assertStored(files)
	assert.Equal(t, 1, srv.count("CompleteMultipart"))
	for _, r := range srv.seen("PUT") {
		if strings.Contains(r.head, "/multipart/") {
			assert.Contains(t, r.head, "Content-Type: text/plain")
			assert.Contains(t, r.head, "Content-Md5: ")
			assert.NotContains(t, r.head, "X-Ms-Blob-Type", "of the whole file's headers only the type belongs to a part")
		}
	}
}

func TestAServerWithoutParts(t *testing.T) {
	srv := newServer(t)
	files := filesOf(t, t.TempDir(), strings.Repeat("0123456789", 130_000))
	srv.alterFiles(1, func(node obj) { delete(node, "uploadMultipartUrls") })
	_, err := srv.client(wandb.WithLimits(multipart())).LogArtifact(t.Context(), spec(files), nil)
	require.NoError(t, err)
	srv.assertStored(files)
	assert.Zero(t, srv.count("CompleteMultipart"))
}

func TestPartsWithTrouble(t *testing.T) {
	large := strings.Repeat("0123456789", 130_000)
	for name, c := range map[string]struct {
		prepare func(srv *server, files *artifact.Files)
		code    string
	}{
		"an address expired": {func(srv *server, _ *artifact.Files) { srv.on("PUT", 1, body(403, "", "")) }, ""},
		"no ETag":            {func(srv *server, _ *artifact.Files) { srv.on("PUT", 1, func(http.ResponseWriter, *http.Request) {}) }, "server_error"},
		"not completed": {func(srv *server, _ *artifact.Files) {
			srv.on("CompleteMultipart", 1, refuse(422, "parts do not match"))
		}, "refused"},
		"changed": {func(_ *server, files *artifact.Files) {
			_ = os.WriteFile(files.At(0).LocalPath, bytes.Repeat([]byte("x"), len(large)), 0o600)
		}, "file_changed"},
		"shorter": {func(_ *server, files *artifact.Files) { _ = os.Truncate(files.At(0).LocalPath, 500_000) }, "file_changed"},
		"gone":    {func(_ *server, files *artifact.Files) { _ = os.Remove(files.At(0).LocalPath) }, "file_changed"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			files := filesOf(t, t.TempDir(), large)
			c.prepare(srv, files)
			_, err := srv.client(wandb.WithLimits(multipart())).LogArtifact(t.Context(), spec(files), nil)
			require.Equal(t, c.code, fault.Code(err), "%v", err)
			if c.code == "" {
				srv.assertStored(files)
			} else {
				assert.Zero(t, srv.committed())
			}
		})
	}
}

func TestAnUploadThatStandsStillIsTriedAgain(t *testing.T) {
	timings := quick()
	timings.Stall = 100 * time.Millisecond
	t.Run("no answer", func(t *testing.T) {
		srv := newServer(t)
		srv.on("PUT", 1, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		_, err := srv.client(wandb.WithTimings(timings)).LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
		assert.NoError(t, err)
	})
	t.Run("the body is not taken", func(t *testing.T) {
		srv := newServer(t)
		timings.Stall = 2 * time.Second
		var stuck atomic.Bool
		release := make(chan struct{})
		defer close(release)
		srv.before(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPut || !stuck.CompareAndSwap(false, true) {
				return false
			}
			<-release
			return true
		})
		files := filesOf(t, t.TempDir(), strings.Repeat("x", 16<<20))
		_, err := srv.client(wandb.WithTimings(timings)).LogArtifact(t.Context(), spec(files), nil)
		require.NoError(t, err)
		assert.True(t, stuck.Load())
		srv.assertStored(files)
	})
	t.Run("for good", func(t *testing.T) {
		srv := newServer(t)
		srv.on("PUT", 1000, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		timings.Stall, timings.Patience = 10*time.Millisecond, 30*time.Millisecond
		_, err := srv.client(wandb.WithTimings(timings)).LogArtifact(t.Context(), spec(filesOf(t, t.TempDir(), "one")), nil)
		assert.Equal(t, "timeout", fault.Code(err), "%v", err)
	})
	t.Run("slow but moving", func(t *testing.T) {
		srv := newServer(t)
		srv.before(func(_ http.ResponseWriter, r *http.Request) bool {
			r.Body = &slowBody{ReadCloser: r.Body, until: 8}
			return false
		})
		files := filesOf(t, t.TempDir(), strings.Repeat("x", 24<<20))
		timings.Stall, timings.Patience = 5*time.Second, 0
		_, err := srv.client(wandb.WithTimings(timings)).LogArtifact(t.Context(), spec(files), nil)
		assert.NoError(t, err, "an upload may take longer than the time that it may stand still")
	})
}

// slowBody pauses after each 3 MB, a few times.
type slowBody struct {
	io.ReadCloser
	n, until int
}

func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.n += n; b.n > 3<<20 && b.until > 0 {
		b.n, b.until = 0, b.until-1
		time.Sleep(750 * time.Millisecond)
	}
	return n, err
}
