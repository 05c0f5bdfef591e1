//go:build unix

package localfile

import "syscall"

// dontWait opens a pipe at once instead of waiting for its writer, and no terminal becomes ours.
const dontWait = syscall.O_NONBLOCK | syscall.O_NOCTTY
