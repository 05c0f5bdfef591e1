package standin

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// smallBlob is the largest body, in bytes, that is held in memory before it is written:
// most files are small, and a file that is there already need not be written at all.
const smallBlob = 256 << 10

// blobStore keeps files by the MD5 of their content under a directory.
type blobStore struct{ dir string }

func newBlobStore(dir string) (blobStore, error) {
	return blobStore{dir: dir}, os.MkdirAll(dir, 0o700)
}

func (b blobStore) path(sum []byte) string {
	name := hex.EncodeToString(sum)
	return filepath.Join(b.dir, name[:2], name[2:])
}

// decodeMD5 reads the base64 of an MD5.
func decodeMD5(digest string) ([]byte, bool) {
	sum, err := base64.StdEncoding.Strict().DecodeString(digest)
	return sum, err == nil && len(sum) == md5.Size
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// put stores what body holds. Accept is asked, with the MD5 and the size, before it is
// kept: an error of accept, or of body, leaves nothing behind.
func (b blobStore) put(body io.Reader, accept func(sum []byte, size int64) error) error {
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	n, err := io.CopyN(buf, body, smallBlob)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n == smallBlob {
		return b.putLarge(io.MultiReader(buf, body), accept)
	}
	sum := md5.Sum(buf.Bytes())
	if err := accept(sum[:], n); err != nil {
		return err
	}
	path := b.path(sum[:])
	if info, err := os.Stat(path); err == nil && info.Size() == n {
		return nil
	}
	// A file that is moved within a directory does not wait for other files that are moved.
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			tmp, err = os.CreateTemp(filepath.Dir(path), ".new-*")
		}
	}
	if err != nil {
		return err
	}
	_, err = tmp.Write(buf.Bytes())
	return keep(tmp, path, err)
}

func (b blobStore) putLarge(body io.Reader, accept func(sum []byte, size int64) error) error {
	tmp, err := os.CreateTemp(b.dir, ".new-*")
	if err != nil {
		return err
	}
	hash := md5.New()
	size, err := io.Copy(io.MultiWriter(tmp, hash), body)
	sum := hash.Sum(nil)
	if err == nil {
		err = accept(sum, size)
	}
	return keep(tmp, b.path(sum), err)
}

// keep moves a written file to its place, or removes it if something failed.
func keep(tmp *os.File, path string, err error) error {
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = os.Rename(tmp.Name(), path)
		}
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}

// open opens a file by its digest in base64.
func (b blobStore) open(digest string) (*os.File, error) {
	sum, ok := decodeMD5(digest)
	if !ok {
		return nil, fs.ErrNotExist
	}
	return os.Open(b.path(sum))
}

// remove removes a file by its digest in base64, if it is there.
func (b blobStore) remove(digest string) {
	if sum, ok := decodeMD5(digest); ok {
		_ = os.Remove(b.path(sum))
	}
}
