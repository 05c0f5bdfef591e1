//go:build !unix

package artifact

import "io/fs"

// dontWait is for pipes among the files, which these systems do not have.
const dontWait = 0

// mine is always true: the user's temporary directory is private there already.
func mine(fs.FileInfo) bool { return true }

// private is always true, see mine.
func private(fs.FileInfo) bool { return true }
