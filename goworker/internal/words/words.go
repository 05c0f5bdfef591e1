// Package words writes numbers for people.
package words

import (
	"fmt"
	"strconv"
)

// Thousands writes 12345 as 12,345.
func Thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Bytes writes a size with a decimal unit, as W&B's pages do.
func Bytes(n int64) string {
	const k = 1000.0
	f := float64(n)
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if f < k {
			if unit == "B" {
				return fmt.Sprintf("%.0f %s", f, unit)
			}
			return fmt.Sprintf("%.1f %s", f, unit)
		}
		f /= k
	}
	return fmt.Sprintf("%.1f TB", f)
}
