//go:build !unix

package localfile

// Handles is how many files and connections this process may have open at once.
func Handles() int { return 1 << 14 }
