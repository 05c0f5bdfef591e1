//go:build !unix

package thumbcache

import "io/fs"

// private cannot be told here: the directory is below the user's own.
func private(fs.FileInfo) bool { return true }
