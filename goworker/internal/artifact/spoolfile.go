package artifact

import (
	"crypto/md5"
	"encoding"
	"encoding/base64"
	"errors"
	"hash"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// SpoolFile is a file of a Spool while it is written. It gathers what is written in a
// buffer, and has the size and MD5 when it is closed, without reading anything again. Any
// number of goroutines may use it. The first error sticks.
type SpoolFile struct {
	spool *Spool
	path  string

	mu     sync.Mutex
	file   *os.File          // nil when put aside or closed
	buf    *[bufferSize]byte // nil when nothing is gathered
	filled int
	sum    hash.Hash
	size   int64
	digest string // when closed
	done   bool
	err    error
}

const usedTooLate = "is used after its directory was removed"

// Create makes a file, the name of which must be new and plain. Only its Entry says where
// it is in the artifact.
func (s *Spool) Create(name string) (*SpoolFile, error) {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") {
		return nil, misused(name, "has a name that it cannot have")
	}
	f := &SpoolFile{spool: s, path: filepath.Join(s.dir, name), sum: md5.New()}
	if err := f.openFile(os.O_CREATE | os.O_EXCL); err != nil {
		return nil, err
	}
	return f, nil
}

// openFile opens the file for appending and notes that it is open.
func (f *SpoolFile) openFile(flag int) error {
	f.spool.mu.Lock()
	defer f.spool.mu.Unlock()
	if f.spool.closed {
		return misused(filepath.Base(f.path), usedTooLate)
	}
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND|flag, 0o600)
	if err != nil {
		return spoolFault(err, f.path)
	}
	f.file = file
	f.spool.open[f] = true
	return nil
}

// Write adds p to the file.
func (f *SpoolFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done {
		return 0, misused(filepath.Base(f.path), "is written to after it was closed")
	}
	if len(p) > bufferSize-f.filled {
		f.flush()
	}
	if len(p) >= bufferSize {
		f.writeOut(p)
	} else if f.err == nil {
		if f.buf == nil {
			f.buf = buffers.Get().(*[bufferSize]byte)
		}
		f.filled += copy(f.buf[f.filled:], p)
	}
	if f.err != nil {
		return 0, f.err
	}
	return len(p), nil
}

func (f *SpoolFile) flush() {
	if f.filled > 0 {
		f.writeOut(f.buf[:f.filled])
		f.filled = 0
	}
}

func (f *SpoolFile) writeOut(p []byte) {
	if f.err == nil && f.file == nil {
		f.err = f.openFile(0)
	}
	if f.err != nil {
		return
	}
	_, err := f.file.Write(p)
	if errors.Is(err, os.ErrClosed) {
		f.err = misused(filepath.Base(f.path), usedTooLate)
	} else if err != nil {
		f.err = spoolFault(err, f.path)
	}
	if err != nil {
		return
	}
	f.sum.Write(p)
	f.size += int64(len(p))
}

// Park gives the buffer and the file handle back; the next Write takes them again.
func (f *SpoolFile) Park() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.release()
	return f.err
}

func (f *SpoolFile) release() {
	f.flush()
	if f.buf != nil {
		buffers.Put(f.buf)
		f.buf = nil
	}
	if f.file == nil {
		return
	}
	f.spool.mu.Lock()
	delete(f.spool.open, f)
	closed := f.spool.closed // it closed the file, then
	f.spool.mu.Unlock()
	if err := f.file.Close(); err != nil && f.err == nil && !closed {
		f.err = spoolFault(err, f.path)
	}
	f.file = nil
}

// State is how many bytes were written, and the state of their MD5 as hash.Hash marshals it: it can go on elsewhere.
func (f *SpoolFile) State() (size int64, sum []byte, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flush()
	if f.err != nil {
		return 0, nil, f.err
	}
	sum, err = f.sum.(encoding.BinaryMarshaler).MarshalBinary()
	return f.size, sum, err
}

// DigestOf is the digest of a file, of which State gave the state, with so many bytes more behind it.
func DigestOf(state, more []byte) (string, error) {
	sum := md5.New()
	if err := sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		return "", err
	}
	_, _ = sum.Write(more)
	return base64.StdEncoding.EncodeToString(sum.Sum(nil)), nil
}

// Close ends the file. A second Close does nothing but say again what went wrong.
func (f *SpoolFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.done {
		f.release()
		f.digest = base64.StdEncoding.EncodeToString(f.sum.Sum(nil))
		f.done = true
	}
	return f.err
}

// Entry is the file as an entry of an artifact under path. It is complete only after a Close
// without an error; Files.Add refuses it before.
func (f *SpoolFile) Entry(path string) Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := Entry{Path: path, Size: f.size, LocalPath: f.path}
	if f.done && f.err == nil {
		e.Digest = f.digest
	}
	return e
}

// OpenLast is Open for a file that nobody needs afterwards: where the system can, its room on the disk is free when
// what it gives is closed, else when the Spool is.
func (f *SpoolFile) OpenLast() (*os.File, error) {
	file, err := f.Open()
	if err == nil {
		_ = os.Remove(f.path) // Windows removes no file that is open
	}
	return file, err
}

// Open opens the file for reading, after Close.
func (f *SpoolFile) Open() (*os.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.done {
		return nil, misused(filepath.Base(f.path), "is read before it is closed")
	}
	file, err := os.Open(f.path)
	if err != nil {
		return nil, fault.Wrap(err, fault.Settings, fault.Spool, "The temporary file %s cannot be read again: %v.", f.path, reason(err))
	}
	return file, nil
}
