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
}

func (e *storageError) Error() string { return e.message }

func (s *Server) refuseStorage(w http.ResponseWriter, e *storageError) {
	s.stats.refused(fmt.Sprintf("storage: %d %s: %s", e.status, e.code, e.message))
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(e.status)
	body, _ := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: e.code, Message: e.message})
	_, _ = w.Write(body)
}

// storageHandler serves signed URLs and nothing else.
func (s *Server) storageHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+storagePrefix+"{key...}", func(w http.ResponseWriter, r *http.Request) {
		s.stats.count(countUpload)
		defer s.stats.uploading()()
		s.withFaults(w, r, KindUpload, r.PathValue("key"), func(w http.ResponseWriter) { s.storagePut(w, r) })
	})
	mux.HandleFunc("GET "+storagePrefix+"{key...}", func(w http.ResponseWriter, r *http.Request) {
		s.stats.count(countDownload)
		s.withFaults(w, r, KindDownload, r.PathValue("key"), func(w http.ResponseWriter) { s.storageGet(w, r) })
	})
	return s.counted(onlyLoopback(mux))
}

func (s *Server) storagePut(w http.ResponseWriter, r *http.Request) {
	storageKey := r.PathValue("key")
	refusal := s.checkSignature(r, storageKey)
	if refusal == nil && r.ContentLength < 0 {
		refusal = &storageError{http.StatusLengthRequired, "MissingContentLength", "an upload needs a Content-Length"}
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
			return &storageError{http.StatusBadRequest, "BadDigest", "the body does not have the MD5 of its Content-MD5"}
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
		s.refuseStorage(w, &storageError{http.StatusInternalServerError, "InternalError", err.Error()})
		return
	}
	s.stats.received(size)
	w.Header().Set("ETag", `"`+hex.EncodeToString(digest)+`"`)
	w.WriteHeader(http.StatusOK)
}

// uploaded records a stored body under what its URL was for.
func (s *Server) uploaded(storageKey, digest string, size int64) error {
	kind, rest, _ := strings.Cut(storageKey, "/")
	gone := &storageError{http.StatusNotFound, "NoSuchKey", "what this URL was made for is gone"}
	return s.change(func(d *data) error {
		switch kind {
		case "artifacts":
			id, _, _ := strings.Cut(rest, "/")
			a := d.artifactByNumber(id)
			if a == nil {
				return gone
			}
			a.Stored[digest] = size
		case "manifests":
			a := d.artifactByNumber(rest)
			if a == nil || a.Manifest == nil {
				return gone
			}
			a.Manifest.Uploaded = a.Manifest.Digest == digest
			a.Manifest.Size = size
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
		s.refuseStorage(w, &storageError{http.StatusNotFound, "NoSuchKey", "there is no such file"})
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
		case "artifacts":
			id, hexSum := path.Split(rest)
			sum, _ := hex.DecodeString(hexSum)
			text := base64.StdEncoding.EncodeToString(sum)
			if a := d.artifactByNumber(strings.TrimSuffix(id, "/")); a != nil && len(sum) == md5.Size {
				if _, ok := a.Stored[text]; ok {
					digest = text
				}
			}
		case "manifests":
			if a := d.artifactByNumber(rest); a != nil && a.Manifest != nil && a.Manifest.Uploaded {
				digest = a.Manifest.Digest
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

// fileKeyOf is the storage key of a file of an artifact.
func fileKeyOf(birth *artifact, digest string) string {
	sum, _ := decodeMD5(digest)
	return fmt.Sprintf("artifacts/%d/%s", birth.N, hex.EncodeToString(sum))
}

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
