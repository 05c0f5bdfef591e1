//go:build unix

package artifact

import (
	"io/fs"
	"os"
	"syscall"
)

// dontWait opens a pipe at once instead of waiting for its writer.
const dontWait = syscall.O_NONBLOCK

// mine is whether a file belongs to the user that we run as.
func mine(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// private is whether nobody else may look into a directory.
func private(info fs.FileInfo) bool { return info.Mode().Perm() == 0o700 }
