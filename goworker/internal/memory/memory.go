// Package memory holds what a job may take of memory, and has the garbage collector keep to it.
package memory

import "runtime/debug"

// What a job takes at most, in bytes: one that makes pictures, and any other. Both are promises of the README, and tests measure them.
const (
	Pictures = 400 << 20
	Texts    = 300 << 20
)

// From where on garbage is collected at once, in bytes. The rest is for the program itself, and for what cannot wait.
const (
	pictureGoal = 320 << 20
	textGoal    = 128 << 20
)

// ForPictures sets the goal of a job that makes pictures. It holds for the whole process, which does one job.
func ForPictures() { debug.SetMemoryLimit(pictureGoal) }

// ForTexts sets the goal of any other job.
func ForTexts() { debug.SetMemoryLimit(textGoal) }
