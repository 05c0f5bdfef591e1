package job

import "runtime/debug"

// What a job takes of memory at most, in bytes: one that makes pictures, and any other. Both are promises of the
// README, and tests measure them.
const (
	PictureMemory = 400 << 20
	TextMemory    = 300 << 20
)

// From where on garbage is collected at once. The rest is room for the program itself, and for what cannot wait.
const (
	pictureGoal = 320 << 20
	textGoal    = 128 << 20
)

// setMemoryGoal has the garbage collector keep to a goal. It is for the whole process, which does one job.
func setMemoryGoal(bytes int64) { debug.SetMemoryLimit(bytes) }
