package artifact

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"

	"github.com/gofrs/flock"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/localfile"
)

const (
	spoolPrefix = "fiftyone-wandb-spool-"
	lockSuffix  = ".lock"
)

var lockName = regexp.MustCompile(`^` + spoolPrefix + `[0-9a-f]{32}\` + lockSuffix + `$`)

// Spool is a private directory for the files that we make for one artifact. Beside it is a
// lock file, locked as long as the process lives: a directory whose lock is free was
// left by a process that crashed, and the next NewSpool removes it.
type Spool struct {
	dir  string
	lock *flock.Flock

	mu     sync.Mutex
	open   map[*SpoolFile]bool // those with a file handle
	closed bool
}

// NewSpool makes a spool in the directory parent, which is made if it is missing, after
// removing what crashed processes of this user left there.
func NewSpool(parent string) (*Spool, error) {
	parent, err := filepath.Abs(parent)
	if err == nil {
		err = os.MkdirAll(parent, 0o700)
	}
	if err != nil {
		return nil, spoolFault(err, parent)
	}
	sweep(parent)
	for range 10 {
		dir := filepath.Join(parent, spoolPrefix+randomName())
		lock, err := takeLock(dir+lockSuffix, os.O_CREATE)
		if err != nil {
			return nil, spoolFault(err, parent)
		}
		if lock == nil {
			continue // somebody sweeps at this moment and has it
		}
		if err := localfile.Mkdir(dir); err != nil {
			dropLock(lock)
			return nil, spoolFault(err, parent)
		}
		return &Spool{dir: dir, lock: lock, open: make(map[*SpoolFile]bool)}, nil
	}
	return nil, spoolFault(errors.New("its lock files are taken by other programs"), parent)
}

// Sub makes a spool within the spool, which the latter's lock protects.
func (s *Spool) Sub(name string) (*Spool, error) {
	dir, err := s.Dir(name)
	if err != nil {
		return nil, err
	}
	return &Spool{dir: dir, open: make(map[*SpoolFile]bool)}, nil
}

// Dir makes a directory in the spool. When it is complete, the caller may move it to where it stays.
func (s *Spool) Dir(name string) (string, error) {
	path := filepath.Join(s.dir, name)
	if err := localfile.Mkdir(path); err != nil {
		return "", spoolFault(err, path)
	}
	return path, nil
}

// Close removes the directory with all that is in it. It may be called more than once.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	for f := range s.open {
		_ = f.file.Close() // what it holds is thrown away
	}
	s.open = nil
	err := os.RemoveAll(s.dir)
	if s.lock == nil {
		return err
	}
	if err != nil {
		// The lock file stays, so that the next NewSpool tries again.
		_ = s.lock.Unlock()
		return fault.Wrap(err, fault.Settings, fault.Spool, "The temporary directory %s could not be removed: %v. The next call tries again.", s.dir, reason(err))
	}
	dropLock(s.lock)
	return nil
}

// randomName is 32 hex digits that nobody used before.
func randomName() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}

// takeLock locks a lock file; nil if another process holds it, or removed it just now.
// With os.O_CREATE it makes the file.
func takeLock(path string, flag int) (*flock.Flock, error) {
	lock := flock.New(path, flock.SetFlag(flag|os.O_RDWR))
	ok, err := lock.TryLock()
	if err != nil || !ok {
		return nil, err
	}
	// Between opening and locking, a sweep may have removed the file: then this is the
	// lock of a file that nobody else will ever see.
	locked, err := lock.Stat()
	if err == nil {
		var there fs.FileInfo
		if there, err = os.Lstat(path); err == nil && os.SameFile(locked, there) {
			return lock, nil
		}
	}
	_ = lock.Unlock()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return nil, nil
}

// dropLock removes a lock file that we hold, and then lets it go, in that order: between
// the two another process could take the lock otherwise, and lose its file.
func dropLock(lock *flock.Flock) {
	if os.Remove(lock.Path()) == nil {
		_ = lock.Unlock()
		return
	}
	// Windows removes no file that is open.
	_ = lock.Unlock()
	_ = os.Remove(lock.Path())
}

// sweep removes the spools of processes that are gone, as far as that is possible: what is left
// does no harm but for its size, and the next one tries again.
func sweep(parent string) {
	list, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, item := range list {
		path := filepath.Join(parent, item.Name())
		if !lockName.MatchString(item.Name()) || !looksLikeOurs(path) {
			continue
		}
		lock, err := takeLock(path, 0)
		if err != nil || lock == nil {
			continue
		}
		if os.RemoveAll(strings.TrimSuffix(path, lockSuffix)) == nil {
			dropLock(lock)
		} else {
			_ = lock.Unlock()
		}
	}
}

// looksLikeOurs is whether a lock file and its directory, which may be gone, are of the kind
// that NewSpool makes and of this user: the parent may be a directory for everybody.
func looksLikeOurs(lockPath string) bool {
	lock, err := os.Lstat(lockPath)
	if err != nil || !lock.Mode().IsRegular() || !localfile.Mine(lock) {
		return false
	}
	dir, err := os.Lstat(strings.TrimSuffix(lockPath, lockSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	return err == nil && dir.IsDir() && localfile.Private(dir)
}

// spoolFault is an error of the disk that the spool is on.
func spoolFault(err error, path string) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fault.Wrap(err, fault.Settings, fault.NoSpace, "There is no space left for temporary files at %s. Free some, or set TMPDIR to a directory on a larger disk.", path)
	}
	return fault.Wrap(err, fault.Settings, fault.Spool, "Temporary files cannot be written at %s: %v. Set TMPDIR to a directory that you can write to.", path, reason(err))
}

// misused is a mistake of our own with a spool's file.
func misused(name, what string) error {
	return fault.New(fault.Plugin, fault.Spool, "The temporary file %q %s. Please report this.", name, what)
}
