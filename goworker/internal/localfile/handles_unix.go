//go:build unix

package localfile

import "syscall"

// Handles is how many files and connections this process may have open at once.
func Handles() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 256 // the least that systems give
	}
	return int(min(uint64(limit.Cur), 1<<20))
}
