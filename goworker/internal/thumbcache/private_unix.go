//go:build unix

package thumbcache

import (
	"io/fs"
	"os"
	"syscall"
)

// private is whether a directory is this user's and nobody else's.
func private(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid() && info.Mode().Perm()&0o077 == 0
}
