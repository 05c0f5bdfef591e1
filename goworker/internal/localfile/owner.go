package localfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNotPrivate is the error for a directory that others could look into or exchange.
var ErrNotPrivate = errors.New("the directory is not private to this user")

// owner is what decides who may change a file.
type owner struct {
	mode     fs.FileMode
	uid, gid int64
}

// person is a user of this machine, and the group that nobody else is in, -1 for none.
type person struct{ uid, group int64 }

// trusts is whether a file or directory belongs to the person or to root, and nobody else may
// write to it. In a directory on the way to it (parent), others may write if it is sticky, as
// /tmp: they cannot exchange what is not theirs. shim/worker/ownership.py has the same rule, and
// both are tested with testdata/ownership.json.
func (p person) trusts(o owner, parent bool) bool {
	if o.uid != 0 && o.uid != p.uid {
		return false
	}
	if parent && o.mode&fs.ModeSticky != 0 {
		return true
	}
	perm := o.mode.Perm()
	return perm&0o002 == 0 && (perm&0o020 == 0 || o.gid == p.group || o.gid == 0)
}

// private is whether nobody else may even look into a directory of the person.
func (p person) private(o owner) bool { return o.uid == p.uid && o.mode.Perm()&0o077 == 0 }

// PrivateDir makes a directory, and those above it, for this user alone, whatever the umask is.
// One that is there has to be private already, and nobody else may be able to exchange it: the
// error is ErrNotPrivate otherwise.
func PrivateDir(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	var missing []string
	there := path
	for {
		if _, err = os.Lstat(there); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, there)
		there = filepath.Dir(there)
	}
	if err != nil {
		return err
	}
	if err := trustedChain(there); err != nil {
		return err
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := Mkdir(missing[i]); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() || !Private(info) {
		return fmt.Errorf("%w: %s", ErrNotPrivate, path)
	}
	return nil
}

// Mkdir makes a directory for this user alone, whatever the umask is.
func Mkdir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	return os.Chmod(path, 0o700)
}

// trustedChain goes from a path up to the root.
func trustedChain(path string) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for {
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if o, ok := ownerOf(info); ok && !me().trusts(o, true) {
			return fmt.Errorf("%w: others may write to %s", ErrNotPrivate, path)
		}
		above := filepath.Dir(path)
		if above == path {
			return nil
		}
		path = above
	}
}

// Mine is whether a file belongs to this user.
func Mine(info fs.FileInfo) bool {
	o, ok := ownerOf(info)
	return !ok || o.uid == me().uid
}

// Private is whether a directory belongs to this user, and nobody else may look into it.
func Private(info fs.FileInfo) bool {
	o, ok := ownerOf(info)
	return !ok || me().private(o)
}
