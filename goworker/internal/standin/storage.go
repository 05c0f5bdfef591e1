package standin

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"time"
)

// storagePrefix starts the path of every signed URL.
const storagePrefix = "/storage/"

// storageError is an answer of the storage, in the XML that object stores use.
type storageError struct {
	status        int
	code, message string
	// details is what only Google's storage says, and where it says what is wrong.
	details string
}

// signer is who signed a URL, in the words of Google's storage.
const signer = "files-url-signer@stand-in.iam.gserviceaccount.com"

// denied is how W&B's storage refuses what its signer may not do; storage.objects.delete
// is what it lacks to write an object that is there.
func denied(permission string) *storageError {
	return &storageError{
		status: http.StatusForbidden, code: "AccessDenied", message: "Access denied.",
		details: signer + " does not have " + permission + " access to the Google Cloud Storage object.",
	}
}

func (e *storageError) Error() string { return e.message }

func (s *Server) refuseStorage(w http.ResponseWriter, e *storageError) {
	s.stats.refused(fmt.Sprintf("storage: %d %s: %s", e.status, e.code, e.message))
	w.Header().Set("Content-Type", "application/xml; charset=UTF-8")
	w.WriteHeader(e.status)
	body, _ := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
		Details string `xml:",omitempty"`
	}{Code: e.code, Message: e.message, Details: e.details})
	_, _ = io.WriteString(w, "<?xml version='1.0' encoding='UTF-8'?>")
	_, _ = w.Write(body)
}

// storageHandler serves signed URLs and nothing else.
func (s *Server) storageHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+storagePrefix+"{key...}", func(w http.ResponseWriter, r *http.Request) {
		s.stats.count(countUpload)
		defer s.stats.uploading()()
		s.withFaults(w, r, KindUpload, r.PathValue("key"), func(w http.ResponseWriter) { s.storagePut(w, r) }, objectNames(http.MethodPut, r.PathValue("key"))...)
	})
	mux.HandleFunc("GET "+storagePrefix+"{key...}", func(w http.ResponseWriter, r *http.Request) {
		s.stats.count(countDownload)
		s.withFaults(w, r, KindDownload, r.PathValue("key"), func(w http.ResponseWriter) { s.storageGet(w, r) }, objectNames(http.MethodGet, r.PathValue("key"))...)
	})
	return s.behindAccessProxy(s.counted(onlyLoopback(mux)))
}

func (s *Server) storagePut(w http.ResponseWriter, r *http.Request) {
	storageKey := r.PathValue("key")
	refusal := s.checkSignature(r, storageKey)
	if refusal == nil && r.ContentLength < 0 {
		refusal = &storageError{status: http.StatusLengthRequired, code: "MissingContentLength", message: "an upload needs a Content-Length"}
	}
	if refusal == nil && strings.HasPrefix(storageKey, "multipart/") && s.behaviour.Load().NoMultipart {
		refusal = denied("storage.multipartUploads.create")
	}
	if refusal != nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20)) // so that the client reads the answer
		s.refuseStorage(w, refusal)
		return
	}
	store := s.blobs
	if strings.HasPrefix(storageKey, "multipart/") {
		store = s.parts
	}
	var digest []byte
	var size int64
	err := store.put(r.Body, func(sum []byte, n int64) error {
		digest, size = sum, n
		if want := r.Header.Get("Content-MD5"); want != "" && want != base64.StdEncoding.EncodeToString(sum) {
			return &storageError{status: http.StatusBadRequest, code: "BadDigest", message: "the body does not have the MD5 of its Content-MD5"}
		}
		return nil
	})
	if err == nil {
		err = s.uploaded(storageKey, base64.StdEncoding.EncodeToString(digest), size)
	}
	if errors.As(err, &refusal) {
		s.refuseStorage(w, refusal)
		return
	}
	if err != nil {
		s.refuseStorage(w, &storageError{status: http.StatusInternalServerError, code: "InternalError", message: err.Error()})
		return
	}
	s.stats.received(size)
	w.Header().Set("ETag", `"`+hex.EncodeToString(digest)+`"`)
	w.WriteHeader(http.StatusOK)
}

// uploaded records a stored body under what its URL was for, unless something lies there
// that may not be overwritten.
func (s *Server) uploaded(storageKey, digest string, size int64) error {
	kind, rest, _ := strings.Cut(storageKey, "/")
	gone := &storageError{status: http.StatusNotFound, code: "NoSuchKey", message: "what this URL was made for is gone"}
	exists := denied("storage.objects.delete")
	overwrites := s.overwrites(kind)
	return s.change(func(d *data) error {
		switch kind {
		case artifactObjects:
			a := d.artifactByNumber(objectArtifact(rest))
			if a == nil {
				return gone
			}
			if _, stored := a.Stored[digest]; stored && !overwrites {
				return exists
			}
			a.Stored[digest] = size
		case "manifests":
			a := d.artifactByNumber(rest)
			if a == nil || a.Manifest == nil {
				return gone
			}
			if a.Manifest.Stored != "" && !overwrites {
				return exists
			}
			a.Manifest.Stored, a.Manifest.Size = digest, size
		case "multipart":
			upload, part, _ := strings.Cut(rest, "/")
			m, n := d.multiparts[upload], parseInt(part)
			if m == nil {
				return gone
			}
			m.done[n] = digest
		case "runs":
			r := d.runByPath(rest)
			if r == nil {
				return gone
			}
			name := strings.TrimPrefix(rest, r.key()+"/")
			if r.Files[name] != nil && !overwrites {
				return exists
			}
			r.Files[name] = &runFile{Name: name, MD5: digest, Size: size, At: now()}
		}
		return nil
	})
}

func parseInt(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64) // the text is our own, out of a signed URL
	return n
}

// artifactByNumber finds an artifact by the number that storage keys use for it.
func (d *data) artifactByNumber(number string) *artifact {
	return d.Artifacts[opaque("Artifact", number)]
}

// runByPath finds the run of a path "entity/project/run/file".
func (d *data) runByPath(path string) *run {
	parts := strings.SplitN(path, "/", 4)
	if len(parts) < 4 {
		return nil
	}
	return d.Runs[key(parts[:3]...)]
}

func (s *Server) storageGet(w http.ResponseWriter, r *http.Request) {
	storageKey := r.PathValue("key")
	if refusal := s.checkSignature(r, storageKey); refusal != nil {
		s.refuseStorage(w, refusal)
		return
	}
	digest := s.digestOf(storageKey)
	file, err := s.blobs.open(digest)
	if err != nil {
		s.refuseStorage(w, &storageError{status: http.StatusNotFound, code: "NoSuchKey", message: "there is no such file"})
		return
	}
	defer func() { _ = file.Close() }()
	sum, _ := decodeMD5(digest)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum)+`"`)
	w.Header().Set("Content-Type", "application/octet-stream")
	s.serveFile(w, r, file)
}

// serveFile answers with a file, or the range of it that was asked for.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, file *os.File) {
	counting := &countingWriter{ResponseWriter: w}
	http.ServeContent(counting, r, "", time.Time{}, file)
	s.stats.sent(counting.n)
}

// digestOf is the digest of what is stored under a key; empty if nothing is.
func (s *Server) digestOf(storageKey string) (digest string) {
	kind, rest, _ := strings.Cut(storageKey, "/")
	s.read(func(d *data) {
		switch kind {
		case artifactObjects:
			sum, _ := hex.DecodeString(path.Base(rest))
			text := base64.StdEncoding.EncodeToString(sum)
			if a := d.artifactByNumber(objectArtifact(rest)); a != nil && len(sum) == md5.Size {
				if _, ok := a.Stored[text]; ok {
					digest = text
				}
			}
		case "manifests":
			if a := d.artifactByNumber(rest); a != nil && a.Manifest != nil {
				digest = a.Manifest.Stored
			}
		case "runs":
			if r := d.runByPath(rest); r != nil {
				if f := r.Files[strings.TrimPrefix(rest, r.key()+"/")]; f != nil {
					digest = f.MD5
				}
			}
		}
	})
	return digest
}

// artifactObjects is where the files of artifacts are stored.
const artifactObjects = "wandb_artifacts"

// objectKey is the storage key of a file of an artifact: by the number of its collection and
// its own, and by the bytes. The same bytes in one artifact are one object.
func (d *data) objectKey(birth *artifact, digest string) string {
	sum, _ := decodeMD5(digest)
	var collection int64
	if c := d.Collections[birth.Collection]; c != nil {
		collection = c.N
	}
	return fmt.Sprintf("%s/%d/%d/%s", artifactObjects, collection, birth.N, hex.EncodeToString(sum))
}

// objectArtifact is the number of the artifact in the storage key of one of its files, behind
// artifactObjects.
func objectArtifact(rest string) string { return path.Base(path.Dir(rest)) }

func manifestKey(a *artifact) string { return fmt.Sprintf("manifests/%d", a.N) }

func runFileKey(r *run, name string) string { return "runs/" + r.key() + "/" + name }

// countingWriter counts the bytes of a body; it keeps the way for sendfile open.
type countingWriter struct {
	http.ResponseWriter
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n += int64(n)
	return n, err
}

// ReadFrom implements io.ReaderFrom.
func (c *countingWriter) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(c.ResponseWriter, r)
	c.n += n
	return n, err
}
