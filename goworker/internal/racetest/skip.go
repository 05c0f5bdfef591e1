// Package racetest is for tests that the race detector does not suit.
package racetest

import "testing"

// Skip skips a large test of one goroutine where the race detector is on, which makes it ten times slower and takes memory of its own.
func Skip(t *testing.T) {
	t.Helper()
	if on {
		t.Skip("make test-go runs this test without the race detector")
	}
}
