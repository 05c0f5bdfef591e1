//go:build !unix

package localfile

// dontWait is for pipes among the files, which these systems do not have.
const dontWait = 0
