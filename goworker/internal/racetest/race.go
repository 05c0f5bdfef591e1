//go:build race

package racetest

// on says that the race detector is on.
const on = true
